"""Batch normalisation and local response normalisation, channels last.

Across channels means along contiguous memory: the neighbours of a whole vector of
channels are the vectors that begin a little before and after it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from . import arena
from .compiled import compiled
from .launch import Launch
from .layout import channels_last, logical
from .team import spread

Array = np.ndarray[Any, Any]

#: Elements of a task.
CHUNK = 1 << 14
ALONE = 1 << 19
#: Fewer channels than this are repeated, for loops that are worth starting.
SHORT = 64


def batch_norm(
    x: Array, mean: Array, var: Array, weight: Array, bias: Array, eps: float
) -> Array:
    """Inference form, per channel: ``(x - mean) / sqrt(var + eps) * weight + bias``."""
    return _scaled(x, mean, weight / np.sqrt(var + eps), bias)


def batch_norm_input_grad(grad: Array, var: Array, weight: Array, eps: float) -> Array:
    """Gradient of :func:`batch_norm` in x."""
    none = np.zeros_like(weight)
    return _scaled(grad, none, weight / np.sqrt(var + eps), none)


def _scaled(x: Array, mean: Array, scale: Array, bias: Array) -> Array:
    source = channels_last(x)
    y = arena.take(source.shape, x.dtype)
    times, launch = _scaling(x.size, x.shape[1], x.dtype)
    rows = [np.ascontiguousarray(row, x.dtype) for row in (mean, scale, bias)]
    if times > 1:
        rows = [np.tile(row, times) for row in rows]
    launch(source.reshape(-1), *rows, y.reshape(-1))
    return logical(y)


@lru_cache(512)
def _scaling(count: int, channels: int, dtype: np.dtype[Any]) -> tuple[int, Launch]:
    """How often channels are repeated, and the kernel's call."""
    times = -(-SHORT // channels)
    length = channels * times
    portion = max(1, CHUNK // length)
    tasks = -(-count // (length * portion))
    alone = count * dtype.itemsize < ALONE
    return times, Launch(_scale, tasks, (dtype,) * 5, portion, alone=alone)


@compiled
def _scale(start, stop, x, mean, scale, bias, y, portion):  # type: ignore[no-untyped-def]
    length = mean.size
    for first in range(start * portion * length, stop * portion * length, length):
        if first >= x.size:
            return
        source, target = x[first : first + length], y[first : first + length]
        for i in range(source.size):
            target[i] = (source[i] - mean[i]) * scale[i] + bias[i]


def local_response_norm(
    x: Array, size: int, alpha: float, beta: float, k: float
) -> Array:
    """``x * (k + alpha/size * sum x**2 over size channels) ** -beta``."""
    return _normalised(_respond, x, (), size, alpha, beta, k)


def local_response_norm_grad(
    grad: Array, x: Array, size: int, alpha: float, beta: float, k: float
) -> Array:
    """True gradient of :func:`local_response_norm`."""
    return _normalised(_respond_grad, grad, (x,), size, alpha, beta, k)


def _normalised(
    kernel: Any,
    x: Array,
    saved: tuple[Array, ...],
    size: int,
    alpha: float,
    beta: float,
    k: float,
) -> Array:
    source, channels, number = channels_last(x), x.shape[1], x.dtype.type
    y = arena.take(source.shape, x.dtype)
    others = [channels_last(a).reshape(-1) for a in saved]
    portion = max(1, CHUNK // channels)
    pixels = math.prod(source.shape[:-1])
    reach = min(size, 2 * channels)  # no window sees more than all channels
    spread(
        kernel,
        -(-pixels // portion),
        source.reshape(-1),
        *others,
        y.reshape(-1),
        np.array([channels, pixels, portion, reach], np.int64),
        number(alpha / size),
        number(beta),
        number(k),
        scratch=(6 * (channels + reach), x.dtype),
        alone=x.nbytes < ALONE,
    )
    return logical(y)


@compiled
def _across(values, total, size):  # type: ignore[no-untyped-def]
    """``total[c] = sum of values[c : c + size]``: added up afresh for each channel,
    since a running sum would keep the rounding of what has left it."""
    for c in range(total.size):
        total[c] = values[c]
    for j in range(1, size):
        shifted = values[j:]
        for c in range(total.size):
            total[c] += shifted[c]


@compiled
def _power(scale, beta, y):  # type: ignore[no-untyped-def]
    """``scale ** -beta``; three quarters, the published exponent, by square roots."""
    if beta == 0.75:
        for c in range(y.size):
            root = math.sqrt(scale[c])
            y[c] = 1 / (root * math.sqrt(root))
    else:
        for c in range(y.size):
            y[c] = scale[c] ** -beta


@compiled
def _scales(x, squares, scale, before, size, share, k):  # type: ignore[no-untyped-def]
    """``k + share * sum of squares``; ``squares`` has zeros around the channels."""
    inner = squares[before:]
    for c in range(x.size):
        inner[c] = x[c] * x[c]
    _across(squares, scale, size)
    for c in range(x.size):
        scale[c] = k + share * scale[c]


@compiled
def _respond(  # type: ignore[no-untyped-def]
    start, stop, scratch, x, y, sizes, share, beta, k
):
    channels, pixels, portion, size = sizes
    room = channels + size
    squares, scale = scratch[:room], scratch[room : room + channels]
    power = scratch[2 * room : 2 * room + channels]
    squares[:] = 0
    for p in range(start * portion, min(stop * portion, pixels)):
        source = x[p * channels : (p + 1) * channels]
        target = y[p * channels : (p + 1) * channels]
        _scales(source, squares, scale, size // 2, size, share, k)
        _power(scale, beta, power)
        for c in range(channels):
            target[c] = source[c] * power[c]


@compiled
def _respond_grad(  # type: ignore[no-untyped-def]
    start, stop, scratch, grad, x, y, sizes, share, beta, k
):
    channels, pixels, portion, size = sizes
    room = channels + size
    squares, scale = scratch[:room], scratch[room : room + channels]
    power = scratch[2 * room : 2 * room + channels]
    terms = scratch[3 * room : 4 * room]
    total = scratch[4 * room : 4 * room + channels]
    squares[:] = 0
    terms[:] = 0
    # a channel is in the windows of its neighbours with before and after exchanged
    inner = terms[(size - 1) // 2 :]
    twice = 2 * share * beta
    for p in range(start * portion, min(stop * portion, pixels)):
        at = p * channels % x.size
        source = x[at : at + channels]
        signal = grad[p * channels : (p + 1) * channels]
        target = y[p * channels : (p + 1) * channels]
        _scales(source, squares, scale, size // 2, size, share, k)
        _power(scale, beta, power)
        for c in range(channels):
            inner[c] = signal[c] * source[c] * (power[c] / scale[c])
        _across(terms, total, size)
        for c in range(channels):
            target[c] = signal[c] * power[c] - twice * source[c] * total[c]
