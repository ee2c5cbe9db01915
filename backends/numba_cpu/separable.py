"""Pixels made of pixels: every pool and every resampling, for any rank.

``y[n, o, c] = sum or max over the taps p of o of x[n, p, c]``, channels last, with the
taps of a :class:`~.sources.Plan`. Vectors run along the channels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from . import arena
from .arguments import Fixed
from .channel_maxima import first_largest, largest_1, largest_4, largest_narrow
from .channel_vectors import (
    NARROW,
    TOGETHER,
    weighted_1,
    weighted_4,
    weighted_narrow,
    weighted_single,
)
from .compiled import compiled
from .launch import Launch
from .layout import channels_last, logical
from .prefetching import FAR, fetch
from .sources import Plan
from .vectors import lanes_of

Array = np.ndarray[Any, Any]

#: Output pixels of a row that one task makes at most.
SPAN = 64
#: Fewer tasks than this, and each task takes some of the channels only.
TASKS = 16
#: Bytes from which results do not fit the caches they would be kept in.
STREAMED = 1 << 22
#: Bytes below which another thread is not worth waking.
ALONE = 1 << 16


def maxima(x: Array, plan: Plan) -> tuple[Array, Array]:
    """The largest value of each output's taps, and the tap that it is."""
    y = arena.take((len(x), *plan.output_size, x.shape[1]), x.dtype)
    switches = arena.take(y.shape, np.int64)
    cut = shared_out(plan, len(x), x.shape[1], x.dtype, x.nbytes, switches.nbytes)
    cut.maxima(channels_last(x).reshape(-1), y.reshape(-1), switches.reshape(-1))
    return logical(y), logical(switches)


def weighted_sums(x: Array, plan: Plan) -> Array:
    """The weighted sum of each output's taps."""
    y = arena.take((len(x), *plan.output_size, x.shape[1]), x.dtype)
    cut = shared_out(plan, len(x), x.shape[1], x.dtype, x.nbytes, y.nbytes)
    cut.sums(channels_last(x).reshape(-1), y.reshape(-1))
    return logical(y)


class Cut(NamedTuple):
    """How many tasks there are; what kernels find theirs by, the taps and some numbers;
    and the calls of those that are here."""

    tasks: int
    places: Fixed
    maxima: Launch
    sums: Launch


def shared_out(
    plan: Plan, batch: int, channels: int, dtype: np.dtype[Any], read: int, written: int
) -> Cut:
    """How so many bytes are made of so many, by tasks, for a batch.

    The last numbers say whether to write them past the caches, if they are larger than
    those and made of whole, aligned vectors, and whether to ask for what is read.
    """
    streamed = written >= STREAMED and channels % lanes_of(dtype) == 0
    key = batch, channels, dtype, streamed, read >= FAR
    found: Cut | None = plan.cuts.get(key)
    if found is None:
        found = plan.cuts[key] = _cut(plan, *key)
    return found


