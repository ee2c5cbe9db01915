"""Windows moved within themselves, each by its own way, where they lie."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .compiled import compiled
from .layout import turned
from .team import spread
from .three_axes import three

Array = np.ndarray[Any, Any]

ALONE = 1 << 16


def shifted(y: Array, shifts: Array) -> Array:
    """``y (B, C, *size)``, channels last in one piece: at ``p`` row ``n`` gets what it
    had at ``p + shifts[n]``, zero where that is outside."""
    rows = np.flatnonzero(shifts.any(axis=1))
    if not rows.size:
        return y
    ways = np.zeros((len(rows), 4), np.int64)
    ways[:, 0] = rows
    ways[:, 4 - shifts.shape[1] :] = shifts[rows]
    size, channels = y.shape[2:], y.shape[1]
    spread(
        _shift,
        len(rows),
        turned(y).reshape(-1),
        ways,
        np.array([channels, *three(size)], np.int64),
        scratch=(size[-1] * channels, y.dtype),
        alone=len(rows) * channels * math.prod(size) * y.itemsize < ALONE,
    )
    return y


@compiled
def _shift(start, stop, line, y, ways, numbers):  # type: ignore[no-untyped-def]
    """One row of the batch per task, line by line: none is overwritten before it has
    been moved itself."""
    channels, depth, height, width = numbers
    length = width * channels
    for task in range(start, stop):
        b, dz, dy, dx = ways[task]
        first = min(max(0, -dx), width) * channels
        last = max(first, min(width, width - dx) * channels)
        ahead = dz > 0 or (dz == 0 and dy >= 0)
        for step in range(depth * height):
            z, row = divmod(step if ahead else depth * height - 1 - step, height)
            target = ((b * depth + z) * height + row) * length
            source = ((b * depth + z + dz) * height + row + dy) * length
            begin, end = first, last
            if not (0 <= z + dz < depth and 0 <= row + dy < height):
                begin = end = 0
            # by way of a line of one's own, since source and target may overlap
            for j in range(begin, end):
                line[np.uintp(j)] = y[np.uintp(source + dx * channels + j)]
            for j in range(begin):
                y[np.uintp(target + j)] = 0
            for j in range(begin, end):
                y[np.uintp(target + j)] = line[np.uintp(j)]
            for j in range(end, length):
                y[np.uintp(target + j)] = 0
