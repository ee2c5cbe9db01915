"""The way down of a batch of windows, layer by layer."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array, family
from ..errors import NumpyDeconvError
from ..layers import Conv, Layer, MaxPool
from .footprint import Stop
from .route import Batch


def descend(batch: Batch[Stop], signal: Array, start: str, stop: str) -> Array:
    """What :meth:`Tape.project` gives, in the boxes at ``stop``; 0 outside of them."""
    arriving = {start: signal}
    for step in batch.route.visits:
        gy = arriving.pop(step.name, None)
        if gy is None or not gy.size:  # nothing came, or it all lay in the padding
            continue
        try:
            if step.is_done:
                handed = dict.fromkeys(step.carrying, gy)
            else:
                handed = _through(batch, step, gy)
        except NumpyDeconvError as error:
            raise type(error)(
                f"layer {step.number} {step.name!r} ({step.layer.describe()}): {error}"
            ) from error
        for slot, window in handed.items():
            source = step.sources[slot]
            gx = _moved(batch, step, slot, window)
            seen = arriving.get(source)
            arriving[source] = gx if seen is None else seen + gx
    if stop in arriving:
        return arriving[stop]
    boxes, channels = batch.at(stop), batch.route.tape.shape(stop)[1]
    return np.zeros_like(signal, shape=(len(boxes), channels, *boxes.shape))


def _moved(batch: Batch[Stop], step: Stop, slot: int, window: Array) -> Array:
    """What was handed to the boxes that a layer read, in those of its source."""
    source = step.sources[slot]
    if step.reads[slot] is batch.route.course.ranges[source]:
        return window
    read, box = batch.read_by(step, slot), batch.at(source)
    if read.shape != box.shape:
        return box.moved(window, read)
    rows = np.flatnonzero((read.origins != box.origins).any(axis=1))
    if not len(rows):
        return window
    if len(rows) == len(box):
        return box.moved(window, read)
    # only at the edges of the image: those few are moved where they lie
    whose = type(step.layer) in (Conv, MaxPool) and step.rule.fresh
    window = window if whose else window.copy()
    moved = box.of_rows(rows).moved(window, read, rows)
    if family(window) == "numpy":
        for row, there in zip(rows.tolist(), moved, strict=True):
            window[row] = there
    else:
        window[np.asarray(rows, like=window)] = moved
    return window


def _through(batch: Batch[Stop], step: Stop, gy: Array) -> dict[int, Array]:
    """What one layer hands to the boxes of its inputs; nothing to an empty one."""
    inputs = [batch.read_by(step, slot) for slot in range(len(step.sources))]
    filled = [math.prod(boxes.shape) > 0 for boxes in inputs]
    slots = [slot for slot in step.carrying if filled[slot]]
    if not slots:
        return {}
    layer, output = step.layer, batch.at(step.name)
    saved = batch.route.tape.saved[step.name]
    rule = step.rule.rectified if step.rectifies else step.rule
    if step.rule.passes:
        gxs = rule(layer, saved, gy)
        return {slot: gxs[slot] for slot in slots}
    cropped = layer.crop(saved, inputs, output) if all(filled) else None
    if cropped is not None:
        gxs = rule(*cropped, gy)
        return {slot: gxs[slot] for slot in slots}
    gxs = rule(layer, layer.take(saved, output.samples), output.place(gy))
    return {slot: inputs[slot].by_row().cut(gxs[slot]) for slot in slots}


def row_bytes(batch: Batch[Stop]) -> int:
    """About how much one unit of a group takes at most on its way."""
    tape = batch.route.tape
    steps, joints = [0], 0
    for step in batch.route.visits:
        boxes = {step.name: batch.at(step.name)}
        boxes |= {
            step.sources[slot]: batch.read_by(step, slot) for slot in step.carrying
        }
        whole = not step.rule.passes and type(step.layer).crop is Layer.crop
        sizes = {
            name: tape.shape(name)[1] * math.prod(each.plane if whole else each.shape)
            for name, each in boxes.items()
        }
        steps.append(sum(sizes.values()))
        if len(step.carrying) > 1:
            joints += sum(sizes.values())
    # a signal and the next one, what was saved, and what a kernel sets aside
    return (4 * max(steps) + joints) * tape.output.itemsize
