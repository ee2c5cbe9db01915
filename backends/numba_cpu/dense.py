"""Convolution by one gathered product, for every geometry."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from .gathered import Taps, Target, convolve, padded
from .layout import channels_last, empty, logical
from .packing import in_panels, packed, panel_width
from .three_axes import deep, three

Array = np.ndarray[Any, Any]


def wide_bias(bias: Array | None, groups: int, columns: int, dtype: Any) -> Array:
    """``(groups, panels * width)``: the bias, or zeros, in whole panels."""
    width = panel_width(np.dtype(dtype))
    panels = -(-columns // width)
    wide = np.zeros((groups, panels * width), dtype)
    if bias is not None:
        wide[:, :columns] = bias.reshape(groups, columns)
    return wide


def image(y: Array) -> Target:
    """All pixels of channels-last memory ``(N, D, H, W, K)``."""
    _, _, height, width, channels = y.shape
    pixel = (height * width * channels, width * channels, channels)
    return Target(y.reshape(-1), 0, math.prod(y.shape[1:]), pixel)


class Layout(NamedTuple):
    """The geometry of one convolution on three axes."""

    kernel: tuple[int, int, int]
    step: tuple[int, int, int]
    taps: Taps
    before: tuple[int, int, int]
    extent: tuple[int, ...]
    outputs: tuple[int, int, int]


@lru_cache(512)
def _layout(window: Window, outputs: Sizes, depth: int, groups: int) -> Layout:
    kernel, step = three(window.kernel), three(window.stride)
    dilation, outs = three(window.dilation), three(outputs)
    offsets = tuple(
        tuple(range(0, k * d, d)) for k, d in zip(kernel, dilation, strict=True)
    )
    taps = Taps.of(offsets, depth) if groups == 1 else Taps(offsets, depth)
    extent = tuple(
        (o - 1) * s + (k - 1) * d + 1
        for o, s, k, d in zip(outs, step, kernel, dilation, strict=True)
    )
    before = three(tuple(b for b, _ in window.padding), 0)
    return Layout(kernel, step, taps, before, extent, outs)


def conv(
    x: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    outputs: Sizes,
    groups: int,
    low: float,
    high: float,
) -> Array:
    """``clip(conv(x, weight) + bias)``."""
    filters, depth = weight.shape[:2]
    columns = filters // groups
    kernel, step, taps, before, extent, outs = _layout(window, outputs, depth, groups)

    def pack(w: Array) -> Array:
        w = w.reshape(groups, columns, depth, *kernel)
        w = np.ascontiguousarray(w.transpose(0, 3, 4, 5, 2, 1))
        w = w.reshape(groups, -1, taps.depth, columns)
        return np.stack([in_panels(each) for each in w])

    y = empty(len(x), filters, outputs, x.dtype)
    convolve(
        padded(deep(channels_last(x)), before, extent),
        packed(weight, "conv", pack, groups, taps.depth),
        wide_bias(bias, groups, columns, x.dtype),
        taps,
        step,
        outs,
        groups,
        columns,
        image(deep(y)),
        low,
        high,
    )
    return logical(y)
