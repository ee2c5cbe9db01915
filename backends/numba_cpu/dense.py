"""Convolution by one gathered product, for every geometry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

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


def conv(
    x: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    groups: int,
    low: float,
    high: float,
) -> Array:
    """``clip(conv(x, weight) + bias)``."""
    outputs = window.output_size(x.shape[2:])
    filters, depth = weight.shape[:2]
    kernel, step = three(window.kernel), three(window.stride)
    dilation = three(window.dilation)
    offsets = tuple(
        tuple(range(0, k * d, d)) for k, d in zip(kernel, dilation, strict=True)
    )
    merged = Taps.of(offsets, depth) if groups == 1 else Taps(offsets, depth)

    def pack(w: Array) -> Array:
        w = w.reshape(groups, filters // groups, depth, *kernel)
        w = np.ascontiguousarray(w.transpose(0, 3, 4, 5, 2, 1))
        w = w.reshape(groups, -1, merged.depth, filters // groups)
        return np.stack([in_panels(each) for each in w])

    sources = deep(channels_last(x))
    before = three(tuple(b for b, _ in window.padding), 0)
    extent = tuple(
        (o - 1) * s + (k - 1) * d + 1
        for o, s, k, d in zip(three(outputs), step, kernel, dilation, strict=True)
    )
    y = empty(len(x), filters, outputs, x.dtype)
    convolve(
        padded(sources, before, extent),
        packed(weight, "conv", pack, groups, merged.depth),
        wide_bias(bias, groups, filters // groups, x.dtype),
        merged,
        step,
        three(outputs),
        groups,
        filters // groups,
        image(deep(y)),
        low,
        high,
    )
    return logical(y)
