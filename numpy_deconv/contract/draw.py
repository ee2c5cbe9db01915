"""Seeded random choices for one call of a kernel.

Every axis and every option is drawn by itself, because equal ones hide swapped axes.
Sizes mix the small, which fail legibly, with those around a vector's or a tile's edge.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ShapeError
from ..per_axis import Sizes
from ..window import Window

SMALL = (1, 2, 3, 4)
EDGES = {1: (5, 7, 8, 9, 15, 16, 17, 31, 33, 65), 2: (5, 7, 8, 9, 16, 17, 33), 3: (5,)}
CHANNELS = (1, 2, 3, 4, 5, 8, 17)


class Draw:
    """The choices that make one case; ``data`` says what its arrays hold.

    ``"integers"`` are small and never 0, so that no sum of them is rounded; ``"ties"``
    are 0, 1 and 2; ``"normal"`` are normally distributed; ``"specials"`` are mostly
    NaN, infinities, both zeros and the largest numbers.
    """

    def __init__(
        self, rng: np.random.Generator, dtype: np.dtype[Any], data: str
    ) -> None:
        self._rng = rng
        self.dtype = dtype
        self.data = data

    def pick(self, *choices: Any) -> Any:
        """One of the choices, all equally likely."""
        return choices[int(self._rng.integers(len(choices)))]

    def chance(self, probability: float) -> bool:
        """True in this share of the cases."""
        return bool(self._rng.random() < probability)

    def sizes(self, rank: int) -> Sizes:
        """Spatial sizes, at most one of them large."""
        sizes = [self.pick(*SMALL) for _ in range(rank)]
        if self.chance(0.4):
            sizes[self.pick(*range(rank))] = self.pick(*EDGES[rank])
        return tuple(sizes)

    def rank(self) -> int:
        """A spatial rank."""
        return int(self.pick(1, 2, 2, 3))

    def batch(self) -> int:
        """A batch size, now and then 0."""
        return int(self.pick(0, 1, 1, 2, 2, 2, 3, 3))

    def channels(self) -> int:
        """A number of channels, seldom 0."""
        return 0 if self.chance(0.02) else int(self.pick(*CHANNELS))

    def x(self, size: Sizes) -> Array:
        """An input ``(N, C, *size)``."""
        return self.array(self.batch(), self.channels(), *size)

    def array(self, *shape: int) -> Array:
        """Values of the kind that ``data`` names, in the case's dtype."""
        rng, dtype = self._rng, self.dtype
        if self.data == "normal":
            return rng.normal(size=shape).astype(dtype)
        if self.data == "ties":
            return rng.integers(0, 3, shape).astype(dtype)
        signs = 1 if dtype.kind == "u" else rng.choice([-1, 1], shape)
        values = (rng.integers(1, 5, shape) * signs).astype(dtype)
        if self.data == "integers":
            return values
        odd = _specials(dtype)
        return np.where(rng.random(shape) < 0.6, rng.choice(odd, shape), values)

    def whole(self, low: Any, high: Any, *shape: int) -> Array:
        """Whole numbers from ``low`` up to and without ``high``, whatever the dtype."""
        return self._rng.integers(low, high, shape)

    def positive(self, *shape: int) -> Array:
        """Values between 1/2 and 2."""
        return self._rng.uniform(0.5, 2, shape).astype(self.dtype)

    def switches(self, count: Sizes, area: int, *, distinct: bool) -> Array:
        """``(N, C, *pooled)`` flat indices below ``area``; ``distinct`` in a plane."""
        planes, taken = math.prod(count[:2]), math.prod(count[2:])
        if distinct and taken <= area:
            rows = [self._rng.permutation(area)[:taken] for _ in range(planes)]
            return np.array(rows, np.int64).reshape(count)
        return self._rng.integers(0, area, count)

    def window(self, *, pool: bool = False) -> tuple[Window, Sizes, Sizes]:
        """A window with an input size it fits and the outputs it then has.

        One window in ten is pointwise and one in ten 3x3 in place, which fast backends
        treat apart. A pool's windows all hold a sample of the image.
        """
        rank = self.rank()
        usual = self.pick("pointwise", "same", *("any",) * 8)
        while True:
            if usual == "pointwise":
                window = _square(rank, 1, 0)
            elif usual == "same":
                window = _square(rank, 3, 1)
            else:
                window = self._any_window(rank, pool=pool)
            size = self.sizes(rank)
            try:
                outputs = window.output_size(size)
            except ShapeError:
                continue
            if not pool or window.counts(size, outputs, padded=False).all():
                return window, size, outputs

    def _any_window(self, rank: int, *, pool: bool) -> Window:
        taps = {1: (1, 2, 3, 4, 5, 7), 2: (1, 2, 3, 4, 5), 3: (1, 2, 3)}[rank]
        return Window(
            tuple(self.pick(*taps) for _ in range(rank)),
            tuple(self.pick(1, 2, 3, 4) for _ in range(rank)),
            tuple((self.pick(0, 1, 2), self.pick(0, 1, 2, 3)) for _ in range(rank)),
            tuple(self.pick(1, 2, 3) for _ in range(rank)),
            pool and self.chance(0.5),
        )


def _square(rank: int, kernel: int, padding: int) -> Window:
    ones = (1,) * rank
    return Window((kernel,) * rank, ones, ((padding, padding),) * rank, ones)


def _specials(dtype: np.dtype[Any]) -> Array:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.array([limits.min, limits.max], dtype)
    top = np.finfo(np.float16).max  # a large number in every float
    values = [np.nan, -np.inf, -np.inf, np.inf, 0.0, -0.0, top, -top]
    return np.array(values, dtype)
