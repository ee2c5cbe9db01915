"""Pools that average; they save no more than the size of what they averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..functional import adaptive_avg_pool, avg_pool, lp_pool
from ..per_axis import Sizes
from ..registry import current
from .boxes import Boxes, Indices, rows_of
from .layer import Layer, ReadsAll, by
from .windowed import Adaptive, Windowed, window_of


@dataclass(frozen=True, eq=False)
class AvgPool(Windowed):
    """Average pooling."""

    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    dilation: Any = 1

    def forward(self, *xs: Array) -> tuple[Array, Sizes]:
        (x,) = xs
        y = avg_pool(
            x,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil_mode=self.ceil_mode,
            count_include_pad=self.count_include_pad,
        )
        return y, x.shape[2:]

    def vjp(self, saved: Sizes, gy: Array) -> tuple[Array | None, ...]:
        window = window_of(self, saved)
        return (current(gy).avg_pool_grad(gy, saved, window, self.count_include_pad),)

    def take(self, saved: Sizes, samples: Indices) -> Sizes:
        return saved

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer:
        size, positions = inputs[0].plane, output.plane
        window, padded = self.window(size), self.count_include_pad
        counts = window.counts(size, positions, padded=padded)
        shares = output.cut(window.size / np.maximum(counts, 1)[None, None])
        local = self.between(inputs, output)
        options = vars(self) | local | {"count_include_pad": True}
        return _SharedOut(**options, shares=shares)

    def crop(
        self, saved: Sizes, inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, Sizes]:
        return self.on_windows(inputs, output), inputs[0].shape


@dataclass(frozen=True, eq=False)
class _SharedOut(AvgPool):
    """Averages of full windows, times ``shares``: what fewer counted samples make it.

    A window's divisor depends on where it lies in the image, so on the row's origin.
    """

    shares: Any = None

    def forward(self, *xs: Array) -> tuple[Array, Sizes]:
        y, size = super().forward(*xs)
        return y * _like(self.shares, y), size

    def vjp(self, saved: Sizes, gy: Array) -> tuple[Array | None, ...]:
        return super().vjp(saved, gy * _like(self.shares, gy))


def _like(shares: Array, y: Array) -> Array:
    return np.asarray(shares.astype(y.dtype), like=y)


@dataclass(frozen=True, eq=False)
class LpPool(Windowed):
    """p-norm pooling."""

    norm_type: float
    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    dilation: Any = 1
    ceil_mode: bool = False
    rescale_clipped: bool = True

    def forward(self, *xs: Array) -> tuple[Array, tuple[Array, Array]]:
        (x,) = xs
        y = lp_pool(
            x,
            self.norm_type,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil_mode=self.ceil_mode,
            rescale_clipped=self.rescale_clipped,
        )
        return y, (x, y)

    def vjp(self, saved: tuple[Array, Array], gy: Array) -> tuple[Array | None, ...]:
        x, y = saved
        window = window_of(self, x.shape[2:])
        grad = current(gy).lp_pool_grad(
            gy, x, y, window, float(self.norm_type), self.rescale_clipped
        )
        return (grad,)

    def take(self, saved: tuple[Array, Array], samples: Indices) -> tuple[Array, Array]:
        x, y = saved
        return rows_of(x, samples), rows_of(y, samples)


@dataclass(frozen=True, eq=False)
class AdaptiveAvgPool(Adaptive):
    """Average pooling to a given ``output_size``."""

    output_size: Any

    def forward(self, *xs: Array) -> tuple[Array, Sizes]:
        (x,) = xs
        return adaptive_avg_pool(x, self.output_size), x.shape[2:]

    def vjp(self, saved: Sizes, gy: Array) -> tuple[Array | None, ...]:
        return (current(gy).adaptive_avg_pool_grad(gy, saved),)

    def take(self, saved: Sizes, samples: Indices) -> Sizes:
        return saved

    def describe(self) -> str:
        return f"AdaptiveAvgPool to {by(self.output_size)}"


@dataclass(frozen=True, eq=False)
class GlobalAvgPool(ReadsAll):
    """Mean of each plane, kept as ``(N, C, 1, ...)``."""

    def forward(self, *xs: Array) -> tuple[Array, Sizes]:
        return AdaptiveAvgPool(1).forward(*xs)

    def vjp(self, saved: Sizes, gy: Array) -> tuple[Array | None, ...]:
        return AdaptiveAvgPool(1).vjp(saved, gy)

    def take(self, saved: Sizes, samples: Indices) -> Sizes:
        return saved
