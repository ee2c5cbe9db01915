"""Channels last: how arrays lie in memory here, whatever their logical shape.

A batch ``(N, C, *size)`` is kept as ``(N, *size, C)``: the channels of one pixel are
neighbours, so that vectors run along channels, for any size of image and any stride.
Results are given back in their logical shape, a transposed view of that memory (what
PyTorch calls the channels_last format), so between two kernels nothing is rearranged.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import arena
from .compiled import compiled
from .team import spread

Batch = np.ndarray[Any, Any]

#: Channels and pixels that are rearranged together: both sides stay in L1.
BLOCK = 32


def turned(x: Batch) -> Batch:
    """``(N, C, *size)`` seen as ``(N, *size, C)``."""
    return x.transpose(0, *range(2, x.ndim), 1)


def is_channels_last(x: Batch) -> bool:
    """Whether the memory is ``(N, *size, C)``, contiguous."""
    return turned(x).flags.c_contiguous


def channels_last(x: Batch, dtype: Any = None) -> Batch:
    """``x (N, C, *size)`` as contiguous ``(N, *size, C)``: its memory, or a copy."""
    view = turned(x)
    dtype = x.dtype if dtype is None else np.dtype(dtype)
    if view.flags.c_contiguous and view.flags.aligned and x.dtype == dtype:
        return view
    y = arena.take(view.shape, dtype)
    if x.flags.c_contiguous and x.flags.aligned and x.dtype == dtype and x.size:
        pixels = math.prod(x.shape[2:])
        blocks = -(-pixels // BLOCK)
        spread(
            _turn,
            len(x) * blocks,
            x.reshape(-1),
            y.reshape(-1),
            x.shape[1],
            pixels,
            alone=x.nbytes < 1 << 18,
        )
    else:
        np.copyto(y, view, casting="same_kind")
    return y


def logical(y: Batch) -> Batch:
    """``(N, *size, C)`` seen as ``(N, C, *size)``."""
    return y.transpose(0, y.ndim - 1, *range(1, y.ndim - 1))


def empty(batch: int, channels: int, size: tuple[int, ...], dtype: Any) -> Batch:
    """Uninitialised channels-last memory ``(N, *size, C)``."""
    return arena.take((batch, *size, channels), dtype)


@compiled
def _turn(start, stop, x, y, channels, pixels):  # type: ignore[no-untyped-def]
    """Transpose ``(channels, pixels)`` planes, one block of pixels per task."""
    blocks = (pixels + BLOCK - 1) // BLOCK
    for task in range(start, stop):
        n, block = divmod(task, blocks)
        first = block * BLOCK
        last = min(first + BLOCK, pixels)
        source, target = n * channels * pixels, n * channels * pixels
        for c0 in range(0, channels, BLOCK):
            c1 = min(c0 + BLOCK, channels)
            for p in range(first, last):
                for c in range(c0, c1):
                    y[target + p * channels + c] = x[source + c * pixels + p]
