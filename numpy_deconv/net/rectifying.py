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
    readers = Counter(source for sources in carried.values() for source in sources)
    return {
        name: sources[0]
        for name, sources in carried.items()
        if len(sources) == 1
        and sources[0] != stop
        and readers[sources[0]] == 1
        and rules.get(sources[0]) is rectify_signal
    }
