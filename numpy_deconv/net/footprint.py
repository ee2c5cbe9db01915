"""Where a signal of single units can be non-zero on its way down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..layers.boxes import Indices
from ..per_axis import Sizes
from ..rules import Rule, Rules, rectify_signal
from ..window_ranges import extent
from .ranges import alike, joined, ranges_read
from .rectifying import rectifying, rectifying_early
from .route import Course, Visit
from .tape import Tape


@dataclass(frozen=True, eq=False)
class Stop(Visit):
    """A layer on the way down, its rule, and the inputs the signal goes on by."""

    rule: Rule
    carrying: tuple[int, ...]
    rectifies: bool = False  # whether it takes max(., 0) of what it hands on
    is_done: bool = False  # whether that leaves nothing to do here


def footprint(
    tape: Tape,
    start: str,
    at: Indices,
    rules: Rules,
    stop: str,
    *,
    even: bool,
) -> Course[Stop] | None:
    """The way of units at positions ``at (B, rank)`` of ``start`` down to ``stop``.

    At the edge of the image boxes are cut, which is the least work, or, if ``even``,
    kept at the size of those inside, which makes one batch of all. Of the tape only
    shapes matter. None where only whole planes will do: for a rule that is not local.
    """
    above = tape.net.above(stop, start)
    ranges = {start: np.stack([at, at + 1], axis=-1)}
    stops = []
    for number, name in reversed(list(enumerate(tape.net.nodes, start=1))):
        if name not in above or name not in ranges:
            continue
        node = tape.net.nodes[name]
        carrying = tuple(
            slot
            for slot, source in enumerate(node.inputs)
            if source in above or source == stop
        )
        rule = rules.for_layer(node.layer)
        if not rule.local:
            return None
        sources = tuple(source.partition(":")[0] for source in node.inputs)
        sizes = [tape.shape(source)[2:] for source in sources]
        window = None if rule.passes else node.layer.window(sizes[0])
        if even:
            ranges[name] = alike(ranges[name], tape.shape(name)[2:])
        if even and window is not None:
            reads = [extent(window, ranges[name])]
        else:
            reads = _reads(tape, name, rule, ranges[name], sizes)
            reads = list(map(alike, reads, sizes)) if even else reads
        for slot in carrying:
            source = node.inputs[slot]
            ranges[source] = joined(ranges.get(source), reads[slot])
        visit = (number, name, node.layer, sources, tuple(reads), window)
        stops.append(Stop(*visit, rule, carrying))
    if stop not in ranges:
        return None
    if even:
        ranges[stop] = alike(ranges[stop], tape.shape(stop)[2:])
    return _along(_rectifying(stops, stop), ranges)


def _rectifying(stops: Sequence[Stop], stop: str) -> list[Stop]:
    """The same, with rectifications done by the layers above them where they can."""
    carried = {s.name: [s.sources[slot] for slot in s.carrying] for s in stops}
    rules = {s.name: s.rule for s in stops}
    for_relu = rectifying(carried, rules, stop)
    early = rectifying_early(carried, rules, stop, for_relu)
    rectified = {*for_relu.values(), *early.values()}
    return [
        replace(
            each,
            rectifies=each.name in {*for_relu, *early} - rectified,
            is_done=each.name in rectified and each.rule is rectify_signal,
        )
        for each in stops
    ]


def part(course: Course[Stop], visits: Sequence[Stop], *ends: str) -> Course[Stop]:
    """Some of the visits of a way that follow each other, between its ``ends``."""
    names = {name for visit in visits for name in (visit.name, *visit.sources)}
    names.update(ends)
    return _along(visits, {n: r for n, r in course.ranges.items() if n in names})


def _along(visits: Sequence[Stop], ranges: dict[str, Indices]) -> Course[Stop]:
    known: dict[bytes, Indices] = {}

    def same(boxes: Indices) -> Indices:
        """One array for all that are equal: boxes are soon seen to be alike."""
        return known.setdefault(boxes.tobytes(), boxes)

    ranges = {name: same(boxes) for name, boxes in ranges.items()}
    visits = [replace(v, reads=tuple(map(same, v.reads))) for v in visits]
    return Course(visits, ranges)


def separable(tape: Tape, names: Iterable[str]) -> bool:
    """Whether each sample's signal goes its own way through these layers, and they can
    tell what they saved for it."""
    first = np.zeros(1, np.int64)
    batches = {tape.shape("input")[:1]}
    for name in names:
        sources = tape.net.nodes[name].inputs
        batches.update(tape.shape(n.partition(":")[0])[:1] for n in (name, *sources))
        if len(batches) > 1 or (
            tape.net[name].take(tape.saved[name], first) is NotImplemented
        ):
            return False
    return True


def _reads(
    tape: Tape, name: str, rule: Rule, ranges: Indices, sizes: list[Sizes]
) -> list[Indices]:
    if rule.passes:
        return [ranges for _ in sizes]
    node = tape.net.nodes[name]
    empty = (ranges[..., 1] <= ranges[..., 0]).any(axis=1)
    found = ranges_read(node.layer, ranges, sizes, tape.shape(name)[2:])
    return [_emptied(read, empty) for read in found]


def _emptied(read: Indices, empty: Any) -> Indices:
    """A box that is empty along one axis, or reached by nothing, is empty."""
    nowhere = empty | (read[..., 1] <= read[..., 0]).any(axis=1)
    return np.where(nowhere[:, None, None], 0, read) if nowhere.any() else read
