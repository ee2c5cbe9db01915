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

from .arguments import Fixed
from .ending import PLAIN, Ending, streams
from .gathered_kernels import Border, Geometry, blocks
from .launch import Launch
from .microkernel import ROWS
from .padding import needs_padding
from .vectors import lanes_of

Array = np.ndarray[Any, Any]
Triple = tuple[int, int, int]
Place = tuple[int, int, Triple]

#: Tiles that one task computes with each panel, so that a panel is read once for all.
TILES_PER_TASK = 16
#: Lines of outputs for which a task copies its input with zeros around, so that what
#: lines have in common is copied once, and bytes it takes at most for several of them.
LINES = 4
OWN = 256 << 10
#: Fewer tasks than this, and each takes some of the panels only.
TASKS = 16
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
    margins: tuple[Triple, Triple] | None = None,
) -> Launch:
    """What fills ``y``, of flat ``x``, weight, start, y, and :func:`.ending.beside`.

    ``x (N, D, H, W, C)`` has this shape, the packed weight ``(groups, panels, taps,
    depth, width)`` that, ``start (groups, panels * width)``; ``columns`` per group are
    computed for ``outputs`` pixels, which lie at a ``place``: the first pixel, and the
    strides of samples and pixels in elements. Taps count from ``x``'s first pixel, or,
    if there are ``margins``, from so many places before it in an extent of that size,
    zero where ``x`` is not.
    """
    batch, depth, height, width, channels = shape
    groups, panels, panel = weight[0], weight[1], weight[-1]
    first, sample, pixel = place
    pitch = channels if pitch is None else pitch
    strides = (height * width * pitch, width * pitch, pitch)
    before, extent = margins or ((0, 0, 0), shape[1:4])
    zeros = needs_padding((depth, height, width), before, extent)
    lines = (batch, *outputs)
    single = not zeros and math.prod(map(len, taps.offsets)) == 1
    if single and _one_line(step, outputs, strides, sample, pixel):
        lines = (1, 1, 1, math.prod(lines))
    tiles = -(-lines[3] // ROWS)
    border, own = Border(*(0,) * len(Border._fields)), 1
    if zeros:
        border = _border(shape, pitch, before, taps, step, outputs, tiles, dtype)
        strides = border.strides
        own = border.planes * border.rows * strides[1]
        tasks = batch * outputs[0] * border.bands * border.segments
    else:
        tasks = -(-math.prod(lines[:3]) * tiles // TILES_PER_TASK)
    # few blocks of pixels: let the threads share out the panels instead
    portions = min(groups * panels, -(-TASKS // max(1, tasks)))
    a_offsets = np.zeros(1, np.int64)
    for stride, along in zip(strides, taps.offsets, strict=True):
        a_offsets = (a_offsets[:, None] + np.array(along) * stride).reshape(-1)
    b_offsets = np.arange(len(a_offsets), dtype=np.int64) * (taps.depth * panel)
    made = batch * math.prod(outputs) * groups * columns
    lanes = lanes_of(dtype)
    past = streams(made * dtype.itemsize, lanes, ending, columns, first, sample, *pixel)
    geometry = Geometry(
        *lines, tiles, TILES_PER_TASK, portions, groups, panels, columns,
        channels // groups, taps.depth, len(a_offsets),
        strides[0] * depth, *(s * t for s, t in zip(strides, step, strict=True)),
        first, sample, *pixel, panel, lanes, past,
    )  # fmt: skip
    fixed = Fixed(border, a_offsets, b_offsets, geometry)
    alone = 2 * made * taps.depth * len(a_offsets) * dtype.itemsize < ALONE
    return Launch(
        blocks, tasks * portions, (dtype,) * 5, fixed, *ending.numbers(dtype),
        scratch=(own, dtype), alone=alone,
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


def _border(
    shape: tuple[int, ...],
    pitch: int,
    before: Triple,
    taps: Taps,
    step: Triple,
    outputs: Triple,
    tiles: int,
    dtype: np.dtype[Any],
) -> Border:
    """How tasks make their input: as many rows of outputs as fill a task, or where one
    row is more than that, segments of it."""
    batch, depth, height, width, channels = shape
    reach = [max(along) + 1 for along in taps.offsets]
    reach[2] += max(1, taps.depth // channels) - 1  # neighbours merged into the depth
    segments = -(-tiles // TILES_PER_TASK)
    each = -(-tiles // segments)
    pixels = min(outputs[2], each * (outputs[2] // tiles + 1))
    length = (pixels - 1) * step[2] + reach[2]
    lines = 1
    if segments == 1:
        room = OWN // (reach[0] * length * channels * dtype.itemsize) - reach[1]
        shared = -(-batch * outputs[0] * outputs[1] // TASKS)
        wanted = max(-(-TILES_PER_TASK // tiles), min(LINES, shared))
        lines = max(1, min(wanted, outputs[1], room // step[1] + 1))
    rows = (lines - 1) * step[1] + reach[1]
    return Border(
        lines, -(-outputs[1] // lines), segments, each, reach[0], rows, length,
        depth, height, width, channels, pitch, *before, *step,
    )  # fmt: skip