def _cut(
    plan: Plan, batch: int, channels: int, dtype: np.dtype[Any], *flags: bool
) -> Cut:
    rows, columns, lanes = plan.rows.outputs, plan.columns.outputs, lanes_of(dtype)
    blocks = -(-columns // SPAN)
    tasks = batch * rows * blocks
    width = -(-channels // max(1, TASKS // tasks))
    width = -(-width // lanes) * lanes
    portions = -(-channels // width)
    numbers = (
        plan.area, channels, rows, columns, blocks, portions, width, lanes, *flags,
    )  # fmt: skip
    shape = np.array(numbers, np.int64)
    (r, r_places, _), (c, c_places, _) = plan.rows, plan.columns
    places = Fixed(r, r_places, c, c_places, shape)
    tasks *= portions
    most = max(plan.area, rows * columns)
    sizes = [batch * channels * n * dtype.itemsize < ALONE for n in (plan.area, most)]
    three = (dtype, dtype, np.dtype(np.int64))
    return Cut(
        tasks, places,
        Launch(_maxima, tasks, three, places, alone=sizes[0]),
        Launch(
            _sums, tasks, (dtype, dtype), Fixed(*plan.rows, *plan.columns, shape),
            alone=sizes[1],
        ),
    )  # fmt: skip


@compiled
def _maxima(  # type: ignore[no-untyped-def]
    start, stop, x, y, switches, row_starts, rows_, starts, columns_, shape
):
    area, channels, rows, columns, blocks, portions, width, lanes, streamed, far = shape
    for task in range(start, stop):
        rest, portion = divmod(task, portions)
        line, block = divmod(rest, blocks)
        n, row = divmod(line, rows)
        first, last = portion * width, min((portion + 1) * width, channels)
        r0, r1 = row_starts[row], row_starts[row + 1]
        image = n * area * channels
        for o in range(block * SPAN, min((block + 1) * SPAN, columns)):
            t0, t1 = starts[o], starts[o + 1]
            at = (line * columns + o) * channels
            if r0 == r1 or t0 == t1:
                y[at + first : at + last] = 0
                switches[at + first : at + last] = -1
                continue
            if far and row + 1 < rows:
                pixels = columns_[starts[min(o + 1, columns - 1)]] - columns_[t0]
                for r in range(r1, row_starts[row + 2]):
                    if rows_[r] > rows_[r1 - 1]:
                        place = rows_[r] + columns_[t0]
                        fetch(x, image + place * channels, pixels * channels)
            c = first
            while c < last:
                here, strange = c, True
                if c + TOGETHER * lanes <= last:
                    strange = largest_4(
                        x, image + c, rows_, r0, r1, columns_, t0, t1, channels,
                        y, at + c, switches, streamed,
                    )  # fmt: skip
                    c += TOGETHER * lanes
                elif last - first >= lanes:
                    here = min(c, last - lanes)  # may do some channels again
                    strange = largest_1(
                        x, image + here, rows_, r0, r1, columns_, t0, t1, channels,
                        y, at + here, switches, streamed,
                    )  # fmt: skip
                    c = here + lanes
                elif last - first >= NARROW:
                    here = min(c, last - NARROW)
                    strange = largest_narrow(
                        x, image + here, rows_, r0, r1, columns_, t0, t1, channels,
                        y, at + here, switches, streamed,
                    )  # fmt: skip
                    c = here + NARROW
                else:
                    c = last
                if strange:
                    for each in range(here, c):
                        first_largest(
                            x, image + each, rows_, r0, r1, columns_, t0, t1, channels,
                            y, at + each, switches,
                        )  # fmt: skip


@compiled
def _sums(  # type: ignore[no-untyped-def]
    start, stop, x, y,
    row_starts, rows_, row_weights, starts, columns_, weights, shape,
):  # fmt: skip
    area, channels, rows, columns, blocks, portions, width, lanes, _, _ = shape
    for task in range(start, stop):
        rest, portion = divmod(task, portions)
        line, block = divmod(rest, blocks)
        n, row = divmod(line, rows)
        first, last = portion * width, min((portion + 1) * width, channels)
        r0, r1 = row_starts[row], row_starts[row + 1]
        image = n * area * channels
        for o in range(block * SPAN, min((block + 1) * SPAN, columns)):
            t0, t1 = starts[o], starts[o + 1]
            at = (line * columns + o) * channels
            c = first
            while c + TOGETHER * lanes <= last:
                weighted_4(
                    x, image + c, rows_, r0, r1, columns_, t0, t1, channels,
                    y, at + c, row_weights, weights,
                )  # fmt: skip
                c += TOGETHER * lanes
            while c < last and last - first >= lanes:
                c = min(c, last - lanes)  # the last one may do some channels again
                weighted_1(
                    x, image + c, rows_, r0, r1, columns_, t0, t1, channels,
                    y, at + c, row_weights, weights,
                )  # fmt: skip
                c += lanes
            while c < last and last - first >= NARROW:
                c = min(c, last - NARROW)
                weighted_narrow(
                    x, image + c, rows_, r0, r1, columns_, t0, t1, channels,
                    y, at + c, row_weights, weights,
                )  # fmt: skip
                c += NARROW
            while c < last:
                weighted_single(
                    x, image + c, rows_, r0, r1, columns_, t0, t1, channels,
                    y, at + c, row_weights, weights,
                )  # fmt: skip
                c += 1
