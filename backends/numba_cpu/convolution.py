"""The convolutions of the contract, each by the algorithm that the table names."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from . import activations, dense, depthwise, input_grad, sparse, winograd
from .algorithms import Problem, chosen, sparse_below
from .layout import channels_last, empty, logical
from .packing import packed
from .three_axes import three

Array = np.ndarray[Any, Any]

_OUTPUTS_PER_TILE = {"winograd F(4x4, 3x3)": 4, "winograd F(2x2, 3x3)": 2}


@lru_cache(2048)
def _decided(
    shape: tuple[int, ...],
    filters: int,
    window: Window,
    groups: int,
    dtype: np.dtype[Any],
    winograd: bool,
) -> tuple[Sizes, str]:
    """The outputs per axis, and the name of the algorithm."""
    batch, channels, *size = shape
    outputs = window.output_size(tuple(size))
    problem = Problem(
        batch, channels, filters, window, outputs, tuple(size), groups, dtype, winograd
    )
    return outputs, chosen(problem)


def conv(
    x: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    groups: int,
    low: float,
    high: float,
    allow_winograd: bool,
) -> Array:
    """Cross-correlation plus bias, clipped to ``low..high``."""
    outputs, how = _decided(
        x.shape, len(weight), window, groups, x.dtype, allow_winograd
    )
    if how == "depthwise":
        return _depthwise(x, weight, bias, window, outputs, low, high)
    if how in _OUTPUTS_PER_TILE:
        (top, _), (left, _) = window.padding
        down, across = outputs
        return winograd.conv(
            x,
            weight,
            bias,
            (top, left),
            (down, across),
            _OUTPUTS_PER_TILE[how],
            low,
            high,
        )
    return dense.conv(x, weight, bias, window, outputs, groups, low, high)


def _depthwise(
    x: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    outputs: Sizes,
    low: float,
    high: float,
    flipped: bool = False,
) -> Array:
    planned, zeros = _depthwise_plan(x.shape, window, outputs, x.dtype)
    y = empty(len(x), x.shape[1], outputs, x.dtype)
    taps = packed(weight, "depthwise", partial(_by_tap, flipped=flipped), flipped)
    start = zeros if bias is None else np.ascontiguousarray(bias)
    depthwise.fill(planned, channels_last(x), taps, start, y.reshape(-1), low, high)
    return logical(y)


def _by_tap(weight: Array, flipped: bool) -> Array:
    taps = depthwise.by_tap(weight)
    return np.ascontiguousarray(taps[::-1]) if flipped else taps


@lru_cache(512)
def _depthwise_plan(
    shape: tuple[int, ...], window: Window, outputs: Sizes, dtype: np.dtype[Any]
) -> tuple[depthwise.Plan, Array]:
    """The plan, and the zeros that stand for no bias."""
    batch, channels, *size = shape
    deep_shape = (batch, *three(tuple(size)), channels)
    _, height, width = outs = three(outputs)
    place = 0, math.prod(outputs) * channels, (
        height * width * channels, width * channels, channels
    )  # fmt: skip
    planned = depthwise.plan(
        deep_shape, _offsets(window), three(window.stride), outs, place, dtype
    )
    return planned, np.zeros(channels, dtype)


def _offsets(window: Window) -> tuple[tuple[int, ...], ...]:
    """What each tap reads, per axis, counted from the output's place."""
    begins = three(tuple(b for b, _ in window.padding), 0)
    axes = zip(three(window.kernel), three(window.dilation), begins, strict=True)
    return tuple(tuple(t * d - b for t in range(k)) for k, d, b in axes)


def conv_input_grad(
    grad: Array,
    weight: Array,
    bias: Array | None,
    input_size: Sizes,
    window: Window,
    groups: int,
    low: float,
    high: float,
    allow_winograd: bool,
) -> Array:
    """Adjoint of conv in x, plus bias, clipped to ``low..high``."""
    size = tuple(input_size)
    how, around, below = _decided_back(
        grad.shape, weight.shape[1], window, groups, grad.dtype, allow_winograd, size
    )
    if below >= 1 or (below > 0 and sparse.density(grad) < below):
        found = sparse.conv_input_grad(grad, weight, bias, size, window, low, high)
        if found is not None:
            return found
    if how in _OUTPUTS_PER_TILE:
        (top, _), (left, _) = window.padding
        down, across = size
        return winograd.conv(
            grad, weight, bias, (2 - top, 2 - left), (down, across),
            _OUTPUTS_PER_TILE[how], low, high, flipped=True,
        )  # fmt: skip
    if around is not None and how == "depthwise":
        return _depthwise(grad, weight, bias, around, size, low, high, flipped=True)
    if around is not None:
        return dense.conv(
            grad, weight, bias, around, size, groups, low, high, flipped=True
        )
    y = input_grad.conv_input_grad(grad, weight, bias, size, window, groups)
    if low == -math.inf and high == math.inf:
        return y
    return activations.activation(y, "clip", low=low, high=high)


@lru_cache(2048)
def _decided_back(
    shape: tuple[int, ...],
    columns: int,
    window: Window,
    groups: int,
    dtype: np.dtype[Any],
    allow_winograd: bool,
    size: Sizes,
) -> tuple[str, Window | None, float]:
    """The algorithm, the window of the convolution that the gradient is, and the share
    of numbers that are not zero below which those that are get skipped."""
    problem = Problem(
        shape[0], shape[1], columns * groups, window, size, shape[2:], groups, dtype,
        allow_winograd,
    )  # fmt: skip
    how, below = chosen(problem), sparse_below(problem)
    if any(s != 1 for s in window.stride):
        return how, None, below
    margins = tuple(
        (span - 1 - begin, length - outputs + begin)
        for span, (begin, _), length, outputs in zip(
            window.span, window.padding, size, shape[2:], strict=True
        )
    )
    if any(side < 0 for pair in margins for side in pair):
        return how, None, below
    return how, replace(window, padding=margins), below
