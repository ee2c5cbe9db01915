"""A net run again on an input of which a box has changed: only what that can change.

Every layer is computed on the smallest boxes that hold all its changed outputs, from
the activations of the unchanged input with the changed boxes written over them. Boxes
that are alike go through the net as one batch.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from functools import partial

import numpy as np

from ..arrays import Array
from ..errors import NumpyDeconvError
from ..layers import Conv
from ..layers.boxes import Boxes, Indices
from .changed import Fresh, alike, joined
from .graph import Graph
from .memory import chunk_limit, in_halves
from .reach import Update, reach
from .route import Batch, Route, in_memory
from .steps import INPUT, Step, lean_steps
from .tape import Tape
from .together import together

Finished = tuple[Indices, Fresh]

WAITING = 2
"""How many times as much as a batch takes may wait for what is fully connected."""


def patched_runs(
    net: Graph,
    x: Array,
    boxes: Indices,
    fill: Array,
    wanted: Sequence[str],
    memory: int,
) -> tuple[Tape, Iterator[Finished]]:
    """Run ``x (1, C, *size)`` as it is, and then with each of the boxes filled.

    ``boxes (B, rank, 2)`` are half-open ranges, ``fill`` broadcasts against
    ``(C, *size)``. The first result is a tape with the ``wanted`` activations. The
    second yields rows of ``boxes``, each once, and the part of those activations that
    is not as on the tape, as boxes and windows; one that is not named is as there.
    """
    steps = lean_steps(net.nodes, set(wanted), only_forward=True)
    computed = [step.then or step.name for step in steps]
    last = max(wanted, key=list(net.nodes).index)
    parts = any(":" in source for s in steps for source in net.nodes[s.name].inputs)
    keep = wanted if parts else computed
    (tape,) = in_halves(x, lambda _: net.run(x, until=last, keep=keep))
    limit = chunk_limit(memory, x)
    if parts or any(tape.shape(name)[0] != 1 for name in computed):
        return tape, _in_full(tape, boxes, fill, wanted)
    limits = limit, min(memory, WAITING * limit)
    return tape, _incremental(tape, steps, boxes, fill, wanted, limits)


def _incremental(
    tape: Tape,
    steps: Sequence[Step],
    boxes: Indices,
    fill: Array,
    wanted: Sequence[str],
    limits: tuple[int, int],
) -> Iterator[Finished]:
    """In batches that take as many bytes as the first limit; what waits, the other."""
    (limit, waits), route = limits, reach(tape, steps, boxes)
    joint = _joint(route)
    after = route.visits[joint:]
    if not joint or not after:
        yield from _in_groups(
            route, steps, len(route.visits), boxes, fill, wanted, limit
        )
        return
    names = {source for visit in after for source in visit.sources}.union(wanted)
    most = waits // max(1, _row_bytes(Batch(route, np.arange(1)), after))
    waiting: list[Finished] = []

    def last() -> Finished:
        rows = np.concatenate([each for each, _ in waiting])
        fresh = {
            name: joined(tape[name], [new[name] for _, new in waiting])
            for name in waiting[0][1]
        }
        waiting.clear()
        return rows, _all_again(Batch(route, rows), after, fresh, wanted)

    for rows, fresh in _in_groups(route, steps, joint, boxes, fill, names, limit):
        held = sum(len(each) for each, _ in waiting)
        if waiting and (
            held + len(rows) > most or not alike(fresh, waiting[0][1], wanted)
        ):
            yield last()
        waiting.append((rows, fresh))
    if waiting:
        yield last()


def _in_groups(
    route: Route[Update],
    steps: Sequence[Step],
    count: int,
    boxes: Indices,
    fill: Array,
    names: Collection[str],
    limit: int,
) -> Iterator[Finished]:
    """What is new of these activations after the first ``count`` visits."""
    for group in together(route, boxes):
        own = reach(route.tape, steps, boxes[group])
        again = partial(
            _from_input, visits=own.visits[:count], boxes=boxes[group], fill=fill,
            wanted=names,
        )  # fmt: skip
        for some in own.groups():
            one = _row_bytes(Batch(own, some[:1]), own.visits[:count])
            parts = -(-len(some) // max(1, limit // max(1, one)))
            for rows in np.array_split(some, parts):
                for batch, fresh in in_memory(Batch(own, rows), again):
                    yield group[batch.rows], fresh


def _joint(route: Route[Update]) -> int:
    """The number of visits before those without planes, that read one activation.

    What is fully connected has large weights and small activations: few batches then.
    """
    found = len(route.visits)
    for number in reversed(range(len(route.visits))):
        visit = route.visits[number]
        if visit.windowed and math.prod(route.tape.shape(visit.name)[2:]) > 1:
            break
        made = {each.name for each in route.visits[number:]}
        read = {s for each in route.visits[number:] for s in each.sources} - made
        if len(read.intersection(route.course.ranges)) == 1:
            found = number
    return found


def _from_input(
    batch: Batch[Update],
    visits: Sequence[Update],
    boxes: Indices,
    fill: Array,
    wanted: Collection[str],
) -> Fresh:
    """What is new after these visits once the batch's ``boxes`` are filled."""
    fresh = {INPUT: (batch.at(INPUT), _filled(batch, boxes, fill))}
    return _all_again(batch, visits, fresh, wanted)


