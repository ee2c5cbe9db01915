"""Gradient of a convolution in its weight.

``dW[k, t, c] = sum over pixels o of dY[o, k] * X[o*stride + t*dilation, c]``: filters
along the rows of the register tile, channels along its columns, pixels along the depth.
Lines of pixels are summed in portions whose arrays stay in cache; the portions are
then added in order, so the result does not depend on how many threads there were.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...window import Window
from . import arena
from .compiled import compiled
from .layout import channels_last
from .microkernel import ROWS, tile
from .packing import panel_width
from .padding import needs_padding, padded
from .team import spread
from .three_axes import deep, three
from .vectors import lanes_of

Array = np.ndarray[Any, Any]

PORTION_BYTES = 1 << 20  # of x and dY together, per portion
PARTIAL_BYTES = 1 << 26  # of partial sums in all


class Geometry(NamedTuple):
    """Sizes of one problem, for the kernel."""

    lines: int  # of pixels, per portion
    every: int  # lines in all
    groups: int
    taps: int
    filters: int
    channels: int
    blocks: int  # of filters, per group
    across: int
    x_step: int
    lanes: int
    width: int  # of a panel


def conv_weight_grad(grad: Array, x: Array, window: Window, groups: int) -> Array:
    """``(K, C/groups, *kernel)`` from ``grad (N, K, *out)`` and ``x (N, C, *in)``."""
    batch, filters, *outputs = grad.shape
    channels = x.shape[1]
    kernel, step = three(window.kernel), three(window.stride)
    dilation = three(window.dilation)
    outs = three(tuple(outputs))
    extent = tuple(
        (o - 1) * s + (k - 1) * d + 1
        for o, s, k, d in zip(outs, step, kernel, dilation, strict=True)
    )
    before = three(tuple(b for b, _ in window.padding), 0)
    source = deep(channels_last(x))
    if needs_padding(three(x.shape[2:]), three(before), three(extent)):
        source = padded(source, before, extent)
    lanes = lanes_of(x.dtype)
    flat = source.reshape(-1)
    if channels // groups % lanes:  # the last vector of the last pixel reads beyond
        roomy = arena.take((source.size + lanes,), x.dtype)
        roomy[: source.size] = flat
        roomy[source.size :] = 0
        flat = roomy
    gy = deep(channels_last(grad))
    _, depth, height, width, _ = source.shape
    strides = (height * width * channels, width * channels, channels)
    taps = _grid(
        [range(0, k * d, d) for k, d in zip(kernel, dilation, strict=True)], strides
    )
    along = [range(0, o * s, s) for o, s in zip(outs[:2], step[:2], strict=True)]
    line_x = _grid([range(batch), *along], (depth * strides[0], *strides[:2]))
    line_y = np.arange(len(line_x), dtype=np.int64) * (outs[2] * filters)
    each = (width * channels + outs[2] * filters) * x.itemsize
    total = filters * (channels // groups) * len(taps)
    lines = max(1, PORTION_BYTES // each)
    lines = max(lines, -(-len(line_x) * total * x.itemsize // PARTIAL_BYTES))
    portions = -(-len(line_x) // lines)
    blocks = -(-(filters // groups) // ROWS)
    partial = arena.take(
        (portions, groups, len(taps), filters // groups, channels // groups), x.dtype
    )
    g = Geometry(
        lines, len(line_x), groups, len(taps), filters, channels, blocks, outs[2],
        step[2] * channels, lanes, panel_width(x.dtype),
    )  # fmt: skip
    spread(
        _portions,
        portions * groups * len(taps) * blocks,
        gy.reshape(-1),
        flat,
        partial.reshape(-1),
        np.zeros(panel_width(x.dtype), x.dtype),
        taps,
        line_x,
        line_y,
        g,
        x.dtype.type(-math.inf),
        x.dtype.type(math.inf),
        alone=2 * total * len(line_x) * outs[2] < 1 << 22,
    )
    summed = partial[0]
    for portion in partial[1:]:
        summed += portion
    turned = summed.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(turned).reshape(
        filters, channels // groups, *window.kernel
    )


def _grid(axes: list[range], strides: tuple[int, ...]) -> Array:
    """Offsets of all combinations, the last axis fastest."""
    offsets = np.zeros(1, np.int64)
    for axis, stride in zip(axes, strides, strict=True):
        offsets = (offsets[:, None] + np.array(axis, np.int64) * stride).reshape(-1)
    return offsets


@compiled
def _portions(  # type: ignore[no-untyped-def]
    start, stop, gy, x, partial, zeros, taps, line_x, line_y, g, low, high
):
    """A portion of the lines, one tap and one block of filters per task."""
    filters, columns = g.filters // g.groups, g.channels // g.groups
    for task in range(start, stop):
        rest, block = divmod(task, g.blocks)
        part, tap = divmod(rest, g.taps)
        portion, group = divmod(part, g.groups)
        first = portion * g.lines
        k = block * filters // g.blocks
        rows = (block + 1) * filters // g.blocks - k
        for c in range(0, columns, g.width):
            tile(
                rows, min(g.width, columns - c), g.lanes,
                gy, group * filters + k, 1, g.filters, line_y[first:],
                x, taps[tap] + group * columns + c, g.x_step, line_x[first:],
                min(g.lines, g.every - first), g.across,
                partial, (rest * filters + k) * columns + c, columns,
                zeros, 0, low, high, 0, 0,
            )  # fmt: skip
