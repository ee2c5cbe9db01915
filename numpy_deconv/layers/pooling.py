"""Pools that pick a maximum and save its switches, and the unpooling by them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..functional import adaptive_max_pool, max_pool, max_unpool
from ..per_axis import Sizes
from ..registry import current
from ..window import Positions
from .boxes import Boxes, Indices, rows_of
from .layer import Layer, Reads, by, whole
from .switches import Pooled
from .windowed import Adaptive, Windowed, described, window_of


class _Switching(Layer):
    """The way back of everything that picks a maximum."""

    def vjp(self, saved: Pooled, gy: Array) -> tuple[Array | None, ...]:
        return (self.unpool(saved, gy, "sum"),)

    def vjp_masked(
        self, saved: Pooled, gy: Array, wheres: tuple[Array | None, ...]
    ) -> tuple[Array | None, ...]:
        """:meth:`vjp` through the ReLU that put out ``wheres``, its one entry."""
        (where,) = wheres
        if where is None:
            return self.vjp(saved, gy)
        if type(self).unpool is not _Switching.unpool:  # a way of its own
            (gx,) = self.vjp(saved, gy)
            return (current(gy).activation_grad(gx, where, "relu"),)
        return (saved.masked(gy, where),)

    def unpool(self, saved: Pooled, gy: Array, overlap: str) -> Array:
        """Scatter a signal by the switches of the forward pass."""
        return saved.scattered(gy, overlap)

    def take(self, saved: Pooled, samples: Indices) -> Pooled:
        return Pooled(rows_of(saved.switches, samples), saved.size)

    def crop(
        self, saved: Pooled, inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, Pooled]:
        return self, saved.cropped(inputs[0], output)


@dataclass(frozen=True, eq=False)
class MaxPool(_Switching, Windowed):
    """Max pooling; ``stride`` None means the kernel's size."""

    outside = -np.inf  # so that the padding never wins

    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    dilation: Any = 1
    ceil_mode: bool = False

    def forward(self, *xs: Array) -> tuple[Array, Pooled]:
        (x,) = xs
        y, switches = max_pool(
            x,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil_mode=self.ceil_mode,
        )
        return y, Pooled(switches, x.shape[2:])

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer:
        return replace(self, **self.between(inputs, output))


@dataclass(frozen=True, eq=False)
class MaxUnpool(Layer):
    """Unpooling by a pool's switches: ``Node(MaxUnpool(2), ("x", "pool:switches"))``.

    The output has ``output_size``, or by default ``(L-1)*stride + kernel - 2*padding``.
    """

    arity = 2

    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    output_size: Any = None
    overlap: str = "assign"

    def forward(self, *xs: Array) -> tuple[Array, tuple[Array, Array]]:
        y, switches = xs
        size = self.output_size
        if size is None:
            window = window_of(self, y.shape[2:])
            size = window.transposed_size(y.shape[2:], (0,) * window.rank)
        return max_unpool(y, switches, size, overlap=self.overlap), (y, switches)

    def vjp(self, saved: tuple[Array, Array], gy: Array) -> tuple[Array | None, ...]:
        y, switches = saved
        if len(y) != len(gy):
            y, switches = (a.repeat(len(gy), axis=0) for a in saved)
        return current(gy).scatter_grad(gy, y, switches, self.overlap), None

    def take(self, saved: tuple[Array, Array], samples: Indices) -> tuple[Array, Array]:
        y, switches = saved
        return rows_of(y, samples), rows_of(switches, samples)

    def describe(self) -> str:
        return described(self)

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        read = window_of(self, size).reaches(at, sizes[0])
        return [read, read]


@dataclass(frozen=True, eq=False)
class AdaptiveMaxPool(_Switching, Adaptive):
    """Max pooling to a given ``output_size``."""

    output_size: Any

    def forward(self, *xs: Array) -> tuple[Array, Pooled]:
        (x,) = xs
        y, switches = adaptive_max_pool(x, self.output_size)
        return y, Pooled(switches, x.shape[2:])

    def describe(self) -> str:
        return f"AdaptiveMaxPool to {by(self.output_size)}"


@dataclass(frozen=True, eq=False)
class GlobalMaxPool(_Switching):
    """Maximum of each plane, kept as ``(N, C, 1, ...)``."""

    def forward(self, *xs: Array) -> tuple[Array, Pooled]:
        return AdaptiveMaxPool(1).forward(*xs)

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        return [whole(sizes[0])]
