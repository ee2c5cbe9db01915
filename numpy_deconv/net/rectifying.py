"""Which layers on the way down can rectify the signal for the one below them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ..rules import Rule, rectify_signal


def rectifying(
    carried: Mapping[str, Sequence[str]], rules: Mapping[str, Rule], stop: str
) -> dict[str, str]:
    """Layers whose signal goes into one rectification only, and which layer that is.

    ``carried`` are the sources that each layer's signal goes on to, ``rules`` how.
    Both at once are one pass over the numbers less: :meth:`Rule.rectified`.
    """
    return _alone(
        carried, stop, {name for name, r in rules.items() if r is rectify_signal}
    )


def rectifying_early(
    carried: Mapping[str, Sequence[str]],
    rules: Mapping[str, Rule],
    stop: str,
    rectified: Mapping[str, str],
) -> dict[str, str]:
    """Layers above one of the ``rectified`` that could as well rectify what goes into
    it, and which layer that is."""
    early = {name for name in rectified if name in rules and rules[name].early}
    return _alone(carried, stop, early)


def _alone(
    carried: Mapping[str, Sequence[str]], stop: str, below: set[str]
) -> dict[str, str]:
    """Layers whose signal goes into one of those ``below`` only, which has no other."""
    readers = Counter(source for sources in carried.values() for source in sources)
    return {
        name: sources[0]
        for name, sources in carried.items()
        if len(sources) == 1
        and sources[0] != stop
        and readers[sources[0]] == 1
        and sources[0] in below
    }
