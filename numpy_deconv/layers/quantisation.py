"""Rounding to the few values of a quantised net, in the net's own floating type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..per_axis import Sizes
from ..registry import beside
from ..window import Positions
from .boxes import Boxes, Indices, rows_of
from .broadcasting import broadcast_shape, same_everywhere
from .layer import Layer, Pointwise, Reads, ReadsAll, whole


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


MOST = 255  # of a byte, which is what is quantised to as a net runs


@dataclass(frozen=True, eq=False)
class ByteRange(ReadsAll):
    """The step that maps all of ``x`` and 0 to bytes, or (``zero``) the byte of 0.

    One number without axes, of the whole batch, as ONNX's DynamicQuantizeLinear has it.
    It carries no signal: where the range ends is no matter of any one place.
    """

    zero: bool = False

    def forward(self, *xs: Array) -> tuple[Array, None]:
        (x,) = xs
        low, high = np.minimum(x.min(initial=0), 0), np.maximum(x.max(initial=0), 0)
        step = (high - low) / x.dtype.type(MOST)
        step = np.where(step > 0, step, x.dtype.type(1))
        return (np.clip(np.round(-low / step), 0, MOST) if self.zero else step), None

    def vjp(self, saved: None, gy: Array) -> tuple[Array | None, ...]:
        return (None,)

    def describe(self) -> str:
        return "ByteRange " + ("zero" if self.zero else "step")


@dataclass(frozen=True, eq=False)
class QuantizeBy(Layer):
    """``clip(round(x / step) + zero, 0, 255)`` of three inputs; see Quantize."""

    arity = 3

    def forward(self, *xs: Array) -> tuple[Array, tuple[Array, ...]]:
        return np.clip(_stepped(*xs), 0, MOST), xs

    def vjp(self, saved: tuple[Array, ...], gy: Array) -> tuple[Array | None, ...]:
        steps = _stepped(*saved)
        inside = (steps >= 0) & (steps <= MOST)
        return np.where(inside, gy / saved[1], gy.dtype.type(0)), None, None

    def describe(self) -> str:
        return f"Quantize to 0..{MOST} by what there is"

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        return [at, *(whole(each) for each in sizes[1:])]


def _stepped(x: Array, step: Array, zero: Array) -> Array:
    return np.round(x / step) + zero
