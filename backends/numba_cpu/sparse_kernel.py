"""The compiled part of an input gradient that skips zeros.

What is not zero is listed first, pixel by pixel, for a part of the channels. Then the
lists are gone through for one block of accumulators after the other, whose weights stay
in the L1 cache meanwhile: products take as long as fetching weights from there.
The order of additions is the same for any number of threads.
"""

from __future__ import annotations

import numpy as np

from .compiled import compiled
from .ending import mask
from .sparse_vectors import add_lists, collect, note, noted
from .storing import store_run


@compiled
def gradient(  # type: ignore[no-untyped-def]
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
                n, z + dz, first + dy, last + dy, part, own, grad, weight, sums,
                units, g,
            )  # fmt: skip
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
    above = first + g.top - (g.kernel_y - 1) * g.dilation_y
    top = max(0, (above + g.step_y - 1) // g.step_y)
    bottom = min(g.in_height, (last - 1 + g.top) // g.step_y + 1)
    store = own[: 2 * g.store]
    for d in range(g.in_depth):
        along = z + g.front - d * g.step_z
        if along < 0 or along % g.dilation_z or along // g.dilation_z >= g.kernel_z:
            continue
        tap, plane = along // g.dilation_z, n * g.in_depth + d
        row, column = top, 0
        while row < bottom:
            begin = row
            row, column, found = _listed(grad, plane, part, row, column, bottom, own, g)
            if found > g.noted:
                _add(
                    tap, begin, row + (column > 0), first, last, part, store, weight,
                    sums, units, g,
                )  # fmt: skip


@compiled
def _listed(  # type: ignore[no-untyped-def]
    grad, plane, part, row, column, bottom, own, g
):
    """List what is not zero of a part of the channels, from a pixel on, while there is
    room; the pixel to go on with, and where the lists end.

    Where those of each row begin is noted in front of them, from the first row on.
    """
    store, rest = own[: 2 * g.store], own[2 * g.store : 2 * g.store + g.lanes]
    vectors, left = divmod(min(g.part, g.filters - part), g.lanes)
    for k in range(g.lanes):
        rest[k] = 0
    at = ((plane * g.in_height + row) * g.in_width + column) * g.filters + part
    begin, found = row, g.noted
    note(store, 0, found)
    while row < bottom and found + g.most <= g.store:
        lists = found + 1 + g.group
        end = lists
        note(store, found, column)
        for p in range(g.group):
            before = end
            if column < g.in_width:
                for v in range(vectors):
                    c = v * g.lanes
                    end = collect(grad, at + c, c, store, end)
                if left > 0:
                    c = vectors * g.lanes
                    for k in range(left):
                        rest[np.uintp(k)] = grad[np.uintp(at + c + k)]
                    end = collect(rest, 0, c, store, end)
                at += g.filters
                column += 1
            note(store, found + 1 + p, end - before)
        if end > lists:
            found = end
        if column == g.in_width:
            row, column = row + 1, 0
            note(store, row - begin, found)
    if column > 0:
        note(store, row - begin + 1, found)
    return row, column, found


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
                add_lists(
                    g.group, count, vectors, store, start, stop, weight,
                    at + skipped * row, height * row, sums,
                    (target - first) * g.line + units[u, 3] * g.lanes,
                    g.dilation_y * g.line, units[u, 5] * g.lanes, g.step_x * g.channels,
                )  # fmt: skip
