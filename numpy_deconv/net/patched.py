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
from .graph import Graph
from .memory import chunk_limit, in_halves
from .reach import Update, reach
from .route import Batch, Route, batches, in_memory
from .steps import INPUT, Step, lean_steps
from .tape import Tape

Changed = tuple[Boxes, Array]
Finished = tuple[Indices, dict[str, Changed]]


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
    return tape, _incremental(tape, steps, boxes, fill, wanted, limit)


def _incremental(
    tape: Tape,
    steps: Sequence[Step],
    boxes: Indices,
    fill: Array,
    wanted: Sequence[str],
    limit: int,
) -> Iterator[Finished]:
    route = reach(tape, steps, boxes)
    joint = _joint(route)
    before, after = route.visits[:joint], route.visits[joint:]
    read = {source for visit in after for source in visit.sources}

    def first(batch: Batch[Update]) -> dict[str, Array]:
        fresh = {INPUT: _filled(batch, boxes, fill)}
        return _all_again(batch, before, fresh, read.union(wanted))

    def last(parts: list[tuple[Indices, dict[str, Array]]]) -> Finished:
        batch = Batch(route, np.concatenate([rows for rows, _ in parts]))
        fresh = {
            name: _joined([part[name] for _, part in parts]) for name in parts[0][1]
        }
        fresh = _all_again(batch, after, fresh, wanted)
        return batch.rows, {n: (batch.at(n), fresh[n]) for n in wanted if n in fresh}

    waiting: list[tuple[Indices, dict[str, Array]]] = []
    for whole in batches(route, limit, partial(_row_bytes, visits=before or after)):
        most = limit // max(1, _row_bytes(whole, after)) if before else 0
        for batch, fresh in in_memory(whole, first):
            held = sum(len(rows) for rows, _ in waiting)
            if waiting and (
                held + len(batch.rows) > most
                or route.labels[waiting[0][0][0]] != route.labels[batch.rows[0]]
            ):
                yield last(waiting)
                waiting = []
            waiting.append((batch.rows, fresh))
    if waiting:
        yield last(waiting)


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
        if len(read.intersection(route.ranges)) == 1:
            found = number
    return found


def _joined(parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _all_again(
    batch: Batch[Update],
    visits: Sequence[Update],
    fresh: dict[str, Array],
    wanted: Collection[str],
) -> dict[str, Array]:
    """Of these layers what is new, after what is new before them; the ``wanted``."""
    last_reader = {s: visit for visit in visits for s in visit.sources}
    for visit in visits:
        if math.prod(batch.at(visit.name).shape):
            fresh[visit.name] = _again(batch, visit, fresh)
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


def _again(batch: Batch[Update], visit: Update, fresh: dict[str, Array]) -> Array:
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
    fresh: dict[str, Array],
    outside: float,
) -> Array:
    """What a layer reads of a source: as it was, with what is new written over it."""
    before = batch.route.tape[source]
    if source in fresh:
        changed = batch.at(source)
        if changed.alike(boxes):
            return fresh[source]
        return boxes.patched(before, fresh[source], changed, outside)
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
