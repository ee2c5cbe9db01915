"""How well a set of arrays fits a table of parameters: every difference at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

IGNORED = "num_batches_tracked"
"""A training counter of PyTorch's batch norm: no value here depends on it."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The comparison of wanted parameter shapes with given arrays.

    ``str(fit)`` is one indented line per kind of difference, keys grouped by layer.
    """

    fitting: int
    wanted: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    misshapen: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]

    @property
    def complete(self) -> bool:
        """True when nothing is missing, left over or of another shape."""
        return not (self.missing or self.extra or self.misshapen)

    @property
    def score(self) -> float:
        """Fitting parameters over all keys of either side, 0 to 1."""
        return self.fitting / max(1, self.wanted + len(self.extra))

    def __str__(self) -> str:
        lines = []
        if self.missing:
            lines.append(f"  missing: {grouped(self.missing)}")
        if self.extra:
            lines.append(f"  not part of it: {grouped(self.extra)}")
        lines += [
            f"  wrong shape: {key} is {found}, needs {needed}"
            for key, found, needed in self.misshapen
        ]
        return "\n".join(lines)


def fit(wanted: Mapping[str, tuple[int, ...]], weights: Mapping[str, Any]) -> Fit:
    """Compare ``weights`` (arrays by key) with the ``wanted`` shapes by key."""
    given = {
        key: tuple(array.shape)
        for key, array in weights.items()
        if key.rpartition(".")[2] != IGNORED
    }
    misshapen = tuple(
        (key, given[key], shape)
        for key, shape in wanted.items()
        if key in given and given[key] != shape
    )
    missing = tuple(key for key in wanted if key not in given)
    return Fit(
        fitting=len(wanted) - len(missing) - len(misshapen),
        wanted=len(wanted),
        missing=missing,
        extra=tuple(key for key in given if key not in wanted),
        misshapen=misshapen,
    )


def grouped(keys: Iterable[str]) -> str:
    """Keys in one line, parameters of one layer together: ``fc.{weight, bias}``."""
    layers: dict[str, list[str]] = {}
    for key in keys:
        layer, dot, parameter = key.rpartition(".")
        layers.setdefault(layer + dot, []).append(parameter)
    return ", ".join(
        layer + (names[0] if len(names) == 1 else "{" + ", ".join(names) + "}")
        for layer, names in layers.items()
    )
