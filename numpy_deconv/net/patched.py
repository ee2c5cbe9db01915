"""A net run again on an input of which a box has changed: only what that can change.

Every layer is computed on the smallest boxes that hold all its changed outputs, from
the activations of the unchanged input with the changed boxes written over them. Boxes
that are alike go through the net as one batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ..arrays import Array
from ..errors import NumpyDeconvError
from ..layers import Conv
from ..layers.boxes import Boxes, Indices
from .graph import Graph
from .memory import chunk_limit
from .reach import Update, reach
from .route import Batch, batches, in_memory
from .steps import INPUT, Step, lean_steps
from .tape import Tape

Changed = tuple[Boxes, Array]


def patched_runs(
    net: Graph,
    x: Array,
    boxes: Indices,
    fill: Array,
    wanted: Sequence[str],
    memory: int,
) -> tuple[Tape, Iterator[tuple[Indices, dict[str, Changed]]]]:
    """Run ``x (1, C, *size)`` as it is, and then with each of the boxes filled.

    ``boxes (B, rank, 2)`` are half-open ranges, ``fill`` broadcasts against
    ``(C, *size)``. The first result is a tape with the ``wanted`` activations. The
    second yields rows of ``boxes``, each once, and the part of those activations that
    is not as on the tape, as boxes and windows; one that is not named is as there.
    """
    steps = lean_steps(net.nodes, set(wanted))
    computed = [step.relu or step.name for step in steps]
    last = max(wanted, key=list(net.nodes).index)
    parts = any(":" in source for s in steps for source in net.nodes[s.name].inputs)
    tape = net.run(x, until=last, keep=wanted if parts else computed)
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
) -> Iterator[tuple[Indices, dict[str, Changed]]]:
    route = reach(tape, steps, boxes)
    last_reader = {s: visit for visit in route.visits for s in visit.sources}

    def again(batch: Batch[Update]) -> dict[str, Changed]:
        fresh = {INPUT: _filled(batch, boxes, fill)}
        for visit in route.visits:
            if math.prod(batch.at(visit.name).shape):
                fresh[visit.name] = _again(batch, visit, fresh)
            for source in set(visit.sources) & set(fresh) - set(wanted):
                if last_reader[source] is visit:
                    del fresh[source]
        return {n: (batch.at(n), fresh[n]) for n in wanted if n in fresh}

    for whole in batches(route, limit, _row_bytes):
        for batch, changed in in_memory(whole, again):
            yield batch.rows, changed


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
        if visit.with_relu and isinstance(layer, Conv):
            return layer.forward_clipped(xs[0], 0, None)[0]
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
    if source in fresh and (moved := batch.at(source)).alike(boxes):
        return fresh[source]
    planes = boxes.cut(batch.route.tape[source], outside)
    if len(planes) != len(boxes) or source in fresh:
        shape = (len(boxes), *planes.shape[1:])
        planes = np.broadcast_to(planes, shape).copy()
    if source in fresh:
        boxes.paste(planes, fresh[source], moved)
    return planes


def _row_bytes(batch: Batch[Update]) -> int:
    """About how much one row of a group takes at most."""
    tape, most = batch.route.tape, 0
    for visit in batch.route.visits:
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
) -> Iterator[tuple[Indices, dict[str, Changed]]]:
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
