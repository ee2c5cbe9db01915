"""Convolution as a product of matrices whose left factor is never built.

``y[j] = sum over taps e of x[step*j + e] @ W[e]``, pixels ``j`` along the rows of a
register tile and output channels along its columns. A forward convolution has taps
``e = t*dilation`` and ``step = stride``; an input gradient has ``step = 1``, and other
taps for each phase of the output. Everything is three-dimensional: lower ranks have
leading axes of length 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from . import arena
from .compiled import compiled
from .microkernel import ROWS, VECTORS, tile
from .team import spread
from .vectors import lanes_of

Array = np.ndarray[Any, Any]
Triple = tuple[int, int, int]

#: Tiles that one task computes with each panel, so that a panel is read once for all.
TILES_PER_TASK = 16


class Taps(NamedTuple):
    """Offsets per axis; those along the last may have been merged into the depth."""

    offsets: tuple[tuple[int, ...], ...]
    depth: int

    @classmethod
    def of(cls, offsets: tuple[tuple[int, ...], ...], channels: int) -> Taps:
        """Ascending offsets per axis, one channel count; neighbours are merged."""
        *outer, inner = offsets
        if list(inner) == list(range(inner[0], inner[0] + len(inner))):
            return cls((*outer, (inner[0],)), len(inner) * channels)
        return cls(offsets, channels)


class Target(NamedTuple):
    """Where results go: a flat array, the first pixel, and strides in elements."""

    memory: Array
    first: int
    sample: int
    pixel: Triple


class Geometry(NamedTuple):
    """Sizes and strides of one problem, in elements, for the kernel."""

    batch: int
    down: int
    along: int
    across: int
    tiles: int  # per line of pixels
    portions: int  # of the panels
    groups: int
    panels: int  # per group
    columns: int  # per group
    channels: int  # per group
    depth: int
    taps: int
    x_sample: int
    x_z: int
    x_y: int
    x_x: int
    y_first: int
    y_sample: int
    y_z: int
    y_y: int
    y_x: int
    width: int  # of a panel
    lanes: int


def padded(x: Array, before: tuple[int, ...], extent: tuple[int, ...]) -> Array:
    """``(N, *extent, C)`` with ``x`` at ``before`` and zeros around; may crop.

    ``x`` itself if nothing is to be added in front and enough is there.
    """
    size = x.shape[1:-1]
    if not any(before) and all(e <= s for e, s in zip(extent, size, strict=True)):
        return x
    y = arena.take((len(x), *extent, x.shape[-1]), x.dtype)
    bounds = [
        (max(0, b), max(0, min(e, b + s)))
        for b, e, s in zip(before, extent, size, strict=True)
    ]
    (z0, z1), (y0, y1), (x0, x1) = bounds
    b = before
    spread(
        _pad,
        len(x) * extent[0],
        x,
        y,
        np.array([z0, z1, y0, y1, x0, x1, *b]),
        alone=y.nbytes < 1 << 18,
    )
    return y


@compiled
def _pad(start, stop, x, y, bounds):  # type: ignore[no-untyped-def]
    z0, z1, y0, y1, x0, x1, bz, by, bx = bounds
    for task in range(start, stop):
        n, z = divmod(task, y.shape[1])
        if z < z0 or z >= z1:
            y[n, z] = 0
            continue
        for row in range(y.shape[2]):
            if row < y0 or row >= y1 or x0 >= x1:
                y[n, z, row] = 0
                continue
            y[n, z, row, :x0] = 0
            source = x[n, z - bz, row - by]
            y[n, z, row, x0:x1] = source[x0 - bx : x1 - bx]
            y[n, z, row, x1:] = 0


def convolve(
    x: Array,
    weight: Array,
    start: Array,
    taps: Taps,
    step: Triple,
    outputs: Triple,
    groups: int,
    columns: int,
    target: Target,
    low: float,
    high: float,
) -> None:
    """Fill ``target`` with ``outputs`` pixels of ``columns`` channels per group.

    ``x (N, D, H, W, C)`` is contiguous and holds every position that a tap reads;
    ``weight (groups, panels, taps, depth, width)`` and ``start (groups, panels*width)``
    are packed; results are clipped to ``low..high``.
    """
    batch, _, height, width, channels = x.shape
    strides = (height * width * channels, width * channels, channels)
    a_offsets = np.zeros(1, np.int64)
    for stride, along in zip(strides, taps.offsets, strict=True):
        a_offsets = (a_offsets[:, None] + np.array(along) * stride).reshape(-1)
    panel = weight.shape[-1]
    b_offsets = np.arange(len(a_offsets), dtype=np.int64) * (taps.depth * panel)
    lines = (batch, *outputs)
    if _one_line(step, outputs, strides, target) and len(a_offsets) == 1:
        lines = (1, 1, 1, batch * outputs[0] * outputs[1] * outputs[2])
    tiles = -(-lines[3] // ROWS)
    blocks = -(-lines[0] * lines[1] * lines[2] * tiles // TILES_PER_TASK)
    panels = groups * weight.shape[1]
    # few blocks of pixels: let the threads share out the panels instead
    portions = min(panels, -(-16 // max(1, blocks)))
    g = Geometry(
        *lines, tiles, portions, groups, weight.shape[1], columns,
        channels // groups, taps.depth, len(a_offsets),
        x.size // max(1, batch), *(s * t for s, t in zip(strides, step, strict=True)),
        target.first, target.sample, *target.pixel, panel, lanes_of(x.dtype),
    )  # fmt: skip
    work = 2 * x.dtype.itemsize * batch * outputs[0] * outputs[1] * outputs[2]
    work *= columns * groups * taps.depth * len(a_offsets)
    number = x.dtype.type
    spread(
        _blocks,
        blocks * portions,
        x.reshape(-1),
        weight.reshape(-1),
        start.reshape(-1),
        target.memory,
        a_offsets,
        b_offsets,
        g,
        number(low),
        number(high),
        scratch=(ROWS * VECTORS * lanes_of(x.dtype), x.dtype),
        alone=work < 1 << 24,
    )


def _one_line(step: Triple, outputs: Triple, strides: Triple, target: Target) -> bool:
    """Whether all pixels of the batch follow each other, in x and in the target."""
    if step != (1, 1, 1):
        return False
    d, h, w = outputs
    pixel = strides[2]
    dense_x = strides[1] == w * pixel and strides[0] == h * w * pixel
    p = target.pixel
    dense_y = p[1] == w * p[2] and p[0] == h * p[1] and target.sample == d * p[0]
    return dense_x and dense_y


@compiled
def _blocks(  # type: ignore[no-untyped-def]
    start, stop, edge, x, weight, bias, y, a_offsets, b_offsets, g, low, high
):
    """Tiles of a block of pixels with a portion of the panels, per task."""
    every = g.batch * g.down * g.along * g.tiles
    panels = g.groups * g.panels
    panel_size = g.taps * g.depth * g.width
    for task in range(start, stop):
        block, portion = divmod(task, g.portions)
        first = block * TILES_PER_TASK
        last = min(first + TILES_PER_TASK, every)
        for p in range(
            portion * panels // g.portions, (portion + 1) * panels // g.portions
        ):
            group, within = divmod(p, g.panels)
            taken = min(g.width, g.columns - within * g.width)
            for t in range(first, last):
                line, i = divmod(t, g.tiles)
                n, rest = divmod(line, g.down * g.along)
                z, row = divmod(rest, g.along)
                j = i * g.across // g.tiles
                rows = (i + 1) * g.across // g.tiles - j
                a_at = n * g.x_sample + z * g.x_z + row * g.x_y + j * g.x_x
                c_at = g.y_first + n * g.y_sample + z * g.y_z + row * g.y_y + j * g.y_x
                tile(
                    rows, taken, g.lanes,
                    x, a_at + group * g.channels, g.x_x, 1, a_offsets,
                    weight, p * panel_size, g.width, b_offsets, g.taps, g.depth,
                    y, c_at + group * g.columns + within * g.width, g.y_x,
                    bias, p * g.width, low, high, edge,
                )  # fmt: skip
