"""Which changed boxes go through a net together, so that little is computed in vain.

Boxes of one batch have one shape at each layer, that of the largest. Near an edge of
the planes a box changes less, and so does one that lies otherwise between the strides:
such rows are better off in a batch of their own, if they are enough to pay for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from ..arrays import family
from ..layers import Conv
from ..layers.boxes import Indices
from ..window_ranges import reached
from .ranges import everything, joined
from .reach import Update
from .route import Route
from .steps import INPUT

Numbers = np.ndarray[Any, np.dtype[np.float64]]

SIDE = 4
"""Outputs along each axis that the quickest convolutions compute at once."""

READING = {"numpy": 512, "cupy": 8192}
"""Outputs that take as long as a batch takes to read the weights or, on a GPU, as many
as keep it busy."""


@dataclass(frozen=True, eq=False)
class _Axis:
    """The classes of rows along one axis, from little to much work."""

    labels: Indices  # (B,): the class of each row
    shares: Numbers  # (classes,): how much of the rows it has
    needs: Numbers  # (classes, layers): outputs that it changes

    @property
    def mean(self) -> Numbers:
        """Outputs of each layer, over all rows."""
        return self.shares @ self.needs

    def united(self, number: int) -> _Axis:
        """The same but for one class, that has joined the next."""
        shares, needs = self.shares.copy(), self.needs.copy()
        shares[number + 1] += shares[number]
        needs[number + 1] = needs[number : number + 2].max(axis=0)
        return _Axis(
            self.labels - (self.labels > number),
            np.delete(shares, number),
            np.delete(needs, number, axis=0),
        )


def together(route: Route[Update], boxes: Indices) -> list[Indices]:
    """Rows of ``boxes (B, rank, 2)`` in groups, each of which should travel by itself.

    Rows that need the same along an axis are a class of it. As long as all work gets
    less by it, those two neighbouring classes are united that save the most.
    """
    lengths, work = _needs(route, boxes)
    axes = [_classes(lengths[:, axis], work) for axis in range(lengths.shape[1])]
    begin = READING[family(route.tape[INPUT])] / max(1, len(boxes))
    least = _total(axes, work, begin)
    while closer := list(_closer(axes)):
        totals = [_total(each, work, begin) for each in closer]
        if min(totals) > least:
            break
        least = min(totals)
        axes = closer[totals.index(least)]
    label = np.zeros(len(boxes), np.int64)
    for axis in axes:
        label = label * len(axis.shares) + axis.labels
    return [np.flatnonzero(label == one) for one in np.unique(label)]


def _needs(route: Route[Update], boxes: Indices) -> tuple[Numbers, Numbers]:
    """Outputs ``(B, rank, layers)`` of each convolution that boxes change, in whole
    tiles, and the work ``(layers,)`` for one of them."""
    tape, rank = route.tape, boxes.shape[1]
    ranges = {INPUT: boxes}
    lengths, work = [np.zeros((len(boxes), rank, 0))], []
    for visit in route.visits:
        size = tape.shape(visit.name)[2:]
        sources = [s for s in visit.sources if s in ranges]
        if visit.window is not None:
            found = reached(visit.window, ranges[visit.sources[0]], size)
        elif visit.windowed and all(tape.shape(s)[2:] == size for s in visit.sources):
            found = reduce(joined, [ranges[s] for s in sources])
        else:
            found = everything(boxes, size)
        ranges[visit.name] = found
        if isinstance(visit.layer, Conv) and len(size) == rank:
            tiles = -(-(found[..., 1] - found[..., 0]) // SIDE)
            lengths.append(tiles[..., None] * float(SIDE))
            work.append(float(visit.layer.weight.size))
    return np.concatenate(lengths, axis=-1), np.array(work)


def _classes(lengths: Numbers, work: Numbers) -> _Axis:
    """Those of rows that need ``lengths (B, layers)``."""
    needs, labels, counts = np.unique(
        lengths, axis=0, return_inverse=True, return_counts=True
    )
    order = np.argsort(needs @ work, kind="stable")
    labels = np.argsort(order)[labels.reshape(-1)]
    return _Axis(labels, counts[order] / max(1, len(lengths)), needs[order])


def _closer(axes: Sequence[_Axis]) -> Iterator[list[_Axis]]:
    """Every way to unite two neighbouring classes of one axis."""
    for number, axis in enumerate(axes):
        for one in range(len(axis.shares) - 1):
            yield [*axes[:number], axis.united(one), *axes[number + 1 :]]


def _total(axes: Sequence[_Axis], work: Numbers, begin: float) -> float:
    """All work for a row: of its outputs, and its part of what groups begin with."""
    groups = math.prod(len(axis.shares) for axis in axes)
    outputs = reduce(np.multiply, (axis.mean for axis in axes), np.ones_like(work))
    return float(work @ (outputs + begin * groups))
