"""Which array of a file is which parameter of an architecture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FileFormatError
from ..io.weight_file import Layout
from ..layers import Linear
from ..per_axis import Sizes
from .architecture import Architecture
from .catalogue import ARCHITECTURES, identify
from .fit import IGNORED, grouped
from .layouts import by_layer, fits, place_of, turned
from .planes import planes
from .row import Row

Array = np.ndarray[Any, Any]

BY_NAME = "by name"
BY_SHAPE = "by shape and order"
ALIKE = 0.25
"""A larger share of common layers makes an architecture worth comparing with."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """``weights`` by state-dict key, in torch's layout; ``sources``, their names in
    the file by the same keys; ``how`` they were matched."""

    architecture: Architecture
    weights: Mapping[str, Array]
    sources: Mapping[str, str]
    how: str = BY_NAME


def map_weights(
    weights: Mapping[str, Array],
    *,
    layout: Layout = "torch",
    architecture: Architecture | None = None,
) -> Mapped:
    """Match arrays to the parameters of an architecture, any known one by default.

    By name where the names are the architecture's own, a prefix that all share left
    aside. Otherwise, if the architecture is given, layer by layer: each row takes the
    first layer of the file, in the file's order, whose arrays have its shapes, until
    none is left on either side. (Shapes do not tell strides and padding: that these
    are the architecture's is for the caller to know.) The number of classes is the
    file's own. Training counters are ignored.

    Raises:
        FileFormatError: if neither succeeds, saying how the nearest architecture
            differs, or which one has the same shapes.
    """
    given = {
        key: array
        for key, array in weights.items()
        if key.rpartition(".")[2] != IGNORED
    }
    known = list(ARCHITECTURES.values()) if architecture is None else [architecture]
    for names in _spellings(given):
        named = {name: given[key] for name, key in names.items()}
        for each in known:
            oriented = _oriented(each, named, layout)
            if each.fit(oriented).complete:
                return Mapped(each, _packed(oriented), names)
    # Shapes first: turning arrays costs time, and most architectures do not fit.
    outlines = by_layer(
        {key: np.broadcast_to(np.float32(0), a.shape) for key, a in given.items()}
    )
    attempts = [_by_shape(each, outlines, layout) for each in known]
    best = max(attempts, key=lambda attempt: attempt.score)
    if best.complete and architecture is None:
        raise FileFormatError(
            f"these weights have the shapes of {best.architecture.name} in its order, "
            f"but other names (first {ascii(next(iter(given)))[:80]}): if that is "
            f"their network, say so with {best.architecture.name}:FILE"
        )
    if best.complete:
        found = _by_shape(best.architecture, by_layer(given), layout)
        sources = _sources(given, found.taken)
        return Mapped(best.architecture, _packed(found.weights), sources, BY_SHAPE)
    if layout != "torch" and best.score > ALIKE:
        raise FileFormatError(best.differences())
    if architecture is None:
        identify(given)
    elif given:
        architecture.check(_oriented(architecture, given, layout))
    raise FileFormatError("there are no arrays in these weights")


def _spellings(weights: Iterable[str]) -> Iterator[dict[str, str]]:
    """Keys as they are, then without first words that all have, to the originals."""
    names = {key: key for key in weights}
    while names:
        yield names
        words = {name.partition(".")[0] for name in names}
        if len(words) > 1 or not all("." in name for name in names):
            return
        names = {name.partition(".")[2]: key for name, key in names.items()}


def _oriented(
    architecture: Architecture, weights: Mapping[str, Array], layout: Layout
) -> dict[str, Array]:
    if layout == "torch":
        return dict(weights)
    sizes = _flattened(architecture)
    found = dict(weights)
    for row in architecture.rows:
        for parameter in row.shapes:
            key = f"{row.key}.{parameter}"
            if key in found:
                array, before = found[key], sizes.get(row.name, ())
                found[key] = turned(array, row, parameter, layout, before)
    return found


def _packed(weights: Mapping[str, Array]) -> dict[str, Array]:
    # Not ascontiguousarray, which gives an array without axes one axis.
    return {key: np.asarray(array, order="C") for key, array in weights.items()}


def _flattened(architecture: Architecture) -> dict[str, Sizes]:
    """For the first linear row after planes: the sizes these were flattened from."""
    sizes = planes(architecture)
    last: Sizes = ()
    for row in architecture.rows:
        last = sizes[row.name] or last
        if issubclass(row.layer, Linear):
            return {row.name: last}
    return {}


@dataclass
class _Attempt:
    """How far matching by shape came: file's layers by row, and those left over."""

    architecture: Architecture
    weights: dict[str, Array]
    taken: dict[str, str]
    lacking: list[Row]
    left: dict[str, dict[str, Array]]

    @property
    def complete(self) -> bool:
        return not self.lacking and not self.left

    @property
    def score(self) -> float:
        """Layers matched over all layers of either side, 0 to 1."""
        every = len(self.taken) + len(self.lacking) + len(self.left)
        return len(self.taken) / max(1, every)

    def differences(self) -> str:
        rows = len(self.taken) + len(self.lacking)
        lines = [
            f"these weights are not {self.architecture.name}'s ({len(self.taken)} of "
            f"its {rows} layers find one of their shape):"
        ]
        if self.lacking:
            lacking = ", ".join(
                f"{row.name} {row.shapes.get('weight', ())}" for row in self.lacking
            )
            lines.append(f"  missing: {lacking}")
        if self.left:
            left = (
                f"{layer}.{name}" for layer, held in self.left.items() for name in held
            )
            lines.append(f"  not part of it: {grouped(left)}")
        return "\n".join(lines)


def _by_shape(
    architecture: Architecture, layers: Mapping[str, dict[str, Array]], layout: Layout
) -> _Attempt:
    attempt = _Attempt(architecture, {}, {}, [], dict(layers))
    sizes = _flattened(architecture) if layout == "keras" else {}
    for row in (row for row in architecture.rows if row.shapes):
        for layer, held in attempt.left.items():
            if held.keys() != row.shapes.keys():
                continue
            before = sizes.get(row.name, ())
            arrays = {
                name: turned(array, row, name, layout, before)
                for name, array in held.items()
            }
            # The last row: its length, the number of classes, is the file's own.
            free = row is architecture.classifier
            if all(fits(arrays[n], s, any_length=free) for n, s in row.shapes.items()):
                attempt.weights |= {f"{row.key}.{n}": a for n, a in arrays.items()}
                attempt.taken[row.key] = layer
                del attempt.left[layer]
                break
        else:
            attempt.lacking.append(row)
    return attempt


def _sources(given: Mapping[str, Array], taken: Mapping[str, str]) -> dict[str, str]:
    """The file's names by state-dict key; ``taken`` are the file's layers by row."""
    rows = {layer: key for key, layer in taken.items()}
    return {
        f"{rows[layer]}.{parameter}": name
        for name in given
        for layer, parameter in [place_of(name, rows)]
    }
