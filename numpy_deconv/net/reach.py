"""What of a net's activations can change when a box of its input does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from ..layers import Layer
from ..layers.boxes import Boxes, Indices
from ..per_axis import Sizes
from ..window_ranges import extent, reached
from .ranges import alike, everything, joined, same_places
from .route import Course, Route, Visit
from .steps import INPUT, Bounds, Step
from .tape import Tape


@dataclass(frozen=True, eq=False)
class Update(Visit):
    """A layer to compute again on the boxes that change, within the bounds of the
    activation that follows if that is computed with it.

    ``name`` is the activation's then, and ``origin`` the layer's own.
    """

    origin: str
    windowed: bool  # whether on windows, else on whole planes
    bounds: Bounds

    @property
    def with_activation(self) -> bool:
        """Whether the activation that follows is computed with it."""
        return self.name != self.origin


def reach(tape: Tape, steps: Sequence[Step], boxes: Indices) -> Route[Update]:
    """The layers that change with boxes ``(B, rank, 2)`` of the first sample.

    The boxes of a layer are as large as the largest has to be, and lie inside of its
    planes: more is computed again than at the edges would be needed, so that all rows
    are one batch. What they read may hang over. A layer that does not work on windows
    changes everywhere.
    """
    ranges = {INPUT: alike(boxes, tape.shape(INPUT)[2:])}
    visits = []
    for step in steps:
        layer, name = tape.net[step.name], step.then or step.name
        sources = tuple(n.partition(":")[0] for n in tape.net.nodes[step.name].inputs)
        moved = [(ranges[s], tape.shape(s)[2:]) for s in sources if s in ranges]
        if not moved:
            continue
        sizes, size = [tape.shape(s)[2:] for s in sources], tape.shape(name)[2:]
        windowed = _works_on_windows(layer, sizes, size)
        window = layer.window(sizes[0]) if windowed else None
        if window is not None:
            ranges[name] = alike(reached(window, moved[0][0], size), size)
            reads = [extent(window, ranges[name])]
        elif windowed:
            changed = [_spread(its, plane, size) for its, plane in moved]
            ranges[name] = alike(reduce(joined, changed), size)
            reads = [same_places(ranges[name], each) for each in sizes]
        else:
            ranges[name] = everything(boxes, size)
            reads = [everything(boxes, each) for each in sizes]
        visit = (step.number, name, layer, sources, tuple(reads), window)
        visits.append(Update(*visit, step.name, windowed, step.bounds))
    rows = np.zeros(len(boxes), np.int64)
    course = Course(visits, ranges)
    return Route(tape, course, np.arange(len(boxes)), rows)


def _works_on_windows(layer: Layer, sizes: list[Sizes], size: Sizes) -> bool:
    """Whether there is such a layer; asked with boxes that are all there is."""
    row = np.zeros(1, np.int64)
    inputs = [Boxes(np.zeros((1, len(s)), np.int64), s, s, row) for s in sizes]
    output = Boxes(np.zeros((1, len(size)), np.int64), size, size, row)
    return layer.on_windows(inputs, output) is not None


def _spread(ranges: Indices, size: Sizes, output_size: Sizes) -> Indices:
    """An elementwise layer's; what is broadcast along an axis changes all of it."""
    spread = [(a == 1) & (b != 1) for a, b in zip(size, output_size, strict=True)]
    if not any(spread):
        return ranges
    empty = np.asarray((ranges[..., 1] <= ranges[..., 0]).any(axis=1))[:, None, None]
    whole = everything(ranges, output_size)
    return np.where(np.array(spread)[:, None] & ~empty, whole, ranges)
