"""Windows cut out of planes: runs of memory copied, and filled up beyond the edges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...per_axis import Sizes
from . import arena
from .compiled import compiled
from .layout import channels_last, logical
from .team import spread
from .three_axes import three

Array = np.ndarray[Any, Any]

ALONE = 1 << 16


def cut(
    planes: Array, samples: Array, origins: Array, shape: Sizes, outside: float
) -> Array:
    """``(B, C, *shape)``: row b from ``origins[b]`` on in the plane ``samples[b]``."""
    batch, channels = len(samples), planes.shape[1]
    y = arena.take((batch, *shape, channels), planes.dtype)
    rows = np.zeros((batch, 4), np.int64)
    rows[:, 0] = samples
    rows[:, 4 - origins.shape[1] :] = origins
    numbers = (channels, *three(planes.shape[2:]), *three(shape))
    spread(
        _cut,
        math.prod(y.shape[:-2]) if len(shape) > 1 else batch,
        channels_last(planes).reshape(-1),
        y.reshape(-1),
        rows,
        np.array(numbers, np.int64),
        planes.dtype.type(outside),
        alone=y.nbytes < ALONE,
    )
    return logical(y)


@compiled
def _cut(start, stop, planes, y, rows, numbers, outside):  # type: ignore[no-untyped-def]
    """One line of a window per task."""
    channels, depth, height, width, d, h, w = numbers
    for task in range(start, stop):
        b, line = divmod(task, d * h)
        plane, line = divmod(line, h)
        sample, oz, oy, ox = rows[b]
        plane, line = plane + oz, line + oy
        target = task * w * channels
        within = 0 <= plane < depth and 0 <= line < height
        first = min(max(-ox, 0), w) if within else w
        last = min(max(width - ox, first), w) if within else w
        for j in range(first * channels):
            y[np.uintp(target + j)] = outside
        source = (((sample * depth + plane) * height + line) * width + ox) * channels
        for j in range(first * channels, last * channels):
            y[np.uintp(target + j)] = planes[np.uintp(source + j)]
        for j in range(last * channels, w * channels):
            y[np.uintp(target + j)] = outside
