"""Which algorithm computes which convolution: one table, first match wins.

``CupyBackend(algorithms=("tiles 64x64",))`` takes only those named (and what always
works); ``chosen`` tells what a problem gets.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from .problem import Problem


@dataclass(frozen=True, eq=False)
class Setting:
    """What the caller allows and where it runs; a backend has one."""

    capability: int
    units: int  # multiprocessors
    precision: str = "float32"
    winograd: bool = True
    specialises: bool = True
    only: tuple[str, ...] | None = None
    cache: int = 40 << 20  # bytes that all multiprocessors share


@dataclass(frozen=True)
class Tile:
    """A block's part of a product: filters, positions, rows at a time, and quads of
    each that a thread computes."""

    high: int
    wide: int
    deep: int
    tall: int = 1
    broad: int = 1

    @property
    def threads(self) -> int:
        """Of a block."""
        return self.high // (4 * self.tall) * (self.wide // (4 * self.broad))

    @property
    def macros(self) -> dict[str, Any]:
        """As ``tiles.cu`` takes them."""
        names = ("HIGH", "WIDE", "DEPTH", "TALL", "BROAD")
        sizes = (self.high, self.wide, self.deep, self.tall, self.broad)
        return dict(zip(names, sizes, strict=True))

    def blocks(self, p: Problem) -> int:
        """How many it takes."""
        high = -(-p.all_filters // self.high)
        return high * -(-p.total // self.wide) * p.matrices


Suits = Callable[[Problem, Setting], bool]


@dataclass(frozen=True)
class Algorithm:
    """``suits`` tells where it applies and is believed to be the fastest."""

    name: str
    suits: Suits
    tile: Tile | None = None
    able: Suits = field(default=lambda p, s: True)  # where it could be used at all


def _one_each(p: Problem) -> bool:
    """One channel to a group, and neighbouring results see neighbouring samples."""
    return p.channels == 1 and p.groups > 1 and math.prod(p.phases) == 1


def _can_depthwise(p: Problem, s: Setting) -> bool:
    usual = p.window.kernel == (3, 3) and set(p.window.dilation) == {1}
    planes = p.batch * p.groups * p.filters  # a block each, at least
    fits = p.window.size <= 32 and (s.specialises or usual) and planes <= MOST_PLANES
    return (
        _one_each(p)
        and fits
        and p.dtype.kind == "f"
        and (not p.adjoint or p.filters == 1)
    )


def _can_winograd(p: Problem, s: Setting) -> bool:
    w = p.window
    plain = w.kernel == (3, 3) and w.stride == (1, 1) and w.dilation == (1, 1)
    full = s.precision == "float32" and s.winograd and p.dtype == np.float32
    return plain and full and p.groups == 1


def _suits_winograd(p: Problem, s: Setting) -> bool:
    tiles = p.batch * math.prod(-(-n // 4) for n in p.outputs)
    return min(p.channels, p.filters) >= 32 and tiles >= 256 and min(p.outputs) >= 6


def _can_tensor(p: Problem, s: Setting) -> bool:
    low = p.dtype == np.float16 or (p.dtype == np.float32 and s.precision == "tf32")
    return low and s.capability >= 80 and p.matrices <= 65535


def _suits_tensor(p: Problem, s: Setting) -> bool:
    return p.all_filters >= 32 and p.channels * p.window.size >= 32


def _can_tile(p: Problem, s: Setting) -> bool:
    return p.matrices <= 65535


def _narrow(p: Problem, s: Setting) -> bool:
    """Too little for a product: a tile would be mostly padding."""
    return p.all_filters < 4 or p.channels * p.window.size < 4


def _upto(filters: int) -> Suits:
    return lambda p, s: p.all_filters <= filters


def _fills(tile: Tile, filters: int) -> Suits:
    """Enough filters for the tile, and a block for every multiprocessor."""
    return lambda p, s: p.all_filters > filters and tile.blocks(p) >= s.units


MOST_PLANES = 2**31 - 1  # blocks of a launch
LARGE = Tile(128, 128, 8, tall=2, broad=2)
_BROAD = Tile(64, 128, 8, tall=1, broad=2)
SQUARE = Tile(64, 64, 8)
_LOW = Tile(32, 128, 8, tall=1, broad=2)
_LOWEST = Tile(16, 128, 8)
TENSOR = Tile(128, 128, 16, tall=2, broad=2)


def _double(p: Problem, s: Setting) -> bool:
    return p.dtype.itemsize == 8


TABLE = (
    Algorithm("depthwise", lambda p, s: True, able=_can_depthwise),
    Algorithm("direct", _narrow),
    Algorithm("winograd", _suits_winograd, able=_can_winograd),
    Algorithm("tensor", _suits_tensor, TENSOR, able=_can_tensor),
    Algorithm("tiles 16x128", _upto(16), _LOWEST, able=_can_tile),
    Algorithm("tiles 32x128", _upto(32), _LOW, able=_can_tile),
    Algorithm("tiles 64x64", _double, SQUARE, able=_can_tile),
    Algorithm("tiles 128x128", _fills(LARGE, 64), LARGE, able=_can_tile),
    Algorithm("tiles 64x128", _fills(_BROAD, 0), _BROAD, able=_can_tile),
    Algorithm("tiles 64x64", lambda p, s: True, SQUARE, able=_can_tile),
    Algorithm("direct", lambda p, s: True),
)
NAMES = tuple(dict.fromkeys(a.name for a in TABLE))


@lru_cache(4096)
def chosen(problem: Problem, setting: Setting) -> Algorithm:
    """What computes this. Of algorithms that the caller names, one that is able is
    taken whether it is the fastest or not."""
    if setting.only is not None:
        for each in TABLE:
            if each.name in setting.only and each.able(problem, setting):
                return each
    for each in TABLE:
        if each.able(problem, setting) and each.suits(problem, setting):
            return each
    return TABLE[-1]


def splits_for(tile: Tile, problem: Problem, rows: int, setting: Setting) -> int:
    """Into how many shares to cut the sums, where there are too few blocks for all
    multiprocessors; each share has eight tiles of rows at least."""
    blocks = tile.blocks(problem)
    wanted = -(-setting.units // max(1, blocks))
    room = 65535 // max(1, problem.matrices)
    return max(1, min(wanted, 16, rows // (8 * tile.deep), room))
