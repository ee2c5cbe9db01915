"""How an input gradient that skips zeros is cut: bands, parts of channels, blocks.

A block is what the registers add up at a time: some rows of the kernel, and of each
some vectors. Its weights for one part of the channels stay in the L1 cache, most of
them, while a band's pixels are gone through.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from .arguments import Fixed
from .sparse_vectors import GROUP, TAPS, WIDTHS, rows_beside
from .three_axes import three
from .vectors import lanes_of

Array = np.ndarray[Any, Any]

#: Bytes of weights that are gone through together: about what the L1 cache holds, but
#: each part of the channels adds its sums up anew.
PART = 80 << 10
#: Bytes of sums that a task works on.
BAND = 1 << 19
#: Bytes of what is not zero, listed before it is gone through.
LISTS = 1 << 18
#: Bands of a batch at least, for balance, if they have :data:`LEAST` rows.
BANDS, LEAST = 16, 8


class Geometry(NamedTuple):
    """Sizes of one problem; ``in_`` is the signal that comes in, the gradient."""

    in_depth: int
    in_height: int
    in_width: int
    filters: int
    depth: int
    height: int
    width: int
    channels: int
    kernel_z: int
    kernel_y: int
    step_z: int
    step_y: int
    step_x: int
    dilation_z: int
    dilation_y: int
    front: int
    top: int
    left: int
    line: int  # elements from one row of sums to the next
    rows: int  # of a band
    bands: int  # per plane
    part: int  # channels of the signal that are gone through together
    store: int  # entries that there is room for
    group: int  # pixels whose lists lie side by side
    noted: int  # of these for where the rows' lists begin
    most: int  # that a group may take
    lanes: int
    weights: int  # elements for each channel of the signal


class Unit(NamedTuple):
    """A block of accumulators: some rows of the kernel, some vectors of each."""

    plane: int
    row: int
    rows: int
    vector: int
    vectors: int
    apart: int  # from one of its vectors to the next
    at: int  # elements of the blocks before it, for each channel of a part

    def taken(self, lines: Array) -> Array:
        """Its part of ``lines (planes, rows, filters, vectors, lanes)``."""
        last = self.vector + (self.vectors - 1) * self.apart + 1
        columns = slice(self.vector, last, self.apart)
        taken = lines[self.plane, self.row : self.row + self.rows, :, columns]
        return taken.transpose(1, 0, 2, 3).reshape(taken.shape[1], -1)


class Plan(NamedTuple):
    """One input gradient, but for the numbers."""

    result: tuple[int, ...]  # the shape of its memory, channels last
    tasks: int
    geometry: Geometry
    units: tuple[Unit, ...]
    fixed: Fixed
    """Units ``(units, 7)`` and the geometry."""
    scratch: tuple[int, Any]
    start: Array  # without a bias


@lru_cache(512)
def plan(
    shape: tuple[int, ...],
    channels: int,
    input_size: Sizes,
    window: Window,
    dtype: np.dtype[Any],
) -> Plan:
    """How the gradient of this shape is gone through."""
    batch, filters, *rest = shape
    lanes, itemsize = lanes_of(dtype), dtype.itemsize
    came, goes = three(tuple(rest)), three(tuple(input_size))
    kernel, step = three(window.kernel), three(window.stride)
    dilation = three(window.dilation)
    before = three(tuple(b for b, _ in window.padding), 0)
    overlap = step[2] == 1 < min(kernel[2], kernel[1])
    group = GROUP if overlap and channels % lanes == 0 else 1
    across = max((came[2] - 1) * step[2] + kernel[2], before[2] + goes[2]) + group - 1
    line = -(-across * channels // lanes) * lanes + lanes
    planes = batch * goes[0]
    rows = _rows(planes, goes[1], line * itemsize)
    bands = -(-goes[1] // rows)
    units = tuple(_units(kernel, channels, lanes, group))
    part = _part(units, filters, lanes, itemsize)
    noted = (rows + (kernel[1] - 1) * dilation[1]) // step[1] + 3
    most = 1 + group * (part + 1) + lanes
    store = max(noted + most, LISTS // (itemsize + 4)) // lanes * lanes + lanes
    weights = units[-1].at + units[-1].rows * units[-1].vectors * lanes
    geometry = Geometry(
        *came, filters, *goes, channels, *kernel[:2], *step, *dilation[:2], *before,
        line, rows, bands, part, store, group, noted, most, lanes, weights,
    )  # fmt: skip
    return Plan(
        (batch, *input_size, channels), planes * bands, geometry, units,
        Fixed(np.array(units, np.int64), geometry),
        (2 * store + lanes + rows * line, dtype),
        np.zeros(goes[2] * channels, dtype),
    )  # fmt: skip


def _rows(planes: int, height: int, nbytes: int) -> int:
    """Rows of a band, whose sums take so many bytes each. The number of threads has no
    say: what meets at a pixel meets in the same order for any."""
    wanted = -(-BANDS // max(1, planes))
    each = max(LEAST, -(-height // wanted))
    return max(1, min(BAND // nbytes, each, height))


def _part(units: tuple[Unit, ...], filters: int, lanes: int, itemsize: int) -> int:
    """Channels that are gone through together, in whole vectors."""
    largest = max(unit.rows * unit.vectors for unit in units) * lanes * itemsize
    parts = -(-filters // max(lanes, PART // largest // lanes * lanes))
    return -(-filters // parts // lanes) * lanes


def _evenly(whole: int, most: int) -> Iterator[tuple[int, int]]:
    """Where parts of at most ``most`` begin, and how long they are: much the same."""
    parts = -(-whole // most)
    ends = [n * whole // parts for n in range(parts + 1)]
    for begin, end in pairwise(ends):
        yield begin, end - begin


def _units(
    kernel: tuple[int, int, int], channels: int, lanes: int, group: int
) -> Iterator[Unit]:
    """All blocks. For a group of pixels a block takes the same channels at several
    taps, whose sums overlap; else a row is one run."""
    planes, height, width = kernel
    at = 0
    for plane in range(planes):
        for first, vectors, apart in _columns(width, channels, lanes, group):
            for row, rows in _evenly(height, rows_beside(vectors, group)):
                unit = Unit(plane, row, rows, first, vectors, apart, at)
                yield unit
                at += rows * vectors * lanes


def _columns(
    width: int, channels: int, lanes: int, group: int
) -> Iterator[tuple[int, int, int]]:
    """First vector of a row, how many, and how far apart."""
    if group > 1:
        each = channels // lanes
        for v in range(each):
            for tap, taps in _evenly(width, max(TAPS)):
                yield v + tap * each, taps, each
        return
    left = -(-width * channels // lanes)
    first = 0
    while left:
        vectors = next(w for w in WIDTHS if w <= left)
        yield first, vectors, 1
        first += vectors
        left -= vectors
