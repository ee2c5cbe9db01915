"""The compiled part of Winograd's filtering: blocks of tiles, from input to output.

``shape`` is a tuple as long as there are points, known when compiling. The transformed
inputs V of a block are ``(t*t, block, pitch)``, its products M ``(t*t, block, group *
panel)``, the parts of both ``apart``. Flat arrays and element counts throughout.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .compiled import compiled
from .ending import mask, on_line
from .microkernel import ROWS, tile
from .prefetching import fetch
from .winograd_transforms import input_tile, output_tile

PER_LINE = 16  # float32 numbers in a cache line


class Geometry(NamedTuple):
    """Sizes of one problem, and how it is cut."""

    height: int
    width: int
    channels: int
    wide: int  # channels in whole vectors
    pitch: int  # from one row of V to the next
    apart: int  # from one product's part of V to the next one's
    apart_out: int  # the same of what comes out
    out_height: int
    out_width: int
    filters: int
    panels: int
    panel: int  # filters per panel
    group: int  # panels whose products are kept at a time
    lanes: int
    reads: int  # inputs of a tile along each axis
    gives: int  # outputs
    down: int  # tiles per column and row of the output
    across: int
    top: int  # padding in front
    left: int
    tiles: int
    block: int  # tiles per block
    x_pitch: int  # from one pixel to the next
    y_pitch: int
    streams: int  # whether results go past the caches
    far: int  # whether inputs have to be asked for


@compiled
def inputs(start, stop, patch, x, v, g, shape):  # type: ignore[no-untyped-def]
    """Transform the inputs of tiles ``start`` to ``stop``."""
    t = len(shape)
    for number in range(start, stop):
        which, place = divmod(number, g.block)
        at = which * t * t * g.apart + place * g.pitch
        _input(shape, number, x, v, at, patch, g)


@compiled
def products(  # type: ignore[no-untyped-def]
    start, stop, scratch, v, u, bias, y, where, zero, g, low, high, masked, shape
):
    """Multiply and transform back: one block and one group of panels per task."""
    t = len(shape)
    groups = (g.panels + g.group - 1) // g.group
    for task in range(start, stop):
        which, part = divmod(task, groups)
        v_at = which * t * t * g.apart
        _outputs(
            shape, v, v_at, which, part * g.group, u, bias, y, where, scratch, zero, g,
            low, high, masked,
        )  # fmt: skip


@compiled
def fused(  # type: ignore[no-untyped-def]
    start, stop, scratch, x, u, bias, y, where, zero, g, low, high, masked, shape
):
    """Everything for one block per task."""
    t = len(shape)
    size = t * t * g.apart
    v, rest = scratch[:size], scratch[size:]
    for which in range(start, stop):
        first = which * g.block
        for number in range(first, min(g.tiles, first + g.block)):
            _input(shape, number, x, v, (number - first) * g.pitch, rest, g)
        for panel in range(0, g.panels, g.group):
            _outputs(
                shape, v, 0, which, panel, u, bias, y, where, rest, zero, g, low, high,
                masked,
            )  # fmt: skip


@compiled
def _input(shape, number, x, v, v_at, patch, g):  # type: ignore[no-untyped-def]
    """Transform the input of one tile, zeros where there is none."""
    apart, r = g.apart, g.reads
    n, rest = divmod(number, g.down * g.across)
    i, j = divmod(rest, g.across)
    top, left = i * g.gives - g.top, j * g.gives - g.left
    at = ((n * g.height + top) * g.width + left) * g.x_pitch
    if g.far > 0:
        _ask(number + g.block, x, g)
    rows, columns = (max(0, -top), g.height - top), (max(0, -left), g.width - left)
    inside = top >= 0 and left >= 0 and top + r <= g.height and left + r <= g.width
    if g.wide == g.channels:
        if not inside:
            patch[: g.wide] = 0
        input_tile(
            shape, x, at, g.width * g.x_pitch, g.x_pitch, rows, columns, patch, v, v_at,
            apart, g.wide,
        )  # fmt: skip
        return
    # channels that do not fill their last vector are copied, with zeros behind them
    for a in range(r):
        for b in range(r):
            to = (a * r + b) * g.wide
            here = 0 <= top + a < g.height and 0 <= left + b < g.width
            source = at + (a * g.width + b) * g.x_pitch
            if here:
                for c in range(g.channels):
                    patch[np.uintp(to + c)] = x[np.uintp(source + c)]
            for c in range(g.channels if here else 0, g.wide):
                patch[np.uintp(to + c)] = 0
    every = 0, r
    input_tile(
        shape, patch, 0, r * g.wide, g.wide, every, every, patch, v, v_at, apart, g.wide
    )


@compiled
def _ask(number, x, g):  # type: ignore[no-untyped-def]
    """Ask for the pixels of a tile that are its own, which it has outputs at."""
    if number >= g.tiles:
        return
    n, rest = divmod(number, g.down * g.across)
    i, j = divmod(rest, g.across)
    left, m = j * g.gives, g.gives
    for row in range(i * m, min(g.height, (i + 1) * m)):
        at = ((n * g.height + row) * g.width + left) * g.x_pitch
        fetch(x, at, min(m, g.width - left) * g.x_pitch)


@compiled
def _outputs(  # type: ignore[no-untyped-def]
    shape,
    v,
    v_at,
    which,
    panel0,
    u,
    bias,
    y,
    where,
    scratch,
    zero,
    g,
    low,
    high,
    masked,
):
    """The outputs of one block for one group of panels."""
    t = len(shape)
    first = which * g.block
    count = min(g.tiles, first + g.block) - first
    columns = g.group * g.panel
    apart = g.apart_out
    patch = t * t * apart
    past = g.streams > 0 and on_line(y)
    panel1 = min(g.panels, panel0 + g.group)
    parts = (count + ROWS - 1) // ROWS
    size = g.channels * g.panel
    full = (g.filters + g.lanes - 1) // g.lanes * g.lanes
    for product in range(t * t):
        for p in range(panel0, panel1):
            u_at = (p * t * t + product) * size
            width = min(g.panel, full - p * g.panel)
            # the next panel of weights is fetched while this one is multiplied
            coming = (
                u_at + t * t * size
                if p + 1 < panel1
                else ((panel0 * t * t + product + 1) * size)
            )
            for part in range(parts):
                r = part * count // parts
                rows = (part + 1) * count // parts - r
                a_at = v_at + product * g.apart + r * g.pitch
                c_at = product * apart + r * columns + (p - panel0) * g.panel
                tile(
                    rows, width, g.lanes, v, a_at, g.pitch, 1, zero,
                    u, u_at, g.panel, zero, 1, g.channels, scratch, c_at, columns,
                    bias, g.panels * g.panel, -np.inf, np.inf,
                    coming + part * g.channels * PER_LINE, 0,
                )  # fmt: skip
    k = panel0 * g.panel
    taken = min(g.filters, panel1 * g.panel) - k
    padded = (taken + g.lanes - 1) // g.lanes * g.lanes
    m = g.gives
    for number in range(first, first + count):
        n, rest = divmod(number, g.down * g.across)
        i, j = divmod(rest, g.across)
        source = (number - first) * columns
        down, across = min(m, g.out_height - i * m), min(m, g.out_width - j * m)
        to = ((n * g.out_height + i * m) * g.out_width + j * m) * g.y_pitch + k
        line = g.out_width * g.y_pitch
        if padded == taken:
            output_tile(
                shape, scratch, source, apart, bias, k, y, to, line, g.y_pitch,
                (0, down), (0, across), scratch, patch, padded, low, high,
                past and down == m and across == m,
            )  # fmt: skip
        else:
            output_tile(
                shape, scratch, source, apart, bias, k, scratch, patch, m * padded,
                padded, (0, m), (0, m), scratch, patch, padded, low, high, False,
            )  # fmt: skip
            for a in range(down):
                for b in range(across):
                    here = patch + (a * m + b) * padded
                    there = to + a * line + b * g.y_pitch
                    for c in range(taken):
                        y[np.uintp(there + c)] = scratch[np.uintp(here + c)]
        if masked:
            for a in range(down):
                mask(y, to + a * line, g.y_pitch, where, across, taken)
