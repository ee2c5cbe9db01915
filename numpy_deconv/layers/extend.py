"""Padding of any axes, channels included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ShapeError
from ..per_axis import Sizes
from ..reference.resampling import pad_sources
from ..window import Positions
from .boxes import Indices
from .layer import Layer, Outline, Reads
from .taps import Taps, along, transposed


@dataclass(frozen=True, eq=False)
class Extend(Layer):
    """Each axis longer by its ``(begin, end)`` of ``pairs``, one pair per axis.

    ``mode`` and ``value`` are those of ``numpy_deconv.pad``, which leaves batch and
    channels alone.
    """

    pairs: tuple[tuple[int, int], ...]
    mode: str = "constant"
    value: float = 0

    def _taps(self, shape: tuple[int, ...]) -> list[tuple[int, Taps]]:
        if len(shape) != len(self.pairs):
            raise ShapeError(
                f"{len(self.pairs)} pairs of padding for an input of shape {shape}"
            )
        found = []
        for axis, (length, ends) in enumerate(zip(shape, self.pairs, strict=True)):
            if any(ends):
                if not length and self.mode != "constant":
                    raise ShapeError(f"axis {axis} of {shape} has nothing to repeat")
                sources = pad_sources(length, ends, self.mode)
                outside = sources < 0
                weights = np.where(outside, 0, 1)[:, None]
                inside = np.where(outside, 0, sources)[:, None]
                found.append((axis, Taps(inside, weights, outside)))
        return found

    def forward(self, *xs: Array) -> tuple[Array, Outline]:
        (x,) = xs
        y = x
        for axis, taps in self._taps(x.shape):
            y = along(y, axis, taps, self.value)
        return y, Outline(x.shape)

    def vjp(self, saved: Outline, gy: Array) -> tuple[Array | None, ...]:
        for axis, taps in reversed(self._taps(saved.shape)):
            gy = along(gy, axis, transposed(taps, saved.shape[axis]), 0)
        return (gy,)

    def take(self, saved: Outline, samples: Indices) -> Any:
        return saved if not any(self.pairs[0]) else NotImplemented

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        read = list(at)
        for axis, taps in self._taps((1, 1, *sizes[0])):
            if axis > 1:
                sources = taps.sources[at[axis - 2], 0]
                inside = ~taps.outside[at[axis - 2]]
                read[axis - 2] = np.unique(sources[inside])
        return [tuple(read)]
