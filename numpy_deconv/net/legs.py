"""The way of many units in legs: in each, boxes and batches that suit its layers.

Where weights are large, high up, many units have to share each reading of them, so that
all boxes are made one size there and batches are large; further down the windows are,
and at the edges of the image it is work that has to be saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from ..arrays import Array, is_float
from ..layers.boxes import Indices
from ..rules import Rules
from .courses import Part, courses_of
from .descent import descend, row_bytes
from .footprint import Stop, separable
from .route import Batch, Route, batches, in_memory
from .tape import Tape

SPEED = 4e11  # multiplications a second, zeros that are skipped among them
OVERHEAD = 5e-5  # seconds that a layer takes for a batch, however small
READING = 200  # multiplications that take as long as fetching a weight for a batch

Given = Callable[[Batch[Stop]], Array]
"""What signal the rows of a batch start a leg with, in their boxes."""


@dataclass(frozen=True, eq=False)
class Leg:
    """From one layer down to another, between which there is no way around."""

    route: Route[Stop]
    start: str
    stop: str


class Way(NamedTuple):
    """How long it takes to get to a joint, in how many batches, and by which legs:
    whether boxes are even, and between which joints."""

    seconds: float
    batches: float
    legs: tuple[tuple[bool, int, int], ...]


def legs(
    tape: Tape, start: str, places: Indices, rules: Rules, stop: str, limit: int
) -> list[Leg] | None:
    """The quickest way of units ``places (B, 1 + rank)``, sample and position, with
    batches of ``limit`` bytes; the numbers that come out differ by rounding only.

    None where only whole planes will do: for integers, for a rule that is not local,
    for layers that mix the samples or cannot tell what they saved for each of them.
    """
    if not len(places) or not is_float(tape[start].dtype):
        return None
    courses, at = courses_of(tape, start, places[:, 1:], rules, stop)
    if courses is None or not separable(tape, courses.names):
        return None
    end, size = len(courses.ends) - 1, tape.output.itemsize
    ways = [False, True] if courses.part(False, 0, end).groups(at) > 1 else [False]
    # the quickest way to each joint, from those to the joints above it
    best = [Way(0.0, 1.0, ())]
    for last in range(1, end + 1):
        found = []
        for first, above in enumerate(best):
            for even in ways:
                part = courses.part(even, first, last)
                seconds, count = _taken(part, at, limit // size, above.batches)
                way = *above.legs, (even, first, last)
                found.append(Way(above.seconds + seconds, count, way))
        best.append(min(found, key=lambda each: each.seconds))
    names = [name for _, name in courses.ends]
    return [
        Leg(
            Route(tape, courses.part(even, first, last).course, at, places[:, 0]),
            names[first],
            names[last],
        )
        for even, first, last in best[-1].legs
    ]


def _taken(part: Part, at: Indices, limit: int, above: float) -> tuple[float, float]:
    """A rough guess at how long a leg takes, with ``limit`` numbers in a batch, and in
    how many batches: each of those ``above`` is a batch for each group of its rows."""
    groups = min(part.groups(at), max(1.0, len(at) / above))
    count = above * groups + 8 * part.most(at) / max(1, limit)
    work = part.work(at) + READING * sum(part.weights) * count
    return work / SPEED + OVERHEAD * count * (1 + len(part.weights)), count


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
