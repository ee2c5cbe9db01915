"""``x @ weight.T`` for many rows of ``x``: the weight's rows are those of the tile.

The product is formed transposed, ``weight @ x.T``, so that the weight, the larger one,
is used where it lies and read once from memory; ``x`` is turned into panels. The depth
is cut into portions of which a panel stays in the L2 cache; their sums are added up in
a fixed order.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import arena
from .arguments import Fixed
from .compiled import compiled
from .launch import Launch
from .layout import channels_last
from .microkernel import ROWS, tile
from .packing import panel_width
from .vectors import lanes_of

Array = np.ndarray[Any, Any]

#: Rows, and products, below which dot products along the weight's rows are as fast.
FEWEST = 8
SMALLEST = 1 << 20
#: Panels of rows that go together: with more, portions would have to be short.
PANELS = 4
#: Bytes of the panels that are multiplied together.
CACHED = 1 << 19
TILES = 4  # of rows of the weight, per task


class Geometry(NamedTuple):
    """Sizes of one product, and how it is cut."""

    rows: int
    outs: int
    ins: int
    panels: int
    width: int
    lanes: int
    depth: int
    portions: int
    blocks: int


@lru_cache(256)
def _plan(rows: int, outs: int, ins: int, dtype: np.dtype[Any]) -> Any:
    width, lanes = panel_width(dtype), lanes_of(dtype)
    panels = -(-rows // width)
    depth = min(ins, CACHED // (panels * width * dtype.itemsize))
    portions = -(-ins // depth)
    blocks = -(-outs // (ROWS * TILES))
    g = Geometry(rows, outs, ins, panels, width, lanes, depth, portions, blocks)
    zeros = np.zeros(1, np.int64)
    multiply = Launch(
        _portions, portions * blocks, (dtype,) * 4, Fixed(zeros, g),
        dtype.type(-math.inf), dtype.type(math.inf),
    )  # fmt: skip
    return g, multiply, Launch(_add_up, blocks, (dtype,) * 3, Fixed(g))


def suits(rows: int, ins: int, outs: int) -> bool:
    """Whether dot products along the weight's rows are slower."""
    return rows >= FEWEST and rows * ins * outs >= SMALLEST


def product(x: Array, weight: Array, bias: Array, y: Array) -> None:
    """Fill ``y (rows, outs)`` from ``x (rows, ins)`` and ``weight (outs, ins)``."""
    together = PANELS * panel_width(x.dtype)
    for first in range(0, len(x), together):
        some = slice(first, first + together)
        _block(x[some], weight, bias, y[some])


def _block(x: Array, weight: Array, bias: Array, y: Array) -> None:
    (rows, ins), outs, dtype = x.shape, len(weight), x.dtype
    g, multiply, add_up = _plan(rows, outs, ins, dtype)
    whole = arena.take((g.panels * g.width, ins), dtype)
    whole[:rows], whole[rows:] = x, 0
    # one panel: (ins, width)
    panels = channels_last(whole.reshape(g.panels, g.width, ins)).reshape(-1)
    parts = arena.take((g.portions, outs, g.panels * g.width), dtype).reshape(-1)
    multiply(weight.reshape(-1), panels, np.zeros(g.width, dtype), parts)
    add_up(parts, bias, y.reshape(-1))


@compiled
def _portions(  # type: ignore[no-untyped-def]
    start, stop, w, x, nothing, parts, zero, g, low, high
):
    """One portion of the depth for some rows of the weight, per task."""
    columns = g.panels * g.width
    for task in range(start, stop):
        portion, block = divmod(task, g.blocks)
        first = portion * g.depth
        depth = min(g.depth, g.ins - first)
        for t in range(TILES):
            o = (block * TILES + t) * ROWS
            rows = min(ROWS, g.outs - o)
            if rows <= 0:
                break
            for p in range(g.panels):
                taken = min(g.width, g.rows - p * g.width)
                taken = (taken + g.lanes - 1) // g.lanes * g.lanes
                tile(
                    rows, taken, g.lanes, w, o * g.ins + first, g.ins, 1, zero,
                    x, (p * g.ins + first) * g.width, g.width, zero, 1, depth,
                    parts, (portion * g.outs + o) * columns + p * g.width, columns,
                    nothing, 0, low, high, 0, 0,
                )  # fmt: skip


@compiled
def _add_up(start, stop, parts, bias, y, g):  # type: ignore[no-untyped-def]
    """Some of the outputs of all rows, per task."""
    columns = g.panels * g.width
    for block in range(start, stop):
        first = block * ROWS * TILES
        for o in range(first, min(g.outs, first + ROWS * TILES)):
            for portion in range(1, g.portions):
                for r in range(g.rows):
                    at = (portion * g.outs + o) * columns
                    parts[o * columns + r] += parts[at + r]
            for r in range(g.rows):
                y[r * g.outs + o] = parts[o * columns + r] + bias[o]
