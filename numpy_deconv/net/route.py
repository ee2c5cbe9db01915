"""Boxes that travel through a net: which layers they visit, and which go together.

The boxes of all rows are worked out together, one array of ranges a layer. Rows whose
boxes have the same shapes, and between which windows slide alike, can be one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Generic, TypeVar

import numpy as np

from ..layers import Layer
from ..layers.boxes import Boxes, Indices
from ..per_axis import Sizes
from ..window import Window
from .memory import free_memory, too_large
from .steps import INPUT
from .tape import Tape

#: Answers that a course remembers.
REMEMBERED = 1 << 12


@dataclass(frozen=True, eq=False)
class Visit:
    """A layer on the way, and the boxes of its inputs that belong to its output's."""

    number: int
    name: str
    layer: Layer
    sources: tuple[str, ...]
    reads: tuple[Indices, ...]
    window: Window | None  # through which boxes read boxes


Kind = TypeVar("Kind", bound=Visit)
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Course(Generic[Kind]):
    """The visits in their order, and boxes at each layer's output, a row each."""

    visits: Sequence[Kind]
    ranges: Mapping[str, Indices]
    _origins: dict[int, Indices] = field(default_factory=dict, init=False, repr=False)
    _shapes: dict[tuple[int, int], Sizes] = field(
        default_factory=dict, init=False, repr=False
    )
    #: What has been found out of rows that can travel together, by their label.
    known: dict[tuple[Any, ...], Any] = field(
        default_factory=dict, init=False, repr=False
    )

    @cached_property
    def labels(self) -> Indices:
        """A number for each row; those with the same one can travel together."""
        keys = [r[..., 1] - r[..., 0] for r in self.ranges.values()]
        for visit in self.visits:
            keys += [read[..., 1] - read[..., 0] for read in visit.reads]
            if visit.window is not None:
                starts = self.ranges[visit.name][..., 0] * np.array(visit.window.stride)
                keys.append(visit.reads[0][..., 0] - starts)
        key = np.concatenate(keys, 1)
        key = key[:, (key != key[:1]).any(axis=0)]
        if not key.size:
            return np.zeros(len(key), np.int64)
        # a dictionary of the rows' bytes is quicker than sorting them
        rows = np.ascontiguousarray(key)
        whole = rows.view(f"V{rows.shape[1] * rows.itemsize}").reshape(-1).tolist()
        known: dict[bytes, int] = {}
        return np.array([known.setdefault(row, len(known)) for row in whole])

    def remembered(self, key: tuple[Any, ...], find: Callable[[], Any]) -> Any:
        """What ``find`` gives, asked once for a key that has a label in it."""
        found = self.known.get(key)
        if found is None:
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            found = self.known[key] = find()
        return found

    def origins(self, ranges: Indices) -> Indices:
        """Where boxes of this course begin, in one piece."""
        found = self._origins.get(id(ranges))
        if found is None:
            found = self._origins[id(ranges)] = np.ascontiguousarray(ranges[..., 0])
        return found

    def shape(self, ranges: Indices, row: int) -> Sizes:
        """How large the boxes are of whoever can travel with a row."""
        key = id(ranges), int(self.labels[row])
        if key not in self._shapes:
            first, end = ranges[row].T
            self._shapes[key] = tuple((end - first).tolist())
        return self._shapes[key]


@dataclass(frozen=True, eq=False)
class Route(Generic[Kind]):
    """The boxes of all rows at each layer: those of some row ``at`` of a course."""

    tape: Tape
    course: Course[Kind]
    at: Indices
    samples: Indices

    @property
    def visits(self) -> Sequence[Kind]:
        """The layers, in the order in which they are visited."""
        return self.course.visits

    @cached_property
    def labels(self) -> Indices:
        """A number for each row; those with the same one can travel together."""
        return self.course.labels[self.at]

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(set(self.labels.tolist()))

    def groups(self, rows: Indices | None = None) -> list[Indices]:
        """These rows as groups that can travel together, each sample's side by side."""
        chosen = np.arange(len(self.samples)) if rows is None else rows
        labels = self.labels[chosen]
        order = np.lexsort((self.samples[chosen], labels))
        starts = np.flatnonzero(np.diff(labels[order])) + 1
        return np.split(chosen[order], starts) if len(chosen) else []


class Batch(Generic[Kind]):
    """Rows of one group: their boxes at the outputs and the inputs of each layer."""

    def __init__(self, route: Route[Kind], rows: Indices):
        self.route, self.rows = route, rows
        self._at, self._samples = route.at[rows], route.samples[rows]
        self._first = int(self._at[0])
        self.label = int(route.course.labels[self._first])
        self._made: dict[tuple[int, Sizes], Boxes] = {}

    def at(self, name: str) -> Boxes:
        """The boxes at a layer's output."""
        return self._boxes(self.route.course.ranges[name], name)

    def read_by(self, visit: Kind, slot: int) -> Boxes:
        """The boxes of one of a layer's inputs."""
        return self._boxes(visit.reads[slot], visit.sources[slot])

    def _boxes(self, ranges: Indices, name: str) -> Boxes:
        # layers may share ranges, though their planes differ
        plane = self.route.tape.shape(name)[2:]
        key = id(ranges), plane
        made = self._made.get(key)
        if made is None:
            course = self.route.course
            origins = course.origins(ranges)[self._at]
            shape = course.shape(ranges, self._first)
            made = self._made[key] = Boxes(origins, shape, plane, self._samples)
        return made


def batches(
    route: Route[Kind],
    limit: int,
    row_bytes: Callable[[Batch[Kind]], int],
    rows: Indices | None = None,
) -> Iterator[Batch[Kind]]:
    """Every group, in parts that take no more than ``limit`` bytes, or one row."""
    for group in route.groups(rows):
        one = Batch(route, group[:1])
        key = row_bytes, one.label, route.tape.output.itemsize
        each = route.course.remembered(key, partial(row_bytes, one))
        step = max(1, limit // max(1, each))
        for first in range(0, len(group), step):
            yield Batch(route, group[first : first + step])


def in_memory(
    batch: Batch[Kind], compute: Callable[[Batch[Kind]], Result]
) -> Iterator[tuple[Batch[Kind], Result]]:
    """What ``compute`` makes of a batch; where memory runs out, of its halves.

    Raises MemoryError where there is too little for a single row.
    """
    try:
        result = compute(batch)
    except MemoryError as error:
        if len(batch.rows) == 1:
            count = len(batch.route.samples)
            what = f"a single one of {count} projections or squares"
            raise too_large(what, error) from error
        free_memory(batch.route.tape[INPUT])
    else:
        yield batch, result
        return
    half = len(batch.rows) // 2  # the failed attempt's arrays are let go by now
    for rows in (batch.rows[:half], batch.rows[half:]):
        yield from in_memory(Batch(batch.route, rows), compute)
