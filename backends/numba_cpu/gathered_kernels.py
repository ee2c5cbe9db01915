"""The compiled part of gathered products: which tile is where, and zeros around.

Flat arrays and element counts throughout.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .compiled import compiled
from .ending import mask, on_line
from .microkernel import distance, tile

PER_LINE = 16  # float32 numbers in a cache line


class Geometry(NamedTuple):
    """Sizes and strides of one problem, in elements."""

    batch: int
    down: int
    along: int
    across: int
    tiles: int  # per line of pixels
    block: int  # tiles that are a task
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
    streams: int  # whether results go past the caches


class Border(NamedTuple):
    """What a task reads, copied with zeros around: ``planes x rows x length`` pixels
    for some ``lines`` of outputs (0 where nothing is copied), or for one of the
    ``segments`` of a line."""

    lines: int
    bands: int  # of so many lines, in a plane
    segments: int
    each: int  # tiles of a segment
    planes: int
    rows: int
    length: int
    depth: int  # of x
    height: int
    width: int
    channels: int
    pitch: int  # from one pixel to the next
    before_z: int
    before_y: int
    before_x: int
    step_z: int
    step_y: int
    step_x: int

    @property
    def strides(self) -> tuple[int, int, int]:
        """From plane to plane, row to row and pixel to pixel of the copy."""
        row = self.length * self.channels
        return self.rows * row, row, self.channels


@compiled
def blocks(  # type: ignore[no-untyped-def]
    start, stop, own, x, weight, bias, y, where, border, a_offsets, b_offsets, g, low,
    high, masked,
):  # fmt: skip
    """Tiles of a block of pixels with a portion of the panels, per task.

    Pixels lie in ``x``; or where some may lie beyond it, those that a task reads are
    copied to its ``own`` memory.
    """
    b = border
    every = g.batch * g.down * g.along * g.tiles
    share, longer = g.across // g.tiles, g.across % g.tiles
    for task in range(start, stop):
        block, portion = divmod(task, g.portions)
        if b.lines == 0:
            first = block * g.block
            line, i = divmod(first, g.tiles)
            plane, row = divmod(line, g.along)
            n, z = divmod(plane, g.down)
            source, count = x, min(g.block, every - first)
            a_first = n * g.x_sample + z * g.x_z + row * g.x_y
        else:
            rest, segment = divmod(block, b.segments)
            plane, band = divmod(rest, b.bands)
            n, z = divmod(plane, g.down)
            row, i = band * b.lines, segment * b.each
            j = i * share + min(i, longer)
            _bring(
                x, own, n, z * b.step_z - b.before_z, row * b.step_y - b.before_y,
                j * b.step_x - b.before_x, b,
            )  # fmt: skip
            source, a_first = own, -j * g.x_x
            count = min(b.lines, g.along - row) * min(b.each, g.tiles - i)
        _products(
            source, a_first, count, i, row, z, n, portion, b.lines == 0, weight, bias,
            y, where, a_offsets, b_offsets, g, low, high, masked,
        )  # fmt: skip


@compiled
def _bring(x, own, n, z, row, pixel, b):  # type: ignore[no-untyped-def]
    """Copy the pixels from this place on, zeros where ``x`` has none."""
    length = b.length * b.channels
    first = min(b.length, max(0, -pixel))
    last = max(first, min(b.length, b.width - pixel))
    for line in range(b.planes * b.rows):
        above, below = divmod(line, b.rows)
        at_z, at_y = z + above, row + below
        target = own[line * length : (line + 1) * length]
        if at_z < 0 or at_z >= b.depth or at_y < 0 or at_y >= b.height:
            target[:] = 0
            continue
        target[: first * b.channels] = 0
        source = ((n * b.depth + at_z) * b.height + at_y) * b.width + pixel
        run, runs = b.channels, last - first
        if b.pitch == b.channels:
            run, runs = run * runs, 1
        for p in range(runs):
            here = target[first * b.channels + p * run :]
            there = (source + first + p) * b.pitch  # x does not know its length
            for k in range(run):
                here[k] = x[np.uintp(there + k)]
        target[last * b.channels :] = 0


@compiled
def _products(  # type: ignore[no-untyped-def]
    x, a_first, count, i, row, z, n, portion, far, weight, bias, y, where, a_offsets,
    b_offsets, g, low, high, masked,
):  # fmt: skip
    """So many tiles from one on, whose line of input begins at ``a_first``; ``far``
    says that it may have to come from memory."""
    # pixels without neighbours are read once: the next ones are fetched ahead
    reading = far and g.taps == 1 and g.x_x >= g.depth
    panels = g.groups * g.panels
    panel_size = g.taps * g.depth * g.width
    share, longer = g.across // g.tiles, g.across % g.tiles
    apart = distance(weight, x)
    past = 1 if g.streams > 0 and on_line(y) else 0
    c_first = g.y_first + n * g.y_sample + z * g.y_z + row * g.y_y
    first_i, first_row, first_z = i, row, z
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
                bias, p * g.width, low, high, ahead, past,
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
