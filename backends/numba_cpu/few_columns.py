"""Convolution to a few channels: a product with all taps as columns, then their sums.

Three columns leave most lanes of a vector idle, and an input is read again for every
tap. With a column for each tap and channel it is read once, ``P[q, (t, c)] = x[q] @
W[t, :, c]``, and an output is the sum of what its taps' pixels have for it, ``y[j, c] =
sum over t of P[j + t, (t, c)]``. The products of a band of rows stay in the cache.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from .arguments import Fixed
from .column_sums import NARROW, sums
from .compiled import compiled
from .ending import Ending, beside, mask
from .launch import Launch
from .layout import OWN, Pitches, landing, start_of
from .microkernel import ROWS, distance, tile
from .packing import in_panels, packed, panel_width
from .vectors import lanes_of

Array = np.ndarray[Any, Any]

#: Channels of the result, at most: the lanes of a narrow vector. And channels of what
#: comes in, at least: with fewer, sums take longer than the products that are saved.
MOST, LEAST = NARROW, 8
#: Bytes of a band's products; and how many tasks there should be at least.
BAND, TASKS = 1 << 19, 16
#: Multiplications below which sharing the work costs more than it brings.
ALONE = 1 << 18


class Geometry(NamedTuple):
    """Sizes of one problem, in elements."""

    height: int
    width: int
    depth: int  # channels of x
    pitch: int  # from one pixel of x to the next
    down: int  # outputs
    across: int
    filters: int
    top: int  # padding in front
    left: int
    before: int  # rows of products that a band needs beyond its outputs
    length: int  # pixels of a row of products
    columns: int  # of products
    pixel: int  # from one pixel of products to the next
    panel: int
    lanes: int
    band: int  # rows of outputs per task
    bands: int


class Plan(NamedTuple):
    """One convolution, but for the numbers."""

    pitch: int | None  # of what it reads
    result: tuple[int, ...]  # the shape of its memory, channels last
    flipped: bool
    start: Array  # without a bias
    launch: Launch

    def __call__(
        self,
        x: Array,
        weight: Array,
        bias: Array | None,
        where: Array | None = None,
        out: Array | None = None,
    ) -> Array:
        """``conv(x, weight) + bias`` with its ending."""
        pack = partial(_columns, flipped=self.flipped)
        w = packed(weight, "few columns", pack, self.flipped)
        flat, y = landing(self.result, x.dtype, out)
        start = self.start
        if bias is not None:
            start = start.copy()
            start[: len(bias)] = bias
        self.launch(start_of(x, self.pitch), w, start, flat, beside(where, flat))
        return y


def _columns(weight: Array, flipped: bool) -> Array:
    """``(K, C, *kernel)`` as panels of ``(C, taps*K)``; see :func:`plan`."""
    w = weight.reshape(*weight.shape[:2], -1)
    w = w[..., ::-1].transpose(0, 2, 1) if flipped else w.transpose(1, 2, 0)
    return in_panels(np.ascontiguousarray(w).reshape(len(w), -1))


@lru_cache(512)
def plan(
    shape: tuple[int, ...],
    filters: int,
    window: Window,
    outputs: Sizes,
    dtype: np.dtype[Any],
    ending: Ending,
    pitches: Pitches = OWN,
    *,
    flipped: bool = False,
) -> Plan:
    """What there is to know of a convolution of ``x`` of this shape, of stride 1 on one
    or two axes; ``flipped`` takes the weight of the one this is the input gradient of.
    """
    batch, depth, *size = shape
    (ky, kx), (dy, dx), places, outs = (
        (1, *each)[-2:] for each in (window.kernel, window.dilation, size, outputs)
    )
    top, left = (0, *(begin for begin, _ in window.padding))[-2:]
    columns, panel = ky * kx * filters, panel_width(dtype)
    pixel = -(-columns // panel) * panel
    before, length = (ky - 1) * dy, outs[1] + (kx - 1) * dx
    line = length * pixel
    band = max(ky, BAND // (line * dtype.itemsize) - before)
    # less would make most of the products twice
    shared = max(2 * before, batch * outs[0] // TASKS)
    band = max(1, min(band, outs[0], shared))
    bands = -(-outs[0] // band)
    geometry = Geometry(
        *places, depth, pitches.x or depth, *outs, filters, top, left, before, length,
        columns, pixel, panel, lanes_of(dtype), band, bands,
    )  # fmt: skip
    taps = [
        (b * dy * length + a * dx) * pixel + (b * kx + a) * filters
        for b in range(ky)
        for a in range(kx)
    ]
    zeros = np.zeros(1, np.int64), np.zeros(pixel, dtype)
    rest = Fixed(*zeros, np.array(taps, np.int64), geometry)
    # a narrow vector of the last pixel's last tap reaches beyond it
    scratch = (band + before) * line + MOST
    work = batch * math.prod(places) * depth * columns
    launch = Launch(
        banded, batch * bands, (dtype,) * 5, rest, *ending.numbers(dtype),
        scratch=(scratch, dtype), alone=work < ALONE,
    )  # fmt: skip
    result = (batch, *outputs, filters)
    return Plan(pitches.x, result, flipped, np.zeros(MOST, dtype), launch)


@compiled
def banded(  # type: ignore[no-untyped-def]
    start, stop, own, x, weight, bias, y, where, zero, zeros, taps, g, low, high, masked
):
    """A band of rows of outputs per task: its products, and their sums."""
    first = max(0, g.left)
    last = min(g.length, g.width + g.left)
    for task in range(start, stop):
        n, band = divmod(task, g.bands)
        row0 = band * g.band
        row1 = min(g.down, row0 + g.band)
        for line in range(row1 - row0 + g.before):
            row = row0 + line - g.top
            at = line * g.length * g.pixel
            if row < 0 or row >= g.height or last <= first:
                own[at : at + g.length * g.pixel] = 0
                continue
            own[at : at + first * g.pixel] = 0
            own[at + last * g.pixel : at + g.length * g.pixel] = 0
            source = ((n * g.height + row) * g.width + first - g.left) * g.pitch
            _products(
                x, source, last - first, weight, own, at + first * g.pixel, zero, zeros,
                g,
            )  # fmt: skip
        for row in range(row0, row1):
            at = (row - row0) * g.length * g.pixel
            to = (n * g.down + row) * g.across * g.filters
            sums(
                own, at, g.pixel, taps, len(taps), bias, y, to, g.across, g.filters,
                low, high,
            )  # fmt: skip
            if masked:
                mask(y, to, 0, where, 1, g.across * g.filters)


@compiled
def _products(  # type: ignore[no-untyped-def]
    x, source, count, weight, own, target, zero, zeros, g
):
    """All columns of so many pixels side by side."""
    tiles, apart = (count + ROWS - 1) // ROWS, distance(weight, x)
    for p in range(g.pixel // g.panel):
        width = min(g.panel, g.columns - p * g.panel)
        # whole vectors: what is read of them is what was written
        width = (width + g.lanes - 1) // g.lanes * g.lanes
        for t in range(tiles):
            j = t * count // tiles
            rows = (t + 1) * count // tiles - j
            # the next pixels are fetched while these are multiplied
            ahead = apart + source + (j + rows) * g.pitch
            tile(
                rows, width, g.lanes, x, source + j * g.pitch, g.pitch, 1, zero,
                weight, p * g.depth * g.panel, g.panel, zero, 1, g.depth,
                own, target + j * g.pixel + p * g.panel, g.pixel,
                zeros, p * g.panel, -np.inf, np.inf, ahead, 0,
            )  # fmt: skip
