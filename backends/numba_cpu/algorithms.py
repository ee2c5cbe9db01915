"""Which algorithm computes which convolution: one table, first match wins.

Thresholds are from measurements (benchmarks/results): Winograd needs enough channels
on both sides to pay for its transforms, and enough tiles to fill a block.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from ...window import Window
from . import depthwise, few_columns, sparse, sparse_plan
from .vectors import lanes_of
from .winograd_matrices import ALL3, ALL5, BY_TILE, F2, F4, Filtering

#: Tiles whose products take as long as reading the weights for them.
READING = 20
#: Cycles for each number of a signal that is mostly zeros, and each that is not zero.
FINDING, PRODUCT = 0.125, 0.72
#: Bytes of weights that stay in the L2 cache, most of them.
FITS = 3 << 19


class Problem(NamedTuple):
    """A convolution (or, of stride 1, its input gradient, which is one too)."""

    batch: int
    channels: int
    filters: int
    window: Window
    padding: tuple[tuple[int, int], ...]  # around what comes in; negative where cut
    outputs: tuple[int, ...]
    places: tuple[int, ...]  # of what comes in
    groups: int
    dtype: np.dtype[np.floating]
    winograd: bool  # whether the caller allows it

    @property
    def plain_3x3(self) -> bool:
        """What Winograd's filtering is for."""
        w = self.window
        square = w.kernel == (3, 3) and w.stride == (1, 1) and w.dilation == (1, 1)
        return square and self.groups == 1 and self.dtype == np.float32

    @property
    def is_all_reached(self) -> bool:
        """Whether the outputs are all that 3 taps along each axis reach."""
        return all(pair == (2, 2) for pair in self.padding)

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


def _suits_winograd(p: Problem, filtering: Filtering) -> bool:
    wide = p.winograd and p.plain_3x3 and min(p.channels, p.filters) >= 16
    if not wide or p.tiles(2) < 12:
        return False
    work = {each: _work(p, each) for each in BY_TILE.values() if _applies(p, each)}
    return filtering in work and work[filtering] <= min(work.values())


def _applies(p: Problem, filtering: Filtering) -> bool:
    """Whether this is what it can do, and it does not do much in vain."""
    if filtering.margin:
        inputs = (filtering.reads, filtering.reads)
        return p.is_all_reached and p.places == inputs
    return filtering is F2 or min(p.outputs) > 3


def _work(p: Problem, filtering: Filtering) -> int:
    """Products for each pair of channels: those of the tiles, and as many as could be
    made while the transformed weights are read, once for all tiles.

    Larger tiles need fewer, but reach further beyond the image, and have more weights.
    """
    return filtering.tile**2 * (p.tiles(filtering.outputs) + READING)


#: Winograd's filterings, by what the table calls them.
FILTERINGS = {
    "winograd all of 3x3": ALL3,
    "winograd all of 5x5": ALL5,
    "winograd F(4x4, 3x3)": F4,
    "winograd F(2x2, 3x3)": F2,
}


def _suits_few_columns(p: Problem) -> bool:
    w = p.window
    plain = p.groups == 1 and set(w.stride) == {1} and len(w.kernel) <= 2
    few = p.filters <= few_columns.MOST and p.channels >= few_columns.LEAST
    return plain and few and math.prod(w.kernel) > 1


TABLE = (
    Algorithm("depthwise", _suits_depthwise),
    Algorithm("few columns", _suits_few_columns),
    *(
        Algorithm(name, partial(_suits_winograd, filtering=filtering))
        for name, filtering in FILTERINGS.items()
    ),
    Algorithm("gathered product", lambda p: True),
)


def sparse_below(problem: Problem) -> float:
    """Share of numbers that are not zero below which an input gradient skips zeros.

    For each of them a vector of products takes :data:`PRODUCT` cycles, and for any
    number finding out and adding up :data:`FINDING`; a tile that goes through all
    numbers makes 1.6 vectors a cycle, and Winograd's filtering 1.1 of its fewer ones.
    With so few columns that vectors stay half empty rows are the quickest in any case,
    but beside a column for each tap.
    """
    window, columns = problem.window, problem.filters
    if not sparse.suits(window, problem.groups):
        return 0.0
    taps = math.prod(window.kernel)
    if taps == 1:
        return 0.05
    if chosen(problem) == "few columns":  # which may read a vector for each tap
        vectors = -(-columns * taps // lanes_of(problem.dtype))
        return vectors / (10 * taps // window.kernel[-1])
    if columns <= 4:
        filled = columns * window.kernel[-1] <= lanes_of(problem.dtype)
        return 1.0 if filled else 0.6
    here = problem.batch * math.prod(problem.places)
    how = chosen(problem)
    if how in FILTERINGS:
        tile, gives = FILTERINGS[how].tile, FILTERINGS[how].outputs
        all_of_them = tile**2 * problem.tiles(gives) / 1.1 / taps
    elif all(step == 1 for step in window.stride):
        all_of_them = problem.batch * math.prod(problem.outputs) / 1.6
    else:
        all_of_them = here / 1.6
    fetching = 0.0
    if problem.channels * columns * taps * problem.dtype.itemsize > FITS:
        # every band has its weights, those that meet a number, brought to the cache
        few = all_of_them / (11.5 * here)
        if few * here < problem.batch:
            return few
        shape = problem.batch, problem.channels, *problem.places
        given = columns, problem.outputs, window, problem.dtype
        fetching = 10.0 * sparse_plan.plan(shape, *given).tasks
    return max(0.0, (all_of_them - fetching) / here - FINDING) / PRODUCT


@lru_cache(512)
def chosen(problem: Problem) -> str:
    """Name of the algorithm that computes this."""
    return next(a.name for a in TABLE if a.suits(problem))
