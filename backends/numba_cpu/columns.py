"""im2col and col2im: ``columns (N, C*taps, L)`` and back, plane by plane."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from . import arena
from .compiled import compiled
from .layout import BLOCK, _turn, is_channels_last
from .team import spread

Array = np.ndarray[Any, Any]
ALONE = 1 << 19


def im2col(x: Array, window: Window, positions: Sizes) -> Array:
    """``(N, C*taps, L)`` from ``(N, C, *size)``; padding reads 0."""
    batch, channels, *size = x.shape
    planes = _planes(x)
    shape = (batch, channels * window.size, math.prod(positions))
    columns = arena.take(shape, x.dtype)
    spread(
        _im2col,
        batch * channels,
        planes.reshape(-1),
        columns.reshape(-1),
        _geometry(window, tuple(size), positions),
        alone=columns.nbytes < ALONE,
    )
    return columns


def col2im(
    columns: Array, window: Window, positions: Sizes, output_size: Sizes
) -> Array:
    """The adjoint of :func:`im2col`: every tap adds to the sample it was read from."""
    batch, rows, _ = columns.shape
    channels = rows // window.size
    image = arena.take((batch, channels, *output_size), columns.dtype)
    spread(
        _col2im,
        batch * channels,
        np.ascontiguousarray(columns).reshape(-1),
        image.reshape(-1),
        _geometry(window, tuple(output_size), positions),
        alone=columns.nbytes < ALONE,
    )
    return image


def _planes(x: Array) -> Array:
    """``x`` in C order: its own memory, or a copy."""
    if x.flags.c_contiguous or not is_channels_last(x):
        return np.ascontiguousarray(x)
    batch, channels = x.shape[:2]
    pixels = math.prod(x.shape[2:])
    y = arena.take(x.shape, x.dtype)
    # the way to channels last, with pixels and channels exchanged, leads back
    source = np.moveaxis(x, 1, -1).reshape(-1)
    tasks = batch * -(-channels // BLOCK)
    alone = x.nbytes < ALONE
    spread(_turn, tasks, source, y.reshape(-1), pixels, channels, alone=alone)
    return y


def _geometry(window: Window, size: Sizes, positions: Sizes) -> Array:
    """Kernel, stride, dilation, padding in front, image and outputs, three each."""
    begin = tuple(b for b, _ in window.padding)
    parts = (window.kernel, window.stride, window.dilation, begin, size, positions)
    still = (1, 1, 1, 0, 1, 1)
    rows = [
        (fill,) * (3 - len(part)) + tuple(part)
        for part, fill in zip(parts, still, strict=True)
    ]
    return np.array(rows, np.int64)


@compiled
def _reads(geometry, axis, tap):  # type: ignore[no-untyped-def]
    """The outputs whose tap lies inside, and the sample that output 0's tap is at."""
    _, stride, dilation, begin, size, outputs = geometry[:, axis]
    offset = tap * dilation - begin
    first = max(0, -(offset // stride))
    return first, min(outputs, (size - 1 - offset) // stride + 1), offset


@compiled
def _im2col(start, stop, planes, columns, geometry):  # type: ignore[no-untyped-def]
    (kz, ky, kx), (sz, sy, sx) = geometry[0], geometry[1]
    (_, height, width), (od, oh, ow) = geometry[4], geometry[5]
    area, length = geometry[4].prod(), geometry[5].prod()
    for task in range(start, stop):
        for tap in range(kz * ky * kx):
            line, x = divmod(tap, kx)
            z, y = divmod(line, ky)
            z0, z1, z_at = _reads(geometry, 0, z)
            y0, y1, y_at = _reads(geometry, 1, y)
            x0, x1, x_at = _reads(geometry, 2, x)
            out = (task * kz * ky * kx + tap) * length
            for row in range(od * oh):
                i, j = divmod(row, oh)
                target = columns[out + row * ow : out + (row + 1) * ow]
                if i < z0 or i >= z1 or j < y0 or j >= y1 or x0 >= x1:
                    target[:] = 0
                    continue
                target[:x0] = 0
                target[x1:] = 0
                at = ((i * sz + z_at) * height + j * sy + y_at) * width
                source = planes[task * area + at + x0 * sx + x_at :]
                inner = target[x0:x1]
                if sx == 1:
                    for o in range(inner.size):
                        inner[o] = source[o]
                else:
                    for o in range(inner.size):
                        inner[o] = source[o * sx]


@compiled
def _col2im(start, stop, columns, planes, geometry):  # type: ignore[no-untyped-def]
    (kz, ky, kx), (sz, sy, sx) = geometry[0], geometry[1]
    (_, height, width), (_, oh, ow) = geometry[4], geometry[5]
    area, length = geometry[4].prod(), geometry[5].prod()
    for task in range(start, stop):
        planes[task * area : (task + 1) * area] = 0
        for tap in range(kz * ky * kx):
            line, x = divmod(tap, kx)
            z, y = divmod(line, ky)
            z0, z1, z_at = _reads(geometry, 0, z)
            y0, y1, y_at = _reads(geometry, 1, y)
            x0, x1, x_at = _reads(geometry, 2, x)
            out = (task * kz * ky * kx + tap) * length
            for i in range(z0, z1):
                for j in range(y0, y1 if x0 < x1 else y0):
                    row = out + (i * oh + j) * ow
                    source = columns[row + x0 : row + x1]
                    at = ((i * sz + z_at) * height + j * sy + y_at) * width
                    target = planes[task * area + at + x0 * sx + x_at :]
                    if sx == 1:
                        for o in range(source.size):
                            target[o] += source[o]
                    else:
                        for o in range(source.size):
                            target[o * sx] += source[o]
