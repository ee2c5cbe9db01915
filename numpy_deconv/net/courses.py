"""All that there is to know of the ways of a layer's units before any is projected.

A way depends on a unit's position and on the shapes of the net, on nothing that was
computed: it is worked out for all positions of a layer at once, and remembered.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..layers.boxes import Indices
from ..rules import Rules
from .footprint import Stop, footprint, part
from .route import Course
from .tape import Tape

#: Positions times layers up to which the ways of all are remembered: some megabytes.
REMEMBERED = 1 << 17

HANDLING = 400  # multiplications that take as long as reading and writing a number

Amounts = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Part:
    """A course from one joint to another, and how much there is to do on it."""

    course: Course[Stop]
    channels: tuple[int, ...]  # of each visit's output
    weights: tuple[int, ...]  # of each visit

    @cached_property
    def _places(self) -> Amounts:
        """How many places there are in each row's box at each visit."""
        boxes = [self.course.ranges[visit.name] for visit in self.course.visits]
        found = [(b[..., 1] - b[..., 0]).prod(axis=1) for b in boxes]
        return np.stack(found, axis=-1).astype(float)

    @cached_property
    def _work(self) -> Amounts:
        each = [
            0 if visit.is_done else max(weights, HANDLING * channels)
            for visit, weights, channels in zip(
                self.course.visits, self.weights, self.channels, strict=True
            )
        ]
        return self._places @ np.array(each, float)

    def work(self, at: Indices) -> float:
        """Multiplications for these rows, zeros that are skipped among them."""
        return float(self._work[at].sum()) if self.weights else 0.0

    def most(self, at: Indices) -> float:
        """The numbers of these rows at the layer that has the most of them."""
        if not self.weights:
            return 0.0
        return float((self._places[at].sum(axis=0) * np.array(self.channels)).max())

    def groups(self, at: Indices) -> int:
        """In how many groups these rows can travel."""
        return len(set(self.course.labels[at].tolist()))


@dataclass(frozen=True, eq=False)
class Courses:
    """The two ways of some positions, with boxes cut at the edges and with even ones,
    and between which layers they may be changed."""

    cut: Course[Stop]
    even: Course[Stop]
    ends: list[tuple[int, str]]  # the visits above each joint, and its name
    channels: dict[str, int]
    _parts: dict[tuple[bool, int, int], Part] = field(default_factory=dict, init=False)

    @property
    def names(self) -> list[str]:
        """The layers on the way."""
        return [visit.name for visit in self.cut.visits]

    def part(self, even: bool, first: int, last: int) -> Part:
        """What lies between two joints."""
        found = self._parts.get((even, first, last))
        if found is None:
            (above, start), (below, stop) = self.ends[first], self.ends[last]
            course = self.even if even else self.cut
            visits = course.visits[above:below]
            found = self._parts[even, first, last] = Part(
                part(course, visits, start, stop),
                tuple(self.channels[visit.name] for visit in visits),
                tuple(map(_weights, visits)),
            )
        return found


def courses_of(
    tape: Tape, start: str, positions: Indices, rules: Rules, stop: str
) -> tuple[Courses | None, Indices]:
    """The ways of all positions of ``start``, and which of them ``positions (B, rank)``
    are; of a large plane only those ways. None where :func:`.footprint` is."""
    plane = tape.shape(start)[2:]
    flat = positions @ np.cumprod((1, *plane[:0:-1]))[::-1] if plane else 0
    flat = np.broadcast_to(np.asarray(flat, np.int64), len(positions))
    layers = list(tape.net.nodes).index(start) + 1
    if math.prod(plane) * layers > REMEMBERED:
        chosen, at = np.unique(flat, return_inverse=True)
        return _courses(tape, start, chosen, rules, stop), at
    shapes = tuple((name, shape[1:]) for name, shape in tape.shapes.items())
    found = tape.net.remembered(
        ("courses", id(rules), start, stop, shapes),
        # rules are told apart by who they are, and held as long as they are known by it
        lambda: (
            rules,
            _courses(tape, start, np.arange(math.prod(plane)), rules, stop),
        ),
    )
    return found[1], flat


def _courses(
    tape: Tape, start: str, flat: Indices, rules: Rules, stop: str
) -> Courses | None:
    plane = tape.shape(start)[2:]
    at = np.stack(np.unravel_index(flat, plane), -1) if plane else flat[:, None][:, :0]
    cut = footprint(tape, start, at, rules, stop, even=False)
    even = footprint(tape, start, at, rules, stop, even=True)
    if cut is None or even is None:
        return None
    channels = {visit.name: tape.shape(visit.name)[1] for visit in cut.visits}
    return Courses(cut, even, [*_joints(cut, start), (len(cut.visits), stop)], channels)


def _joints(course: Course[Stop], start: str) -> Iterator[tuple[int, str]]:
    """``start``, and each layer below which windows grow, if all of the signal is
    there; with the number of visits above it."""
    yield 0, start
    pending = {start}
    for number, visit in enumerate(course.visits):
        grows = visit.window is not None and max(visit.window.stride, default=1) > 1
        if number and grows and pending == {visit.name}:
            yield number, visit.name
        pending.discard(visit.name)
        pending.update(visit.sources[slot] for slot in visit.carrying)


def _weights(visit: Stop) -> int:
    return max((p.size for p in visit.layer.params.values()), default=0)
