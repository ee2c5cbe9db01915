"""Do nets know which part is which? Hiding the same part changes features alike.

Zeiler & Fergus 2014, section 4.3 and table 1. With ``e_i`` the change of a layer's
features when a part of picture i is hidden, ``Delta`` is the sum over all pairs of
pictures of the Hamming distance of ``sign(e_i)`` and ``sign(e_j)``. The smaller, the
more alike; random places are what to compare with. The table's numbers, 0.07 to 0.11,
are the sum divided by the number of pairs and of features, so both are given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import OptionError, ShapeError
from ..functional.options import whole
from ..layers import Box
from .drawing import Picture
from .occlusion import filling
from .plotting import Line, plot
from .result import Result
from .subject import batch_of, net_of, settings_of

RANDOM = "random"


@dataclass(frozen=True, eq=False)
class Correspondence(Result):
    """``pixels (parts, layers)``: Delta for each pair and feature; ``sums``, Delta as
    the paper prints it. The last of ``parts`` is ``"random"``, ``spread`` its standard
    deviation over the draws, one for each layer."""

    parts: list[str]
    layers: list[str]
    sums: Array
    spread: list[float]

    def drawn(self) -> Picture:
        """A curve over the layers for each part."""
        across = np.arange(len(self.layers))
        several = len(self.layers) > 1
        lines = [
            Line(part, across, row, not several)
            for part, row in zip(self.parts, self.pixels, strict=True)
        ]
        return plot(lines, "Delta for each pair and feature", "layer", (0,))


def correspondence(
    net: Any,
    x: Any,
    parts: Mapping[str, Box | Sequence[Box]],
    layers: str | Sequence[str],
    *,
    value: Any = 0.0,
    draws: int = 10,
    seed: int = 0,
) -> Correspondence:
    """How consistently ``layers`` change when the same part of each picture is hidden.

    ``parts`` names a box, half-open ``(first, stop)`` ranges of rows and columns, for
    all pictures of ``x (N, C, *size)`` or for each; it is filled with ``value``. The
    part ``"random"`` is the mean of ``draws`` times as many boxes of those sizes at
    random places. Needs at least two pictures.
    """
    graph, batch = net_of(net), batch_of(x)
    if len(batch) < 2:
        raise ShapeError(f"pairs of pictures are compared, x has {len(batch)}")
    names = [layers] if isinstance(layers, str) else list(layers)
    for name in names:
        graph.require(name)
    if not parts or RANDOM in parts:
        raise OptionError(
            f"parts must name at least one box, and none may be {RANDOM!r}: got "
            f"{list(parts)}"
        )
    boxes = {name: _boxes(name, box, batch) for name, box in parts.items()}
    fill, count = filling(value, batch), whole(draws, "draws", 1)
    before = _features(graph, batch, names)

    def deltas(places: list[Box]) -> list[float]:
        after = _features(graph, _hidden(batch, places, fill), names)
        signs = [np.sign(a - b) for a, b in zip(before, after, strict=True)]
        return [_delta(each) for each in signs]

    sums = [deltas(places) for places in boxes.values()]
    rng = np.random.default_rng(whole(seed, "seed", 0))
    by_chance = np.array(
        [
            deltas([_elsewhere(box, batch.shape[2:], rng) for box in places])
            for places in boxes.values()
            for _ in range(count)
        ]
    )
    table = np.array([*sums, by_chance.mean(axis=0).tolist()])
    pairs = len(batch) * (len(batch) - 1)
    each = pairs * np.array([features.shape[1] for features in before])
    settings = settings_of(
        "correspondence",
        graph,
        batch,
        parts={name: list(map(list, places)) for name, places in boxes.items()},
        layers=names,
        value=fill.reshape(-1).tolist(),
        draws=count,
        seed=seed,
    )
    spread = (by_chance / each).std(axis=0).tolist()
    return Correspondence(
        table / each, settings, [*boxes, RANDOM], names, table, spread
    )


def _delta(signs: Array) -> float:
    """The sum over ordered pairs of rows of how many signs differ."""
    total = 0
    for i, row in enumerate(signs):
        total += int((signs[i + 1 :] != row).sum())
    return float(2 * total)


def _features(net: Any, x: Array, names: list[str]) -> list[Array]:
    last = max(names, key=list(net.nodes).index)
    tape = net.run(x, until=last, keep=names)
    return [to_numpy(tape[name]).reshape(len(x), -1) for name in names]


def _hidden(x: Array, places: list[Box], fill: Array) -> Array:
    shown = x.copy()
    for picture, box in zip(shown, places, strict=True):
        picture[(slice(None), *(slice(*side) for side in box))] = fill
    return shown


def _boxes(name: str, given: Any, x: Array) -> list[Box]:
    """One box for each picture."""
    boxes = np.asarray(given)
    rank, size = x.ndim - 2, np.array(x.shape[2:])
    if boxes.shape == (rank, 2):
        boxes = boxes[None].repeat(len(x), axis=0)
    fits = boxes.shape == (len(x), rank, 2) and boxes.dtype.kind in "iu"
    if (
        not fits
        or not (
            (boxes[..., 0] >= 0)
            & (boxes[..., 0] < boxes[..., 1])
            & (boxes[..., 1] <= size)
        ).all()
    ):
        raise OptionError(
            f"part {name!r}: a box is a range (first, stop) for each of {rank} axes, "
            f"inside of {tuple(x.shape[2:])}; give one, or {len(x)}: got {given!r}"
        )
    return [tuple((int(a), int(b)) for a, b in box) for box in boxes]


def _elsewhere(box: Box, size: tuple[int, ...], rng: np.random.Generator) -> Box:
    """A box of the same size anywhere in the picture."""
    ends = []
    for (first, stop), length in zip(box, size, strict=True):
        start = int(rng.integers(0, length - (stop - first) + 1))
        ends.append((start, start + stop - first))
    return tuple(ends)
