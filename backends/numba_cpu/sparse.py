"""Input gradients of signals that are mostly zeros, as there are below an unpooling.

Each number that is not zero adds a multiple of a filter to the places that its channel
saw; zeros cost a comparison. The order of additions is the same for any number of
threads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from . import arena
from .compiled import compiled
from .ending import Ending, beside, mask
from .launch import Launch
from .layout import channels_last, logical, pitch_of, turned
from .packing import packed
from .sparse_plan import Plan, plan
from .sparse_vectors import add_line, collect, note, noted
from .storing import store_run
from .three_axes import three

Array = np.ndarray[Any, Any]

#: Places that are looked at for the share of numbers that are not zero, and how many
#: neighbours there: each place costs as long as it takes to fetch a cache line.
PLACES, NEIGHBOURS = 128, 16
#: Neighbours in the middle, which often tell enough.
GLANCE = 256


def suits(window: Window, groups: int) -> bool:
    """Whether a row of the kernel is one run of memory."""
    return groups == 1 and (window.dilation[-1] == 1 or window.kernel[-1] == 1)


def is_sparse(grad: Array, share: float) -> bool:
    """Whether about less than this share of the numbers are not zero."""
    if grad.flags.c_contiguous or turned(grad).flags.c_contiguous:
        flat = (grad if grad.flags.c_contiguous else turned(grad)).reshape(-1)
        middle = flat[flat.size // 2 :][:GLANCE]
        if np.count_nonzero(middle) > 4 * share * GLANCE:
            return False
    return density(grad) < share


def density(grad: Array) -> float:
    """About the share of numbers that are not zero."""
    pitch = pitch_of(grad)
    if grad.flags.c_contiguous or pitch == grad.shape[1]:
        flat = (grad if grad.flags.c_contiguous else turned(grad)).reshape(-1)
        if flat.size > PLACES * NEIGHBOURS:
            step = flat.size // PLACES | 1  # odd: other channels each time
            flat = flat[: flat.size // step * step].reshape(-1, step)[:, :NEIGHBOURS]
        seen = flat
    else:
        lying = turned(grad) if pitch else channels_last(grad)
        pixels = lying.reshape(-1, grad.shape[1])
        seen = pixels[:: max(1, len(pixels) // PLACES)]
        seen = seen[:, :: max(1, seen.shape[1] // NEIGHBOURS)]
    return float(np.count_nonzero(seen)) / max(1, seen.size)


def _pack(weight: Array, planned: Plan) -> Array:
    """For each part of the channels each block's weights ``(channels, elements)``; of
    weights that are not all finite nothing: zero times infinity would have been NaN."""
    if not np.isfinite(weight).all():
        return np.zeros(0, weight.dtype)
    g = planned.geometry
    w = weight.reshape(*weight.shape[:2], *three(weight.shape[2:]))
    lines = w.transpose(2, 3, 0, 4, 1).reshape(*w.shape[2:4], len(w), -1)
    lines = np.pad(lines, [(0, 0)] * 3 + [(0, -lines.shape[-1] % g.lanes)])
    lines = lines.reshape(*lines.shape[:3], -1, g.lanes)
    blocks = [unit.taken(lines) for unit in planned.units]
    parts = range(0, len(w), g.part)
    return np.concatenate(
        [
            block[first : first + g.part].reshape(-1)
            for first in parts
            for block in blocks
        ]
    )


def conv_input_grad(
    grad: Array,
    weight: Array,
    bias: Array | None,
    input_size: Sizes,
    window: Window,
    ending: Ending,
    where: Array | None,
    shifts: Array | None = None,
) -> Array | None:
    """Adjoint of conv in x, plus bias, ended; None where zeros have to be counted.

    That is so if a weight is not finite, or if what is not may have met the zeros
    that fill up a row of the kernel. At ``p`` sample ``n`` is what would be at ``p +
    shifts[n]``, zero where that is outside.
    """
    given = grad.shape, weight.shape, tuple(input_size), window, grad.dtype, ending
    planned = _planned(*given)
    w = packed(weight, "sparse", planned.pack, *planned.options)
    if not w.size:
        return None
    start = planned.start
    if bias is not None:
        across = input_size[-1]
        start = packed(bias, "sparse bias", lambda b: np.tile(b, across), across)
    y = arena.take(planned.result, grad.dtype)
    flat = y.reshape(-1)
    signal = channels_last(grad).reshape(-1)
    spoilt = np.zeros(planned.launch.tasks, np.bool_)
    moved = planned.still
    if shifts is not None:
        moved = np.zeros_like(moved)
        moved[:, 3 - shifts.shape[1] :] = shifts
    planned.launch(signal, w, start, flat, beside(where, flat), spoilt, moved)
    if planned.fills and spoilt.any():
        return None
    return logical(y)


class Planned(NamedTuple):
    """One input gradient, but for the numbers."""

    result: tuple[int, ...]  # the shape of its memory, channels last
    pack: Callable[[Array], Array]
    options: tuple[int, ...]  # what else it depends on
    start: Array  # without a bias
    fills: bool  # whether zeros fill up a row of the kernel
    still: Array  # the shifts of samples that are not moved
    launch: Launch


@lru_cache(512)
def _planned(
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    input_size: Sizes,
    window: Window,
    dtype: np.dtype[Any],
    ending: Ending,
) -> Planned:
    channels, across = weight[1], window.kernel[-1]
    planned = plan(shape, channels, input_size, window, dtype)
    still = np.zeros((shape[0], 3), np.int64)
    launch = Launch(
        _gradient, planned.tasks, (*(dtype,) * 5, np.dtype(np.bool_), still.dtype),
        planned.fixed, *ending.numbers(dtype), scratch=planned.scratch,
    )  # fmt: skip
    return Planned(
        planned.result, partial(_pack, planned=planned), (planned.geometry.part,),
        planned.start,
        bool(across * channels % planned.geometry.lanes), still, launch,
    )  # fmt: skip


@compiled
def _gradient(  # type: ignore[no-untyped-def]
    start, stop, own, grad, weight, bias, y, where, spoilt, shifts, units, g, low,
    high, masked,
):  # fmt: skip
    """One band of rows of the result per task."""
    sums = own[2 * g.store + g.lanes :]
    length = g.width * g.channels
    for task in range(start, stop):
        plane, band = divmod(task, g.bands)
        n, z = divmod(plane, g.depth)
        dz, dy, dx = shifts[3 * n], shifts[3 * n + 1], shifts[3 * n + 2]
        first = band * g.rows
        last = min(first + g.rows, g.height)
        for j in range((last - first) * g.line):
            sums[np.uintp(j)] = 0
        within = 0 <= z + dz < g.depth
        for part in range(0, g.filters if within else 0, g.part):
            _part(
                n,
                z + dz,
                first + dy,
                last + dy,
                part,
                own,
                grad,
                weight,
                sums,
                units,
                g,
            )
        # zero times infinity is NaN where a widened weight's zero met it
        nowhere = False
        before = min(max(0, -dx), g.width) * g.channels
        after = max(before, min(g.width, g.width - dx) * g.channels)
        for row in range(last - first):
            target = (plane * g.height + first + row) * length
            begin, end = before, after
            if not within or not 0 <= first + row + dy < g.height:
                begin = end = 0
            for j in range(begin):
                y[np.uintp(target + j)] = 0
            nowhere |= store_run(
                sums, row * g.line + (g.left + dx) * g.channels + begin, bias, begin,
                y, target + begin, end - begin, low, high,
            )  # fmt: skip
            for j in range(end, length):
                y[np.uintp(target + j)] = 0
            if masked:
                mask(y, target, 0, where, 1, length)
        spoilt[task] = nowhere


@compiled
def _part(  # type: ignore[no-untyped-def]
    n, z, first, last, part, own, grad, weight, sums, units, g
):
    """Add what a part of the channels gives to the rows ``first`` to ``last``."""
    store, rest = own[: 2 * g.store], own[2 * g.store : 2 * g.store + g.lanes]
    vectors, left = divmod(min(g.part, g.filters - part), g.lanes)
    for k in range(g.lanes):
        rest[k] = 0
    above = first + g.top - (g.kernel_y - 1) * g.dilation_y
    top = max(0, (above + g.step_y - 1) // g.step_y)
    bottom = min(g.in_height, (last - 1 + g.top) // g.step_y + 1)
    for d in range(g.in_depth):
        along = z + g.front - d * g.step_z
        if along < 0 or along % g.dilation_z or along // g.dilation_z >= g.kernel_z:
            continue
        tap = along // g.dilation_z
        at = ((n * g.in_depth + d) * g.in_height + top) * g.in_width * g.filters + part
        row, column = top, 0
        while row < bottom:
            begin, found = row, g.noted
            note(store, 0, found)
            while row < bottom and found + g.most <= g.store:
                note(store, found, column)
                last_one = found + 1 + g.group
                for p in range(g.group):
                    length = -last_one
                    if column < g.in_width:
                        for v in range(vectors):
                            c = v * g.lanes
                            last_one = collect(grad, at + c, c, store, last_one)
                        if left > 0:
                            c = vectors * g.lanes
                            for k in range(left):
                                rest[np.uintp(k)] = grad[np.uintp(at + c + k)]
                            last_one = collect(rest, 0, c, store, last_one)
                        at += g.filters
                        column += 1
                    note(store, found + 1 + p, length + last_one)
                if last_one > found + 1 + g.group:
                    found = last_one
                if column == g.in_width:
                    row, column = row + 1, 0
                    note(store, row - begin, found)
            if column > 0:
                note(store, row - begin + 1, found)
            if found > g.noted:
                _add(
                    tap, begin, row + (column > 0), first, last, part, store, weight, sums,
                    units, g,
                )  # fmt: skip


@compiled
def _add(  # type: ignore[no-untyped-def]
    tap, begin, end, first, last, part, store, weight, sums, units, g
):
    """Every block's products with what is listed of the rows ``begin`` to ``end``."""
    taken = min(g.part, g.filters - part)
    for u in range(len(units)):
        if units[u, 0] != tap:
            continue
        height, vectors = units[u, 2], units[u, 4]
        row = vectors * g.lanes
        at = part * g.weights + units[u, 6] * taken
        for h in range(begin, end):
            start, stop = noted(store, h - begin), noted(store, h - begin + 1)
            target = h * g.step_y - g.top + units[u, 1] * g.dilation_y
            skipped, count = 0, height
            while count > 0 and target < first:
                target += g.dilation_y
                skipped += 1
                count -= 1
            while count > 0 and target + (count - 1) * g.dilation_y >= last:
                count -= 1
            if start < stop and count > 0:
                add_line(
                    g.group, count, vectors, store, start, stop, weight, at + skipped * row,
                    height * row, sums,
                    (target - first) * g.line + units[u, 3] * g.lanes,
                    g.dilation_y * g.line, units[u, 5] * g.lanes, g.step_x * g.channels,
                )  # fmt: skip
