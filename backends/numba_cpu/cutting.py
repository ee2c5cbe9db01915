"""Windows cut out of planes: runs of memory copied, and filled up beyond the edges."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from . import arena
from .compiled import compiled
from .layout import channels_last, logical, runs_of
from .team import spread
from .three_axes import three

if TYPE_CHECKING:
    from ...layers.boxes import Boxes

Array = np.ndarray[Any, Any]

ALONE = 1 << 16


def cut(
    planes: Array,
    boxes: Boxes,
    outside: float = 0,
    over: Array | None = None,
    inner: Boxes | None = None,
) -> Array:
    """``(B, C, *shape)``: what the planes hold in boxes, and ``over`` written on it."""
    shape, rank = boxes.shape, len(boxes.shape)
    batch, channels = len(boxes), planes.shape[1]
    y = arena.take((batch, *shape, channels), planes.dtype)
    rows = np.zeros((batch, 7), np.int64)
    rows[:, 0] = boxes.among(len(planes))
    rows[:, 4 - rank : 4] = boxes.origins
    written, size = y, (0, 0, 0)
    if over is not None and inner is not None:
        written, size = channels_last(over), three(over.shape[2:])
        rows[:, 7 - rank :] = inner.origins - boxes.origins
    source, pitch = runs_of(planes)
    numbers = (channels, pitch, *three(planes.shape[2:]), *three(shape), *size)
    spread(
        _cut,
        math.prod(y.shape[:-2]) if rank > 1 else batch,
        source,
        written.reshape(-1),
        y.reshape(-1),
        rows,
        np.array(numbers, np.int64),
        planes.dtype.type(outside),
        alone=y.nbytes < ALONE,
    )
    return logical(y)


@compiled
def _cut(  # type: ignore[no-untyped-def]
    start, stop, planes, over, y, rows, numbers, outside
):
    """One line of a window per task."""
    channels, pitch, depth, height, width, d, h, w, up, down, across = numbers
    for task in range(start, stop):
        b, line = divmod(task, d * h)
        z, row = divmod(line, h)
        sample, oz, oy, ox, az, ay, ax = rows[b]
        target = task * w * channels
        within = 0 <= z + oz < depth and 0 <= row + oy < height
        first, last = _held(ox, w, width) if within else (w, w)
        for j in range(first * channels):
            y[np.uintp(target + j)] = outside
        source = (sample * depth + z + oz) * height + row + oy
        source = (source * width + ox) * pitch
        # pixels that lie apart are runs of their own
        runs, run = last - first, channels
        if pitch == channels:
            runs, run = min(runs, 1), runs * channels
        for i in range(runs):
            at, here = source + (first + i) * pitch, target + (first + i) * channels
            for j in range(run):
                y[np.uintp(here + j)] = planes[np.uintp(at + j)]
        for j in range(last * channels, w * channels):
            y[np.uintp(target + j)] = outside
        if 0 <= z - az < up and 0 <= row - ay < down:
            first, last = _held(-ax, w, across)
            source = (b * up + z - az) * down + row - ay
            source = (source * across - ax) * channels
            for j in range(first * channels, last * channels):
                y[np.uintp(target + j)] = over[np.uintp(source + j)]


@compiled
def _held(origin, length, size):  # type: ignore[no-untyped-def]
    """Of a line from ``origin`` on, from where to where it lies within ``size``."""
    first = min(max(-origin, 0), length)
    return first, min(max(size - origin, first), length)
