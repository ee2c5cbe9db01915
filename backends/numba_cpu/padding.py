"""Zeros around a batch, as a copy of it; what only reads it makes them as it goes
(:mod:`.gathered`)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from . import arena
from .compiled import compiled
from .launch import Launch

Array = np.ndarray[Any, Any]
Triple = tuple[int, int, int]


def needs_padding(size: Triple, before: Triple, extent: Triple) -> bool:
    """Whether something is missing in front, or so much is not there."""
    return any(before) or any(e > s for e, s in zip(extent, size, strict=True))


def padded(x: Array, before: tuple[int, ...], extent: tuple[int, ...]) -> Array:
    """``(N, *extent, C)`` with ``x`` at ``before`` and zeros around; may crop."""
    y = arena.take((len(x), *extent, x.shape[-1]), x.dtype)
    _padding(x.shape, before, tuple(extent), x.dtype)(x.reshape(-1), y.reshape(-1))
    return y


@lru_cache(512)
def _padding(
    shape: tuple[int, ...],
    before: tuple[int, ...],
    extent: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Launch:
    """Per axis: old and new length, where the old begins, and where it ends; the last
    axis and its channels are one."""
    batch, *size, depth = shape
    rows = [
        (s, e, b, max(0, min(e, b + s)))
        for s, e, b in zip(size, extent, before, strict=True)
    ]
    rows[2] = tuple(depth * value for value in rows[2])
    nbytes = batch * math.prod(extent) * depth * dtype.itemsize
    return Launch(
        _pad, batch * extent[0] * extent[1], (dtype, dtype), np.array(rows, np.int64),
        alone=nbytes < 1 << 17,
    )  # fmt: skip


@compiled
def _pad(start, stop, x, y, borders):  # type: ignore[no-untyped-def]
    """One line per task."""
    depth, planes, z0, z1 = borders[0]
    height, lines, y0, y1 = borders[1]
    width, wide, x0, x1 = borders[2]
    first = max(x0, 0)
    for task in range(start, stop):
        plane, row = divmod(task, lines)
        n, z = divmod(plane, planes)
        line = task * wide
        if z < z0 or z >= z1 or row < y0 or row >= y1 or first >= x1:
            y[line : line + wide] = 0
            continue
        y[line : line + first] = 0
        source = ((n * depth + z - z0) * height + row - y0) * width - x0
        here, there = y[line + first : line + x1], x[source + first :]
        for i in range(x1 - first):
            here[i] = there[i]
        y[line + x1 : line + wide] = 0
