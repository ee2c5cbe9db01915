"""Which algorithm computes which convolution: one table, first match wins.

Thresholds are from measurements (benchmarks/results): Winograd needs enough channels
on both sides to pay for its transforms, and enough tiles to fill a block.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...window import Window
from . import depthwise


class Problem(NamedTuple):
    """A convolution (or, of stride 1, its input gradient, which is one too)."""

    batch: int
    channels: int
    filters: int
    window: Window
    outputs: tuple[int, ...]
    groups: int
    dtype: np.dtype[np.floating]
    winograd: bool  # whether the caller allows it

    @property
    def plain_3x3(self) -> bool:
        """What Winograd's filtering is for."""
        w = self.window
        square = w.kernel == (3, 3) and w.stride == (1, 1) and w.dilation == (1, 1)
        return square and self.groups == 1 and self.dtype == np.float32

    def tiles(self, outputs: int) -> int:
        """Tiles of ``outputs x outputs`` that cover all images."""
        return self.batch * math.prod(-(-o // outputs) for o in self.outputs)


class Algorithm(NamedTuple):
    """``suits`` tells where it applies and is the fastest there is here."""

    name: str
    suits: Callable[[Problem], bool]


def _suits_depthwise(p: Problem) -> bool:
    each = p.groups == p.channels == p.filters
    return each and depthwise.suits(p.channels, p.dtype)


def _suits_winograd_4(p: Problem) -> bool:
    wide = p.winograd and p.plain_3x3 and min(p.channels, p.filters) >= 16
    return wide and p.tiles(4) >= 12 and min(p.outputs) > 3


def _suits_winograd_2(p: Problem) -> bool:
    wide = p.winograd and p.plain_3x3 and min(p.channels, p.filters) >= 64
    return wide and p.tiles(2) >= 12


TABLE = (
    Algorithm("depthwise", _suits_depthwise),
    Algorithm("winograd F(4x4, 3x3)", _suits_winograd_4),
    Algorithm("winograd F(2x2, 3x3)", _suits_winograd_2),
    Algorithm("gathered product", lambda p: True),
)


@lru_cache(512)
def chosen(problem: Problem) -> str:
    """Name of the algorithm that computes this."""
    return next(a.name for a in TABLE if a.suits(problem))
