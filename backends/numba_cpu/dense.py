"""Convolution by one gathered product, for every geometry."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from . import gathered
from .ending import PLAIN, Ending, beside
from .gathered import Place, Taps
from .launch import Launch
from .layout import OWN, Pitches, landing, start_of
from .packing import in_panels, packed, panel_width
from .padding import needs_padding
from .three_axes import three
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


def whole_image(shape: tuple[int, ...], pitch: int | None = None) -> Place:
    """All pixels of channels-last memory ``(N, D, H, W, K)``."""
    _, depth, height, width, channels = shape
    pitch = channels if pitch is None else pitch
    pixel = (height * width * pitch, width * pitch, pitch)
    return 0, depth * pixel[0], pixel


class Plan(NamedTuple):
    """One convolution, but for the numbers."""

    pitch: int | None  # of what it reads
    result: tuple[int, ...]  # the shape of its memory, channels last
    pack: Callable[[Array], Array]
    options: tuple[int, ...]  # that packing depends on
    groups: int
    neighbours: int  # pixels computed as the columns of one
    start: Array  # without a bias
    whole: bool  # whether a bias fills the panels
    product: Launch
    plainly: Callable[[], Plan] | None  # the same without neighbours beside each other

    def __call__(
        self,
        x: Array,
        weight: Array,
        bias: Array | None,
        where: Array | None = None,
        out: Array | None = None,
    ) -> Array:
        """``conv(x, weight) + bias`` with its ending."""
        source = start_of(x, self.pitch)
        flat, y = landing(self.result, x.dtype, out)
        w = packed(weight, "conv", self.pack, *self.options)
        start = self.start if bias is None else self._start(bias)
        self.product(source, w, start, flat, beside(where, flat))
        if self.plainly is not None and is_spoilt(y):
            return self.plainly()(x, weight, bias, where)
        return y

    def _start(self, bias: Array) -> Array:
        """The bias in whole panels, as vectors read it."""
        if self.whole and bias.flags.writeable and bias.flags.c_contiguous:
            return bias
        columns = len(bias) * self.neighbours // self.groups

        def pack(b: Array) -> Array:
            return wide_bias(np.tile(b, self.neighbours), self.groups, columns, b.dtype)

        return packed(bias, "bias", pack, self.groups, self.neighbours)


@lru_cache(512)
def plan(
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    window: Window,
    outputs: Sizes,
    groups: int,
    dtype: np.dtype[Any],
    ending: Ending = PLAIN,
    pitches: Pitches = OWN,
    *,
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
    neighbours = 1
    if together and pitches.y is None and groups == step[2] == dilation[2] == 1:
        neighbours = _neighbours(columns, kernel[2], outs[2], lanes_of(dtype))
    offsets = [range(0, k * d, d) for k, d in zip(kernel, dilation, strict=True)]
    if neighbours > 1:
        offsets[2] = range(kernel[2] + neighbours - 1)
    spots = tuple(map(tuple, offsets))
    extent = tuple(
        (o - 1) * s + (k - 1) * d + 1
        for o, s, k, d in zip(outs, step, kernel, dilation, strict=True)
    )
    before = three(tuple(b for b, _ in window.padding), 0)
    size = three(shape[2:])
    zeros = needs_padding(size, before, extent)
    # whether pixels along the kernel are neighbours in memory, or in a copy with zeros
    runs = groups == 1 and (zeros or pitches.x is None)
    taps = Taps.of(spots, depth) if runs else Taps(spots, depth)
    width = panel_width(dtype)
    panels = -(-columns * neighbours // width)
    rows = math.prod(map(len, offsets)) * depth
    packed_shape = (groups, panels, rows // taps.depth, taps.depth, width)
    outs, step = (*outs[:2], outs[2] // neighbours), (*step[:2], step[2] * neighbours)
    product = gathered.plan(
        (shape[0], *size, shape[1]), taps, step, outs, packed_shape,
        columns * neighbours,
        whole_image((shape[0], *outs, filters * neighbours), pitches.y), dtype, ending,
        pitches.x, (before, extent),
    )  # fmt: skip
    options = groups, taps.depth, flipped, neighbours
    plainly = partial(
        plan, shape, weight, window, outputs, groups, dtype, ending, pitches,
        flipped=flipped, together=False,
    )  # fmt: skip
    return Plan(
        pitches.x, (shape[0], *outputs, filters),
        partial(_pack, options=options), options, groups, neighbours,
        np.zeros(groups * panels * width, dtype),
        neighbours == 1 and columns % width == 0, product,
        plainly if neighbours > 1 else None,
    )  # fmt: skip


def _neighbours(columns: int, kernel: int, outputs: int, lanes: int) -> int:
    """How many neighbouring pixels are best computed together, as columns of one.

    Few columns leave most lanes of a vector idle. ``m`` neighbours together read
    ``kernel + m - 1`` samples instead of ``m * kernel``; the weight has zeros where a
    sample is not one of a neighbour's own.
    """
    fit = [m for m in range(1, lanes // columns + 1) if outputs % m == 0]
    return min(fit, key=lambda m: (kernel + m - 1) / m, default=1)


def _pack(weight: Array, options: tuple[int, ...]) -> Array:
    """``(K, C/groups, *kernel)`` as ``(groups, panels, taps, depth, width)``."""
    groups, depth, flipped, neighbours = options
    w = weight.reshape(groups, -1, *weight.shape[1:2], math.prod(weight.shape[2:]))
    w = w[..., ::-1].transpose(0, 3, 1, 2) if flipped else w.transpose(0, 3, 2, 1)
    if neighbours > 1:
        kernel = weight.shape[-1]
        lines = w.reshape(-1, kernel, *w.shape[2:])
        shape = (
            len(lines),
            kernel + neighbours - 1,
            w.shape[2],
            neighbours,
            w.shape[3],
        )
        w = np.zeros(shape, w.dtype)
        for m in range(neighbours):
            w[:, m : m + kernel, :, m] = lines
        w = w.reshape(1, -1, shape[2], neighbours * shape[4])
    columns = w.shape[-1]
    w = np.ascontiguousarray(w).reshape(groups, -1, depth, columns)
    return np.stack([in_panels(each) for each in w])


def is_spoilt(y: Array) -> bool:
    """Whether a NaN is in there that a zero of a widened weight may have made.

    Zero times infinity is NaN, and so is zero times NaN, where the plain sum has no
    such term. What is few columns wide is soon looked through.
    """
    with np.errstate(all="ignore"):
        return bool(np.isnan(y.sum()))
