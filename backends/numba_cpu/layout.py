"""Channels last: how arrays lie in memory here, whatever their logical shape.

A batch ``(N, C, *size)`` is kept as ``(N, *size, C)``: the channels of one pixel are
neighbours, so that vectors run along channels, for any size of image and any stride.
Results are given back in their logical shape, a transposed view of that memory (what
PyTorch calls the channels_last format), so between two kernels nothing is rearranged.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from . import arena
from .compiled import compiled
from .team import spread

Batch = np.ndarray[Any, Any]

#: Channels and pixels that are rearranged together: both sides stay in L1.
BLOCK = 32
#: Channels fewer than this are gone through one after the other.
FEW = 8

#: The order of the axes there and back, by how many there are (at least two).
_TURNED = [(0, *range(2, n), 1) for n in range(33)]
_LOGICAL = [(0, n - 1, *range(1, n - 1)) for n in range(33)]


def turned(x: Batch) -> Batch:
    """``(N, C, *size)`` seen as ``(N, *size, C)``."""
    return x.transpose(_TURNED[x.ndim])


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
    alike = x.flags.aligned and x.dtype == dtype and x.size > 0
    if alike and x.flags.c_contiguous:
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
    elif alike and dtype.char in "fd" and view.strides[-1] == dtype.itemsize:
        # some channels of others: pixels are runs that lie apart
        rows = view.reshape(-1, view.shape[-1])
        if rows.flags.c_contiguous:
            return rows.reshape(view.shape)
        spread(_runs, len(rows), rows, y.reshape(-1), alone=y.nbytes < 1 << 17)
    else:
        np.copyto(y, view, casting="same_kind")
    return y


class Pitches(NamedTuple):
    """Elements from one pixel to the next of what is read and of what is written;
    None: as many as there are channels."""

    x: int | None = None
    y: int | None = None


OWN = Pitches()


def pitch_of(x: Batch) -> int:
    """Elements from one pixel to the next, if channels are neighbours and pixels lie
    evenly, as those of some of the channels of others do; else 0."""
    view = turned(x)
    if view.flags.c_contiguous:
        return x.shape[1]
    if view.strides[-1] != x.itemsize or not x.flags.aligned:
        return 0
    step, pixels = 0, 1
    for length, stride in zip(view.shape[-2::-1], view.strides[-2::-1], strict=True):
        if length > 1:
            step = step or stride
            if stride != step * pixels:
                return 0
        pixels *= length
    return step // x.itemsize if step > 0 and step % x.itemsize == 0 else 0


def start_of(x: Batch, pitch: int | None) -> Batch:
    """Flat memory of ``x``, perhaps of a copy; if there is a pitch, which the kernel
    knows, whatever has the same first element."""
    return channels_last(x).reshape(-1) if pitch is None else turned(x)


def runs_of(x: Batch) -> tuple[Batch, int]:
    """Flat memory of ``x``, a copy if its pixels do not lie evenly, and the pitch."""
    pitch, channels = pitch_of(x), x.shape[1]
    if pitch in (0, channels):
        return channels_last(x).reshape(-1), channels
    length = (x.size // channels - 1) * pitch + channels
    return np.lib.stride_tricks.as_strided(turned(x), (length,), (x.itemsize,)), pitch


def landing(
    shape: tuple[int, ...], dtype: Any, out: Batch | None
) -> tuple[Batch, Batch]:
    """What a kernel writes to, and the result as it is handed back: new memory ``(N,
    *size, C)``, or ``out``, whose pitch the kernel knows."""
    if out is not None:
        return turned(out), out
    y = arena.take(shape, dtype)
    return y.reshape(-1), logical(y)


def logical(y: Batch) -> Batch:
    """``(N, *size, C)`` seen as ``(N, C, *size)``."""
    return y.transpose(_LOGICAL[y.ndim])


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
            if c1 - c0 < FEW:
                for c in range(c0, c1):
                    for p in range(first, last):
                        to, at = target + p * channels + c, source + c * pixels + p
                        y[np.uintp(to)] = x[np.uintp(at)]
            else:
                for p in range(first, last):
                    for c in range(c0, c1):
                        to, at = target + p * channels + c, source + c * pixels + p
                        y[np.uintp(to)] = x[np.uintp(at)]


@compiled
def _runs(start, stop, rows, y):  # type: ignore[no-untyped-def]
    """One pixel per task."""
    length = rows.shape[1]
    for row in range(start, stop):
        for c in range(length):
            y[np.uintp(row * length + c)] = rows[row, c]
