"""Scattering by the switches of a pool of stride 2, block by block.

Four pixels at a time, from the pooled pixels whose windows reach them: what is read is
read once or, where windows overlap, four times, instead of once for every pixel.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from .arguments import Fixed
from .block_vectors import (
    ABSENT,
    ANYWHERE,
    NO_PIXEL,
    STREAMED,
    named_alone,
    named_with_neighbours,
)
from .compiled import compiled
from .ending import mask, on_line
from .launch import Launch
from .prefetching import FAR, fetch
from .separable import TASKS
from .vectors import lanes_of

#: Bytes of a result below which another thread is not worth waking.
ALONE = 1 << 18
#: Pixels of a plane, whose numbers half a word of a switch has room for.
LARGEST = 1 << 30
Bounds = tuple[tuple[int, int], ...]


class Geometry(NamedTuple):
    """Sizes of one problem, and how it is cut."""

    few_height: int  # pooled
    few_width: int
    height: int
    width: int
    top: int  # where the first block begins
    left: int
    down: int  # blocks
    across: int
    channels: int
    part: int  # channels of a task
    parts: int
    step: int  # elements from one sample's switches to the next one's
    streamed: int
    far: int
    reach: int  # pixels of a window beyond its stride


def suits(
    strides: Sizes, bounds: Bounds, pooled: Sizes, size: Sizes, channels: int,
    lanes: int,
) -> bool:  # fmt: skip
    """Whether windows of these bounds, counted from their strides', lie in blocks."""
    return (
        strides == (2, 2)
        and all(low in (-1, 0) and high - low < 3 for low, high in bounds)
        and all(b >= n for b, n in zip(_blocks(size, bounds), pooled, strict=True))
        and channels % lanes == 0
        and math.prod(size) < LARGEST
    )


def launch(
    values: tuple[int, ...],
    size: Sizes,
    dtype: np.dtype[Any],
    bounds: Bounds,
    step: int,
    add: bool,
    masked: bool,
) -> Launch:
    """What scatters values of this shape, channels last, into planes of this size."""
    batch, *pooled, channels = values
    (top, bottom), (left, right) = bounds
    lanes = lanes_of(dtype)
    down, across = _blocks(size, bounds)
    tasks = batch * down
    part = -(-channels // max(1, TASKS // tasks))
    part = -(-part // lanes) * lanes
    parts = -(-channels // part)
    nbytes = batch * math.prod(size) * channels * dtype.itemsize
    index = np.dtype(np.int64)
    read = math.prod(values) * (dtype.itemsize + index.itemsize)
    geometry = Geometry(
        *pooled, *size, top, left, down, across, channels, part, parts, step,
        nbytes >= STREAMED and not masked, read >= FAR,
        int(bottom - top > 1 or right - left > 1),
    )  # fmt: skip
    return Launch(
        _collect, tasks * parts, (dtype, index, dtype, dtype, index), masked,
        Fixed(geometry), -1 if add else 0, alone=nbytes < ALONE,
    )  # fmt: skip


def _blocks(size: Sizes, bounds: Bounds) -> Sizes:
    """How many cover a plane along each axis."""
    sides = zip(size, bounds, strict=True)
    return tuple((n - low + 1) // 2 for n, (low, _) in sides)


@compiled
def _collect(  # type: ignore[no-untyped-def]
    start, stop, x, switches, y, where, missed, masked, g, adding
):
    """A row of blocks, for some of the channels, per task."""
    line = g.few_width * g.channels
    steps = g.width * g.channels, g.channels
    past = 1 if g.streamed > 0 and on_line(y) else 0
    for task in range(start, stop):
        rest, part = divmod(task, g.parts)
        n, i = divmod(rest, g.down)
        first = part * g.part
        count = min(g.part, g.channels - first)
        r, few_r = 2 * i + g.top, min(i, g.few_height - 1)
        upper, lower = r >= 0, r + 1 < g.height
        up = 0 if i > 0 else ABSENT
        here = 0 if i < g.few_height else ABSENT
        back_r = line if i > 0 and here == 0 else 0
        strange = False
        for j in range(g.across):
            c, few_c = 2 * j + g.left, min(j, g.few_width - 1)
            begin, right = max(c, 0), c + 1 < g.width
            before = 0 if j > 0 else ABSENT
            own = 0 if j < g.few_width else ABSENT
            back_c = g.channels if j > 0 and own == 0 else 0
            place = few_r * line + few_c * g.channels + first
            pixel = r * g.width + c
            targets = (
                pixel if upper and c >= 0 else NO_PIXEL,
                pixel + 1 if upper and right else NO_PIXEL,
                pixel + g.width if lower and c >= 0 else NO_PIXEL,
                pixel + g.width + 1 if lower and right else NO_PIXEL,
            )
            rows = (
                max(r, 0) * g.width + begin,
                min(r + 1, g.height - 1) * g.width + begin,
                min(r + 2, g.height - 1) * g.width + begin,
            )
            width = min(c + 1 + g.reach, g.width - 1) - begin
            if here != 0 or own != 0:
                width = ANYWHERE
            if g.far > 0 and i + 1 < g.few_height:
                fetch(x, n * g.few_height * line + place + line, count)
                fetch(switches, n * g.step + place + line, count)
            at = (n * g.height * g.width + pixel) * g.channels + first
            x_at, s_at = n * g.few_height * line + place, n * g.step + place
            back, absent = (back_r, back_c), (up, here, before, own)
            if g.reach > 0:
                strange |= named_with_neighbours(
                    x, x_at, switches, s_at, back, absent, y, at, steps, targets, count,
                    rows, width, adding, past,
                )  # fmt: skip
            else:
                strange |= named_alone(
                    x, x_at, switches, s_at, back, absent, y, at, steps, targets, count,
                    rows, width, adding, past,
                )  # fmt: skip
            if masked:
                for k in range(4):
                    if targets[k] >= 0:
                        there = at + k // 2 * steps[0] + k % 2 * steps[1]
                        mask(y, there, 0, where, 1, count)
        missed[task] = strange
