"""Pools and resampling, forward and back: each is a plan and one pass over it."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from ...per_axis import Sizes
from ...reference import pooling as reference
from ...window import Window
from .elementwise import mapped
from .separable import maxima, weighted_sums
from .sources import cells_plan, upsampling_plan, window_adjoint, window_plan

Array = np.ndarray[Any, Any]


def max_pool(x: Array, window: Window) -> tuple[Array, Array]:
    """Values and switches: the first maximum in row-major order, NaN wins."""
    size = x.shape[2:]
    if math.prod(size) >= 1 << 31:  # winners are found in 32 bits
        return reference.max_pool(x, window)
    return maxima(x, window_plan(window, size, "none", x.dtype.str))


def adaptive_max_pool(x: Array, output_size: Sizes) -> tuple[Array, Array]:
    """Values and switches over cells that share the plane out evenly."""
    size = x.shape[2:]
    if math.prod(size) >= 1 << 31:
        return reference.adaptive_max_pool(x, output_size)
    return maxima(x, cells_plan(size, tuple(output_size), False, x.dtype.str))


def _divisor(count_include_pad: bool) -> str:
    return "padded" if count_include_pad else "inside"


def avg_pool(x: Array, window: Window, count_include_pad: bool) -> Array:
    """Mean of each window."""
    size = x.shape[2:]
    divisor = _divisor(count_include_pad)
    return weighted_sums(x, window_plan(window, size, divisor, x.dtype.str))


def avg_pool_grad(
    grad: Array, input_size: Sizes, window: Window, count_include_pad: bool
) -> Array:
    """Adjoint of :func:`avg_pool`."""
    divisor, size = _divisor(count_include_pad), tuple(input_size)
    back = window_adjoint(window, size, grad.shape[2:], divisor, grad.dtype.str)
    return weighted_sums(grad, back)


def window_sum(x: Array, window: Window) -> Array:
    """Sum of each window over the samples of the image."""
    return weighted_sums(x, window_plan(window, x.shape[2:], "none", x.dtype.str))


def window_sum_grad(grad: Array, input_size: Sizes, window: Window) -> Array:
    """Adjoint of :func:`window_sum`."""
    size, outputs = tuple(input_size), grad.shape[2:]
    back = window_adjoint(window, size, outputs, "none", grad.dtype.str)
    return weighted_sums(grad, back)


def adaptive_avg_pool(x: Array, output_size: Sizes) -> Array:
    """Means over cells that share the plane out evenly."""
    size, outputs = x.shape[2:], tuple(output_size)
    return weighted_sums(x, cells_plan(size, outputs, False, x.dtype.str))


def adaptive_avg_pool_grad(grad: Array, input_size: Sizes) -> Array:
    """Adjoint of :func:`adaptive_avg_pool`."""
    size, outputs = tuple(input_size), grad.shape[2:]
    return weighted_sums(grad, cells_plan(size, outputs, True, grad.dtype.str))


def upsample(x: Array, scale: tuple[float, ...], mode: str) -> Array:
    """Nearest or linear resampling of every spatial axis."""
    size, scale = x.shape[2:], tuple(scale)
    return weighted_sums(x, upsampling_plan(size, scale, mode, False, x.dtype.str))


def upsample_grad(
    grad: Array, input_size: Sizes, scale: tuple[float, ...], mode: str
) -> Array:
    """Adjoint of :func:`upsample`."""
    size, scale = tuple(input_size), tuple(scale)
    return weighted_sums(grad, upsampling_plan(size, scale, mode, True, grad.dtype.str))


def lp_pool(x: Array, window: Window, power: float, rescale_clipped: bool) -> Array:
    """``(sum |x|**p) ** (1/p)`` of each window."""
    total = window_sum(mapped(lambda each: np.abs(each) ** power, x), window)
    if rescale_clipped:
        total *= _rescale(x.shape[2:], window, total)
    return mapped(lambda each: each ** (1 / power), total)


def lp_pool_grad(
    grad: Array, x: Array, y: Array, window: Window, power: float, rescale_clipped: bool
) -> Array:
    """Gradient of :func:`lp_pool` at ``x``, where its value is ``y``."""
    share = grad * np.where(y > 0, y, 1) ** (1 - power) * (y > 0)
    if rescale_clipped:
        share *= _rescale(x.shape[2:], window, share)
    return mapped(
        partial(_lp_slope, power), window_sum_grad(share, x.shape[2:], window), x
    )


def _lp_slope(power: float, share: Array, x: Array) -> Array:
    return share * np.sign(x) * np.abs(np.where(x == 0, 1, x)) ** (power - 1)


def _rescale(size: Sizes, window: Window, like: Array) -> Array:
    """Torch's factor for a window that ceil_mode cut: it counts as a full one."""
    counts = window.counts(size, like.shape[2:], padded=True)
    return (window.size / counts).astype(like.dtype)
