"""Convolution by one gathered product, for every geometry."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from . import arena, gathered
from .gathered import Taps, Target, padded
from .layout import channels_last, logical
from .packing import in_panels, packed, panel_width
from .three_axes import deep, three
from .vectors import lanes_of

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


class Plan(NamedTuple):
    """One convolution, but for the numbers."""

    before: tuple[int, int, int]
    extent: tuple[int, ...]
    pads: bool
    result: tuple[int, ...]  # the shape of its memory, channels last
    pack: Callable[[Array], Array]
    options: tuple[int, ...]  # that packing depends on
    beside: int  # pixels computed as the columns of one
    start: Array  # without a bias
    whole: bool  # whether a bias fills the panels
    product: gathered.Plan


@lru_cache(512)
def plan(
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    window: Window,
    outputs: Sizes,
    groups: int,
    dtype: np.dtype[Any],
    flipped: bool = False,
    together: bool = True,
) -> Plan:
    """What there is to know of a convolution of arrays of these shapes.

    ``flipped`` takes the weight of the convolution this is the input gradient of.
    ``together`` lets a few columns of neighbouring pixels be computed as one.
    """
    depth, columns = weight[1], weight[0] // groups
    if flipped:
        depth, columns = columns, depth
    filters = columns * groups
    kernel, step = three(window.kernel), three(window.stride)
    dilation, outs = three(window.dilation), three(outputs)
    beside = 1
    if together and groups == step[2] == dilation[2] == 1:
        beside = _beside(columns, kernel[2], outs[2], lanes_of(dtype))
    offsets = [range(0, k * d, d) for k, d in zip(kernel, dilation, strict=True)]
    if beside > 1:
        offsets[2] = range(kernel[2] + beside - 1)
    spots = tuple(map(tuple, offsets))
    taps = Taps.of(spots, depth) if groups == 1 else Taps(spots, depth)
    extent = tuple(
        (o - 1) * s + (k - 1) * d + 1
        for o, s, k, d in zip(outs, step, kernel, dilation, strict=True)
    )
    before = three(tuple(b for b, _ in window.padding), 0)
    size = three(shape[2:])
    pads = any(before) or any(e > s for e, s in zip(extent, size, strict=True))
    width = panel_width(dtype)
    panels = -(-columns * beside // width)
    rows = math.prod(map(len, offsets)) * depth
    packed_shape = (groups, panels, rows // taps.depth, taps.depth)
    outs, step = (*outs[:2], outs[2] // beside), (*step[:2], step[2] * beside)
    filters *= beside
    memory = (shape[0], *outs, filters)
    _, _, height, across, _ = memory
    pixel = (height * across * filters, across * filters, filters)
    place = 0, math.prod(memory[1:]), pixel
    product = gathered.plan(
        (shape[0], *(extent if pads else size), shape[1]), taps, step, outs,
        (*packed_shape, width), columns * beside, place, dtype,
    )  # fmt: skip
    pack = partial(
        _pack, groups=groups, depth=taps.depth, flipped=flipped, beside=beside
    )
    whole = beside == 1 and columns % width == 0
    return Plan(
        before, extent, pads, (shape[0], *outputs, filters // beside), pack,
        (groups, taps.depth, flipped, beside), beside,
        np.zeros(groups * panels * width, dtype), whole, product,
    )  # fmt: skip


def _beside(columns: int, kernel: int, outputs: int, lanes: int) -> int:
    """How many neighbouring pixels are best computed together, as columns of one.

    Few columns leave most lanes of a vector idle. ``m`` neighbours together read
    ``kernel + m - 1`` samples instead of ``m * kernel``; the weight has zeros where a
    sample is not one of a neighbour's own.
    """
    fit = [m for m in range(1, lanes // columns + 1) if outputs % m == 0]
    return min(fit, key=lambda m: (kernel + m - 1) / m, default=1)


def _pack(weight: Array, groups: int, depth: int, flipped: bool, beside: int) -> Array:
    """``(K, C/groups, *kernel)`` as ``(groups, panels, taps, depth, width)``."""
    w = weight.reshape(groups, -1, *weight.shape[1:2], math.prod(weight.shape[2:]))
    w = w[..., ::-1].transpose(0, 3, 1, 2) if flipped else w.transpose(0, 3, 2, 1)
    if beside > 1:
        kernel = weight.shape[-1]
        lines = w.reshape(-1, kernel, *w.shape[2:])
        shape = (len(lines), kernel + beside - 1, w.shape[2], beside, w.shape[3])
        w = np.zeros(shape, w.dtype)
        for m in range(beside):
            w[:, m : m + kernel, :, m] = lines
        w = w.reshape(1, -1, shape[2], beside * shape[4])
    columns = w.shape[-1]
    w = np.ascontiguousarray(w).reshape(groups, -1, depth, columns)
    return np.stack([in_panels(each) for each in w])


def conv(
    x: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    outputs: Sizes,
    groups: int,
    low: float,
    high: float,
    *,
    flipped: bool = False,
) -> Array:
    """``clip(conv(x, weight) + bias)``; ``flipped`` as in :func:`plan`."""
    given = window, outputs, groups, x.dtype, flipped
    planned = plan(x.shape, weight.shape, *given)
    y = _computed(planned, x, weight, bias, groups, low, high)
    if planned.beside > 1 and is_spoilt(y):
        planned = plan(x.shape, weight.shape, *given, together=False)
        y = _computed(planned, x, weight, bias, groups, low, high)
    return logical(y)


def is_spoilt(y: Array) -> bool:
    """Whether a NaN is in there that a zero of a widened weight may have made.

    Zero times infinity is NaN, and so is zero times NaN, where the plain sum has no
    such term. What is few columns wide is soon looked through.
    """
    with np.errstate(all="ignore"):
        return bool(np.isnan(y.sum()))


def _computed(
    planned: Plan,
    x: Array,
    weight: Array,
    bias: Array | None,
    groups: int,
    low: float,
    high: float,
) -> Array:
    source = channels_last(x)
    if planned.pads:
        source = padded(deep(source), planned.before, planned.extent)
    y = arena.take(planned.result, x.dtype)
    gathered.product(
        planned.product,
        source.reshape(-1),
        packed(weight, "conv", planned.pack, *planned.options).reshape(-1),
        _start(bias, planned, groups),
        y.reshape(-1),
        low,
        high,
    )
    return y


def _start(bias: Array | None, planned: Plan, groups: int) -> Array:
    """The bias in whole panels, as vectors read it."""
    if bias is None:
        return planned.start
    if planned.whole and bias.flags.writeable and bias.flags.c_contiguous:
        return bias
    columns = len(bias) * planned.beside // groups

    def pack(b: Array) -> Array:
        return wide_bias(np.tile(b, planned.beside), groups, columns, b.dtype)

    return packed(bias, "bias", pack, groups, planned.beside).reshape(-1)