def _all_again(
    batch: Batch[Update],
    visits: Sequence[Update],
    fresh: Fresh,
    wanted: Collection[str],
) -> Fresh:
    """Of these layers what is new, after what is new before them; the ``wanted``."""
    last_reader = {s: visit for visit in visits for s in visit.sources}
    for visit in visits:
        boxes = batch.at(visit.name)
        if math.prod(boxes.shape):
            fresh[visit.name] = boxes, _again(batch, visit, fresh)
        for source in set(visit.sources) & set(fresh) - set(wanted):
            if last_reader[source] is visit:
                del fresh[source]
    return {name: new for name, new in fresh.items() if name in wanted}


def _filled(batch: Batch[Update], boxes: Indices, fill: Array) -> Array:
    """The input in the batch's boxes, which hold those that are filled."""
    around = batch.at(INPUT)
    x = batch.route.tape[INPUT]
    windows = np.empty_like(x, shape=(len(around), x.shape[1], *around.shape))
    windows[...] = around.cut(x)
    starts = (boxes[batch.rows] - around.origins[..., None]).tolist()
    for window, inside in zip(windows, starts, strict=True):
        window[(slice(None), *(slice(*ends) for ends in inside))] = fill
    return windows


def _again(batch: Batch[Update], visit: Update, fresh: Fresh) -> Array:
    """What one layer puts out in the boxes that change."""
    inputs = [batch.read_by(visit, slot) for slot in range(len(visit.sources))]
    xs = [
        _read(batch, source, boxes, fresh, visit.layer.outside)
        for source, boxes in zip(visit.sources, inputs, strict=True)
    ]
    found = None
    if visit.windowed:
        found = visit.layer.on_windows(inputs, batch.at(visit.name))
    layer = visit.layer if found is None else found
    try:
        if visit.with_activation and isinstance(layer, Conv):
            return layer.forward_clipped(xs[0], *visit.bounds)[0]
        return layer.forward(*xs)[0]
    except NumpyDeconvError as error:
        raise type(error)(
            f"layer {visit.number} {visit.origin!r} ({visit.layer.describe()}): {error}"
        ) from error


def _read(
    batch: Batch[Update],
    source: str,
    boxes: Boxes,
    fresh: Fresh,
    outside: float,
) -> Array:
    """What a layer reads of a source: as it was, with what is new written over it."""
    before = batch.route.tape[source]
    if source in fresh:
        changed, windows = fresh[source]
        if changed.alike(boxes):
            return windows
        return boxes.patched(before, windows, changed, outside)
    planes = boxes.cut(before, outside)
    if len(planes) == len(boxes):
        return planes
    return np.broadcast_to(planes, (len(boxes), *planes.shape[1:]))


def _row_bytes(batch: Batch[Update], visits: Sequence[Update]) -> int:
    """About how much one row of a group takes at most on its way through these."""
    tape, most = batch.route.tape, 0
    for visit in visits:
        boxes = [batch.at(visit.name)]
        boxes += [batch.read_by(visit, slot) for slot in range(len(visit.sources))]
        names = (visit.name, *visit.sources)
        sizes = (
            tape.shape(name)[1] * math.prod(each.shape)
            for name, each in zip(names, boxes, strict=True)
        )
        most = max(most, sum(sizes))
    # an input and what it is patched from, an output, and what a kernel sets aside
    return 4 * most * tape[INPUT].itemsize


def _in_full(
    tape: Tape, boxes: Indices, fill: Array, wanted: Sequence[str]
) -> Iterator[Finished]:
    """The plain way, one run for each box."""
    x = tape[INPUT]
    for row, box in enumerate(boxes.tolist()):
        patched = x.copy()
        inside = tuple(slice(*ends) for ends in box)
        patched[(slice(None), slice(None), *inside)] = fill
        again = tape.net.run(patched, until=tape.last, keep=wanted)
        changed = {}
        for name in wanted:
            size = tape.shape(name)[2:]
            origin = np.zeros((1, len(size)), np.int64)
            one = Boxes(origin, size, size, np.zeros(1, np.int64))
            changed[name] = (one, again[name])
        yield np.array([row]), changed
