"""Convolution as a product of matrices whose left factor is never built.

``y[j] = sum over taps e of x[step*j + e] @ W[e]``, pixels ``j`` along the rows of a
register tile and output channels along its columns. A forward convolution has taps
``e = t*dilation`` and ``step = stride``; an input gradient has ``step = 1``, and other
taps for each phase of the output. Everything is three-dimensional: lower ranks have
leading axes of length 1.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import arena
from .arguments import Fixed
from .compiled import compiled
from .ending import PLAIN, Ending, mask
from .launch import Launch
from .microkernel import ROWS, VECTORS, distance, tile
from .vectors import lanes_of

Array = np.ndarray[Any, Any]
Triple = tuple[int, int, int]
Place = tuple[int, int, Triple]

#: Tiles that one task computes with each panel, so that a panel is read once for all.
TILES_PER_TASK = 16
PER_LINE = 16  # float32 numbers in a cache line
#: Bytes times operations below which sharing the work costs more than it brings.
ALONE = 1 << 22


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


def needs_padding(size: Triple, before: Triple, extent: Triple) -> bool:
    """Whether something is missing in front, or so much is not there."""
    return any(before) or any(e > s for e, s in zip(extent, size, strict=True))


def padded(x: Array, before: tuple[int, ...], extent: tuple[int, ...]) -> Array:
    """``(N, *extent, C)`` with ``x`` at ``before`` and zeros around; may crop."""
    y = arena.take((len(x), *extent, x.shape[-1]), x.dtype)
    _padding(x.shape, before, tuple(extent), x.dtype)(x.reshape(-1), y.reshape(-1))
    return y


@lru_cache(512)
def _padding(
    shape: tuple[int, ...],
    before: tuple[int, ...],
    extent: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Launch:
    """Per axis: old and new length, where the old begins, and where it ends; the last
    axis and its channels are one."""
    batch, *size, depth = shape
    rows = [
        (s, e, b, max(0, min(e, b + s)))
        for s, e, b in zip(size, extent, before, strict=True)
    ]
    rows[2] = tuple(depth * value for value in rows[2])
    nbytes = batch * math.prod(extent) * depth * dtype.itemsize
    return Launch(
        _pad, batch * extent[0] * extent[1], (dtype, dtype), np.array(rows, np.int64),
        alone=nbytes < 1 << 17,
    )  # fmt: skip


@compiled
def _pad(start, stop, x, y, borders):  # type: ignore[no-untyped-def]
    """One line per task."""
    depth, planes, z0, z1 = borders[0]
    height, lines, y0, y1 = borders[1]
    width, wide, x0, x1 = borders[2]
    first = max(x0, 0)
    for task in range(start, stop):
        plane, row = divmod(task, lines)
        n, z = divmod(plane, planes)
        line = task * wide
        if z < z0 or z >= z1 or row < y0 or row >= y1 or first >= x1:
            y[line : line + wide] = 0
            continue
        y[line : line + first] = 0
        source = ((n * depth + z - z0) * height + row - y0) * width - x0
        for i in range(first, x1):
            y[line + i] = x[source + i]
        y[line + x1 : line + wide] = 0


@lru_cache(2048)
def plan(
    shape: tuple[int, ...],
    taps: Taps,
    step: Triple,
    outputs: Triple,
    weight: tuple[int, ...],
    columns: int,
    place: Place,
    dtype: np.dtype[Any],
    ending: Ending = PLAIN,
    pitch: int | None = None,
) -> Launch:
    """What fills ``y``, of flat ``x``, weight, start, y, and :func:`.ending.beside`.

    ``x (N, D, H, W, C)`` has this shape and every position that a tap reads, the packed
    weight ``(groups, panels, taps, depth, width)`` that, ``start (groups, panels *
    width)``; ``columns`` per group are computed for ``outputs`` pixels, which lie at
    a ``place``: the first pixel, and the strides of samples and pixels in elements.
    """
    batch, _, height, width, channels = shape
    groups, panels, panel = weight[0], weight[1], weight[-1]
    first, sample, pixel = place
    pitch = channels if pitch is None else pitch
    strides = (height * width * pitch, width * pitch, pitch)
    a_offsets = np.zeros(1, np.int64)
    for stride, along in zip(strides, taps.offsets, strict=True):
        a_offsets = (a_offsets[:, None] + np.array(along) * stride).reshape(-1)
    b_offsets = np.arange(len(a_offsets), dtype=np.int64) * (taps.depth * panel)
    lines = (batch, *outputs)
    if len(a_offsets) == 1 and _one_line(step, outputs, strides, sample, pixel):
        lines = (1, 1, 1, math.prod(lines))
    tiles = -(-lines[3] // ROWS)
    blocks = -(-math.prod(lines[:3]) * tiles // TILES_PER_TASK)
    # few blocks of pixels: let the threads share out the panels instead
    portions = min(groups * panels, -(-16 // max(1, blocks)))
    geometry = Geometry(
        *lines, tiles, portions, groups, panels, columns, channels // groups,
        taps.depth, len(a_offsets), strides[0] * shape[1],
        *(s * t for s, t in zip(strides, step, strict=True)),
        first, sample, *pixel, panel, lanes_of(dtype),
    )  # fmt: skip
    work = 2 * batch * math.prod(outputs) * groups * columns
    work *= taps.depth * len(a_offsets) * dtype.itemsize
    scratch = ROWS * VECTORS * lanes_of(dtype), dtype
    alone = work < ALONE
    fixed = Fixed(a_offsets, b_offsets, geometry)
    return Launch(
        _blocks, blocks * portions, (dtype,) * 5, fixed, *ending.numbers(dtype),
        scratch=scratch, alone=alone,
    )  # fmt: skip


def _one_line(
    step: Triple, outputs: Triple, strides: Triple, sample: int, p: Triple
) -> bool:
    """Whether all pixels of the batch follow each other, in x and in the target."""
    if step != (1, 1, 1):
        return False
    d, h, w = outputs
    pixel = strides[2]
    dense_x = strides[1] == w * pixel and strides[0] == h * w * pixel
    dense_y = p[1] == w * p[2] and p[0] == h * p[1] and sample == d * p[0]
    return dense_x and dense_y


@compiled
def _blocks(  # type: ignore[no-untyped-def]
    start,
    stop,
    edge,
    x,
    weight,
    bias,
    y,
    where,
    a_offsets,
    b_offsets,
    g,
    low,
    high,
    masked,
):
    """Tiles of a block of pixels with a portion of the panels, per task."""
    every = g.batch * g.down * g.along * g.tiles
    panels = g.groups * g.panels
    panel_size = g.taps * g.depth * g.width
    share, longer = g.across // g.tiles, g.across % g.tiles
    # pixels without neighbours are read once: the next ones are fetched ahead
    reading = g.taps == 1 and g.x_x >= g.depth
    apart = distance(weight, x)
    for task in range(start, stop):
        block, portion = divmod(task, g.portions)
        first = block * TILES_PER_TASK
        count = min(TILES_PER_TASK, every - first)
        line, first_i = divmod(first, g.tiles)
        n, rest = divmod(line, g.down * g.along)
        first_z, first_row = divmod(rest, g.along)
        a_first = n * g.x_sample + first_z * g.x_z + first_row * g.x_y
        c_first = g.y_first + n * g.y_sample + first_z * g.y_z + first_row * g.y_y
        for p in range(
            portion * panels // g.portions, (portion + 1) * panels // g.portions
        ):
            group, within = divmod(p, g.panels)
            taken = min(g.width, g.columns - within * g.width)
            a_line = a_first + group * g.channels
            c_line = c_first + group * g.columns + within * g.width
            i, row, z = first_i, first_row, first_z
            for t in range(count):
                j = i * share + min(i, longer)
                rows = share + 1 if i < longer else share
                ahead = (p + 1) * panel_size + t % 2 * g.taps * g.depth * PER_LINE
                if reading and t < count - 2:
                    ahead = apart + a_line + (j + rows) * g.x_x
                tile(
                    rows, taken, g.lanes,
                    x, a_line + j * g.x_x, g.x_x, 1, a_offsets,
                    weight, p * panel_size, g.width, b_offsets, g.taps, g.depth,
                    y, c_line + j * g.y_x, g.y_x,
                    bias, p * g.width, low, high, edge, ahead,
                )  # fmt: skip
                if masked:
                    mask(y, c_line + j * g.y_x, g.y_x, where, rows, taken)
                # on to the next tile: the next line, plane or sample when it is due
                i += 1
                if i == g.tiles:
                    i, row = 0, row + 1
                    a_line, c_line = a_line + g.x_y, c_line + g.y_y
                    if row == g.along:
                        row, z = 0, z + 1
                        a_line += g.x_z - g.along * g.x_y
                        c_line += g.y_z - g.along * g.y_y
                        if z == g.down:
                            z = 0
                            a_line += g.x_sample - g.down * g.x_z
                            c_line += g.y_sample - g.down * g.y_z
