"""The way of many units in legs: in each, boxes and batches that suit its layers.

Where weights are large, high up, many units have to share each reading of them, so that
all boxes are made one size there and batches are large; further down the windows are,
and at the edges of the image it is work that has to be saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..arrays import Array
from ..layers.boxes import Indices
from ..rules import Rules
from .descent import descend, row_bytes
from .footprint import Stop, footprint, part
from .route import Batch, Route, batches, in_memory
from .tape import Tape

SPEED = 2e11  # multiplications a second, zeros that are skipped among them
OVERHEAD = 1e-4  # seconds that a layer takes for a batch, however small
READING = 100  # multiplications that take as long as fetching a weight for a batch

Given = Callable[[Batch[Stop]], Array]
"""What signal the rows of a batch start a leg with, in their boxes."""


@dataclass(frozen=True, eq=False)
class Leg:
    """From one layer down to another, between which there is no way around."""

    route: Route[Stop]
    start: str
    stop: str


def legs(
    tape: Tape, start: str, places: Indices, rules: Rules, stop: str, limit: int
) -> list[Leg] | None:
    """The quickest way of the units ``places`` with batches of ``limit`` bytes.

    The numbers that come out are the same on any. None where :func:`footprint` is.
    """
    cut = footprint(tape, start, places, rules, stop, even=False)
    if cut is None:
        return None
    routes = [cut]
    if cut.count > 1:
        even = footprint(tape, start, places, rules, stop, even=True)
        routes += [] if even is None else [even]
    ends = [*_joints(cut, start), (len(cut.visits), stop)]
    # the quickest way to each joint, from those to the joints above it
    best: list[tuple[float, list[Leg]]] = [(0.0, [])]
    for number, (last, name) in enumerate(ends[1:], start=1):
        ways = []
        for (first, above), (seconds, way) in zip(ends[:number], best, strict=True):
            for route in routes:
                leg = part(route, route.visits[first:last], above, name)
                taken = seconds + _seconds(leg, limit)
                ways.append((taken, [*way, Leg(leg, above, name)]))
        best.append(min(ways, key=lambda each: each[0]))
    return best[-1][1]


def _joints(route: Route[Stop], start: str) -> Iterator[tuple[int, str]]:
    """``start``, and each layer below which windows grow, if all of the signal is
    there; with the number of visits above it."""
    yield 0, start
    pending = {start}
    for number, visit in enumerate(route.visits):
        grows = visit.window is not None and max(visit.window.stride, default=1) > 1
        if number and grows and pending == {visit.name}:
            yield number, visit.name
        pending.discard(visit.name)
        pending.update(visit.sources[slot] for slot in visit.carrying)


def _seconds(route: Route[Stop], limit: int) -> float:
    """A rough guess at how long a leg takes."""
    tape, work, weights, most = route.tape, 0.0, 0, 0.0
    for visit in route.visits:
        boxes = route.ranges[visit.name]
        places = float((boxes[..., 1] - boxes[..., 0]).prod(axis=1).sum())
        channels = tape.shape(visit.name)[1]
        size = max((p.size for p in visit.layer.params.values()), default=0)
        work += places * max(size, 8 * channels)
        weights += size
        most = max(most, 8 * places * channels * tape.output.itemsize)
    count = route.count + most / limit
    work += READING * weights * count
    return work / SPEED + OVERHEAD * count * (1 + len(route.visits))


def down(
    way: list[Leg], given: Given, limit: int, rows: Indices | None = None
) -> Iterator[tuple[Batch[Stop], Array]]:
    """Every row at the end of the last leg, in batches: ``(B, C, *shape)`` windows."""
    leg, *rest = way

    def windows(batch: Batch[Stop]) -> Array:
        return descend(batch, given(batch), leg.start, leg.stop)

    for whole in batches(leg.route, limit, row_bytes, rows):
        for batch, found in in_memory(whole, windows):
            if rest:
                handed = partial(_handed, batch, leg.stop, found)
                yield from down(rest, handed, limit, batch.rows)
            else:
                yield batch, found


def _handed(above: Batch[Stop], name: str, windows: Array, below: Batch[Stop]) -> Array:
    """Of one leg's windows those that a batch of the next one needs, in its boxes."""
    order = np.argsort(above.rows)
    index = order[np.searchsorted(above.rows, below.rows, sorter=order)]
    there, here = above.at(name), below.at(name)
    same = np.array_equal(index, np.arange(len(above.rows)))
    if same and there.alike(here):
        return windows
    return here.moved(windows, there, index)
