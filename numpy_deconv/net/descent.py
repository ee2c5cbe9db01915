"""The way down of a batch of windows, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..arrays import Array
from ..errors import NumpyDeconvError
from ..layers import Conv, Layer
from ..layers.boxes import Boxes
from ..rules import gradient
from .footprint import Stop
from .route import Batch

Cropped: TypeAlias = tuple[list[int], tuple[Layer, Any] | None]


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
    slots, cropped = _cropped(batch, step)
    if not slots:
        return {}
    layer, saved = step.layer, batch.route.tape.saved[step.name]
    rule = step.rule.rectified if step.rectifies else step.rule
    gxs: Sequence[Array | None]
    if step.rule.passes:
        gxs = rule(layer, saved, gy)
    elif cropped is None:
        inputs, output = _boxes(batch, step)
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


def _boxes(batch: Batch[Stop], step: Stop) -> tuple[list[Boxes], Boxes]:
    """The boxes of a layer's inputs, and of its output."""
    inputs = [batch.read_by(step, slot) for slot in range(len(step.sources))]
    return inputs, batch.at(step.name)


def _cropped(batch: Batch[Stop], step: Stop) -> Cropped:
    """The slots that the signal goes on by, and the layer on windows, if there is one;
    small batches are many, and a convolution is asked once for all that are alike."""
    find = partial(_crop, batch, step)
    if not step.layer.crops_alike:
        return find()
    key = step.number, batch.label, len(batch.rows)
    found: Cropped = batch.route.course.remembered(key, find)
    return found


def _crop(batch: Batch[Stop], step: Stop) -> Cropped:
    inputs, output = _boxes(batch, step)
    filled = [math.prod(boxes.shape) > 0 for boxes in inputs]
    slots = [slot for slot in step.carrying if filled[slot]]
    if step.rule.passes or not slots or not all(filled):
        return slots, None
    saved = batch.route.tape.saved[step.name]
    return slots, step.layer.crop(saved, inputs, output)


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
