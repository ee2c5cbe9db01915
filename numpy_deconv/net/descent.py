"""The way down of a batch of windows, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..arrays import Array
from ..errors import NumpyDeconvError
from ..layers import Conv, Layer
from ..layers.boxes import Boxes
from ..rules import gradient
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
            handed = _through(batch, step, gy)
        except NumpyDeconvError as error:
            raise type(error)(
                f"layer {step.number} {step.name!r} ({step.layer.describe()}): {error}"
            ) from error
        for slot, gx in handed.items():
            source = step.sources[slot]
            seen = arriving.get(source)
            arriving[source] = gx if seen is None else seen + gx
    if stop in arriving:
        return arriving[stop]
    boxes, channels = batch.at(stop), batch.route.tape.shape(stop)[1]
    return np.zeros_like(signal, shape=(len(boxes), channels, *boxes.shape))


def _through(batch: Batch[Stop], step: Stop, gy: Array) -> dict[int, Array]:
    """What one layer hands to the boxes of its sources; nothing to an empty one."""
    if step.is_done:
        return {slot: _moved(batch, step, slot, gy) for slot in step.carrying}
    inputs = [batch.read_by(step, slot) for slot in range(len(step.sources))]
    filled = [math.prod(boxes.shape) > 0 for boxes in inputs]
    slots = [slot for slot in step.carrying if filled[slot]]
    if not slots:
        return {}
    layer, output = step.layer, batch.at(step.name)
    saved = batch.route.tape.saved[step.name]
    rule = step.rule.rectified if step.rectifies else step.rule
    gxs: Sequence[Array | None]
    if step.rule.passes:
        gxs = rule(layer, saved, gy)
    elif not all(filled) or (cropped := layer.crop(saved, inputs, output)) is None:
        planes = rule(layer, layer.take(saved, output.samples), output.place(gy))
        gxs = [
            boxes.by_row().cut(plane) if slot in slots else None
            for slot, (boxes, plane) in enumerate(zip(inputs, planes, strict=True))
        ]
    else:
        layer, kept = cropped
        places = _places(batch, step)
        if places is not None and isinstance(layer, Conv):
            return {0: layer.vjp_moved(kept, gy, 0 if step.rectifies else None, places)}
        gxs = rule(layer, kept, gy)
    return {slot: _moved(batch, step, slot, gxs[slot]) for slot in slots}


def _moved(batch: Batch[Stop], step: Stop, slot: int, window: Array) -> Array:
    """What was handed to the boxes that a layer read, in those of its source."""
    source = step.sources[slot]
    if step.reads[slot] is batch.route.course.ranges[source]:
        return window
    read, box = batch.read_by(step, slot), batch.at(source)
    return window if read.alike(box) else box.moved(window, read)


def _places(batch: Batch[Stop], step: Stop) -> Boxes | None:
    """Where the boxes of its source lie in those that a convolution read, if they do
    not lie alike and what it hands on is the gradient.

    Boxes are of one shape: where windows hang over the edge of the image, those of the
    source lie beside it.
    """
    (source, *more), (reads, *_) = step.sources, step.reads
    if step.rule is not gradient or type(step.layer).vjp is not Conv.vjp or more:
        return None
    if reads is batch.route.course.ranges[source]:
        return None
    read, box = batch.read_by(step, 0), batch.at(source)
    if read.shape != box.shape or read.alike(box):
        return None
    rows = np.arange(len(box))
    return Boxes(box.origins - read.origins, box.shape, box.shape, rows)


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
