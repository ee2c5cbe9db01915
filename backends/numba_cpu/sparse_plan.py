"""How an input gradient that skips zeros is cut: bands of rows, blocks of the kernel.

A block is what the registers add up at a time, some rows of some vectors. Blocks are
gone through in turns whose weights stay in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from .arguments import Fixed
from .sparse_vectors import WIDTHS, rows_beside
from .three_axes import three
from .vectors import lanes_of

Array = np.ndarray[Any, Any]

#: Bytes of weights that are gone through together: they stay in the L2 cache.
PASS = 1 << 20
#: Bytes of sums that a task works on.
BAND = 1 << 18


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
    store: int  # elements that hold a pixel's list
    lanes: int


class Unit(NamedTuple):
    """A block of accumulators: some rows of the kernel, some vectors of each."""

    plane: int
    row: int
    rows: int
    vector: int
    vectors: int
    at: int  # where its weights are

    def taken(self, lines: Array, lanes: int) -> Array:
        """Its part of ``lines (planes, rows, filters, vectors * lanes)``."""
        columns = slice(self.vector * lanes, (self.vector + self.vectors) * lanes)
        rows = slice(self.row, self.row + self.rows)
        part = lines[self.plane, rows, :, columns].transpose(1, 0, 2)
        return part.reshape(part.shape[0], -1)


class Plan(NamedTuple):
    """One input gradient, but for the numbers."""

    result: tuple[int, ...]  # the shape of its memory, channels last
    tasks: int
    geometry: Geometry
    passes: tuple[tuple[Unit, ...], ...]
    fixed: Fixed
    """Units ``(units, 6)``, the geometry, and turns ``(passes, 3)`` between them: first
    unit, the one after the last, length of a row."""
    scratch: tuple[int, Any]
    start: Array  # without a bias


@lru_cache(512)
def plan(
    shape: tuple[int, ...],
    channels: int,
    input_size: Sizes,
    window: Window,
    dtype: np.dtype[Any],
    threads: int,
) -> Plan:
    """How the gradient of this shape is gone through, for so many threads."""
    batch, filters, *rest = shape
    lanes = lanes_of(dtype)
    came, goes = three(tuple(rest)), three(tuple(input_size))
    kernel, step = three(window.kernel), three(window.stride)
    dilation = three(window.dilation)
    before = three(tuple(b for b, _ in window.padding), 0)
    across = max((came[2] - 1) * step[2] + kernel[2], before[2] + goes[2])
    line = -(-across * channels // lanes) * lanes + lanes
    planes = batch * goes[0]
    fit = max(1, BAND // (line * dtype.itemsize))
    wanted = -(-4 * threads // max(1, planes))  # bands, for balance
    rows = max(1, min(fit, max(8, -(-goes[1] // wanted)), goes[1]))
    bands = -(-goes[1] // rows)
    store = 2 * (-(-filters // lanes) + 1) * lanes
    geometry = Geometry(
        *came, filters, *goes, channels, *kernel[:2], *step, *dilation[:2], *before,
        line, rows, bands, store, lanes,
    )  # fmt: skip
    most = max(1, PASS // (filters * dtype.itemsize))
    passes = tuple(_passes(kernel, channels, filters, lanes, most))
    ends = np.cumsum([0, *map(len, passes)])
    turns = [
        (first, last, sum(u.rows * u.vectors for u in units) * lanes)
        for first, last, units in zip(ends[:-1], ends[1:], passes, strict=True)
    ]
    listed = np.array([unit for units in passes for unit in units], np.int64)
    return Plan(
        (batch, *input_size, channels), planes * bands, geometry, passes,
        Fixed(listed, np.array(turns, np.int64), geometry),
        (store + lanes + rows * line, dtype),
        np.zeros(goes[2] * channels, dtype),
    )  # fmt: skip


def _passes(
    kernel: tuple[int, int, int], channels: int, filters: int, lanes: int, most: int
) -> Iterator[tuple[Unit, ...]]:
    """All blocks, in turns whose weights have ``most`` elements a filter."""
    units: list[Unit] = []
    base = taken = 0
    for unit in _units(kernel, -(-kernel[2] * channels // lanes)):
        length = unit.rows * unit.vectors * lanes
        if units and taken + length > most:
            yield tuple(units)
            base, taken, units = base + filters * taken, 0, []
        units.append(unit._replace(at=base + taken))
        taken += length
    yield tuple(units)


def _units(kernel: tuple[int, int, int], vectors: int) -> Iterator[Unit]:
    for plane in range(kernel[0]):
        first = 0
        while first < vectors:
            width = next(w for w in WIDTHS if w <= vectors - first)
            height = rows_beside(width)
            for row in range(0, kernel[1], height):
                yield Unit(plane, row, min(height, kernel[1] - row), first, width, 0)
            first += width
