"""Rounding to the few values of a quantised net, in the net's own floating type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..registry import beside
from .boxes import Boxes, Indices, rows_of
from .broadcasting import broadcast_shape, same_everywhere
from .layer import Layer, Pointwise


@dataclass(frozen=True, eq=False)
class Quantize(Pointwise):
    """``clip(round(x / scale) + zero, low, high)``: whole numbers, as floats.

    ``scale`` and ``zero`` are broadcast against ``x``; halves are rounded to even. The
    gradient passes what is not clipped as if nothing were rounded, without which there
    would be none (Bengio et al. 2013, "straight through").
    """

    scale: Array
    zero: Array
    low: float
    high: float

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        broadcast_shape(x.shape, self.scale.shape, self.zero.shape)
        return np.clip(self._steps(x), self.low, self.high), x

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        steps = self._steps(saved)
        inside = (steps >= self.low) & (steps <= self.high)
        return (np.where(inside, gy / beside(self.scale, gy), gy.dtype.type(0)),)

    def _steps(self, x: Array) -> Array:
        return np.round(x / beside(self.scale, x)) + beside(self.zero, x)

    def describe(self) -> str:
        return f"Quantize to {self.low:g}..{self.high:g}"

    def take(self, saved: Array, samples: Indices) -> Array:
        return rows_of(saved, samples)

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer | None:
        rank = len(output.plane)
        alike = (same_everywhere(each, rank) for each in (self.scale, self.zero))
        return self if all(alike) else None

    def crop(
        self, saved: Array, inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, Any] | None:
        if self.on_windows(inputs, output) is None:
            return None
        return self, output.cut(saved)
