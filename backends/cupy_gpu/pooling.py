"""Pools with windows, columns, and adaptive pools: a thread per result."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Array, narrowed
from ...per_axis import Sizes
from ...window import Window
from .device import Device
from .geometry import between, fixed, packed, prod
from .launching import contiguous, empty, run

PLAIN, INSIDE, PADDED, RESCALED = (np.int32(n) for n in range(4))  # as in pooling.cu
SUM = np.float64(0)


def _summed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What kernels hand back where they add: integers wide, to be looked at."""
    return np.dtype(np.int64) if dtype.kind in "iu" else dtype


def _shape(device: Device, window: Window) -> dict[str, str]:
    return fixed(window) if device.specialises else {}


def max_pool(device: Device, x: Array, window: Window) -> tuple[Array, Array]:
    x = contiguous(device, x)
    size = x.shape[2:]
    outputs = window.output_size(size)
    y = empty(device, (*x.shape[:2], *outputs), x.dtype)
    switches = empty(device, y.shape, np.int64)
    geometry = packed(window, size, outputs)
    arguments = (x, y, switches, ..., geometry)
    macros = _shape(device, window)
    run(device, "pooling.cu", "max_pool", x.dtype, y.size, *arguments, **macros)
    return y, switches


def avg_pool(
    device: Device, x: Array, window: Window, count_include_pad: bool
) -> Array:
    divisor = PADDED if count_include_pad else INSIDE
    return _sum_pool(device, x, window, divisor, SUM)


def lp_pool(
    device: Device, x: Array, window: Window, power: float, rescale_clipped: bool
) -> Array:
    divisor = RESCALED if rescale_clipped else PLAIN
    return _sum_pool(device, x, window, divisor, np.float64(power))


def _sum_pool(
    device: Device, x: Array, window: Window, divisor: Any, power: Any
) -> Array:
    x = contiguous(device, x)
    size = x.shape[2:]
    outputs = window.output_size(size)
    y = empty(device, (*x.shape[:2], *outputs), _summed(x.dtype))
    arguments = (x, y, ..., packed(window, size, outputs), divisor, power)
    macros = _shape(device, window)
    run(device, "pooling.cu", "sum_pool", x.dtype, y.size, *arguments, **macros)
    return narrowed(y, x.dtype)


def avg_pool_grad(
    device: Device,
    grad: Array,
    input_size: Sizes,
    window: Window,
    count_include_pad: bool,
) -> Array:
    divisor = PADDED if count_include_pad else INSIDE
    grad = contiguous(device, grad)
    none = (None, None)
    return _sum_pool_grad(device, grad, *none, tuple(input_size), window, divisor, SUM)


def lp_pool_grad(
    device: Device,
    grad: Array,
    x: Array,
    y: Array,
    window: Window,
    power: float,
    rescale_clipped: bool,
) -> Array:
    divisor = RESCALED if rescale_clipped else PLAIN
    grad, x, y = (contiguous(device, a) for a in (grad, x, y))
    size = x.shape[2:]
    return _sum_pool_grad(device, grad, x, y, size, window, divisor, np.float64(power))


def _sum_pool_grad(
    device: Device,
    grad: Array,
    x: Array | None,
    y: Array | None,
    size: Sizes,
    window: Window,
    divisor: Any,
    power: Any,
) -> Array:
    batch, channels = grad.shape[:2]
    image = empty(device, (batch, channels, *size), grad.dtype)
    shared = channels if x is not None and len(x) != batch else 0
    geometry = packed(window, tuple(size), grad.shape[2:])
    arguments = (grad, x, y, image, ..., geometry, divisor, power, np.int64(shared))
    macros = _shape(device, window)
    name = "sum_pool_grad"
    run(device, "pooling_grad.cu", name, grad.dtype, image.size, *arguments, **macros)
    return image


def im2col(device: Device, x: Array, window: Window, positions: Sizes) -> Array:
    batch, channels, *size = x.shape
    shape = (batch, channels * window.size, prod(positions))
    x = contiguous(device, x)
    if window.is_pointwise and tuple(size) == tuple(positions):
        return x.reshape(shape)
    columns = empty(device, shape, x.dtype)
    arguments = (x, columns, ..., packed(window, tuple(size), tuple(positions)))
    macros = _shape(device, window)
    run(device, "columns.cu", "im2col", x.dtype, columns.size, *arguments, **macros)
    return columns


def col2im(
    device: Device, columns: Array, window: Window, positions: Sizes, output_size: Sizes
) -> Array:
    batch, rows, _ = columns.shape
    shape = (batch, rows // window.size, *output_size)
    columns = contiguous(device, columns)
    dtype = columns.dtype
    image = empty(device, shape, _summed(dtype))
    geometry = packed(window, tuple(output_size), tuple(positions))
    macros = _shape(device, window)
    arguments = (columns, image, ..., geometry)
    run(device, "columns.cu", "col2im", dtype, image.size, *arguments, **macros)
    return narrowed(image, dtype)


def adaptive_max_pool(
    device: Device, x: Array, output_size: Sizes
) -> tuple[Array, Array]:
    x = contiguous(device, x)
    y = empty(device, (*x.shape[:2], *output_size), x.dtype)
    switches = empty(device, y.shape, np.int64)
    geometry = between(x.shape[2:], output_size)
    arguments = (x, y, switches, ..., geometry)
    run(device, "cells.cu", "max_cells", x.dtype, y.size, *arguments)
    return y, switches


def adaptive_avg_pool(device: Device, x: Array, output_size: Sizes) -> Array:
    x = contiguous(device, x)
    y = empty(device, (*x.shape[:2], *output_size), _summed(x.dtype))
    geometry = between(x.shape[2:], output_size)
    run(device, "cells.cu", "mean_cells", x.dtype, y.size, x, y, ..., geometry)
    return narrowed(y, x.dtype)


def adaptive_avg_pool_grad(device: Device, grad: Array, input_size: Sizes) -> Array:
    grad = contiguous(device, grad)
    image = empty(device, (*grad.shape[:2], *input_size), grad.dtype)
    geometry = between(input_size, grad.shape[2:])
    arguments = (grad, image, ..., geometry)
    run(device, "cells.cu", "mean_cells_grad", grad.dtype, image.size, *arguments)
    return image
