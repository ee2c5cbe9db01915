"""Pooling layers; those that pick a maximum save its switches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..functional import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    lp_pool,
    max_pool,
    max_unpool,
)
from ..per_axis import Sizes
from ..reference.pooling import cells
from ..registry import current
from ..window import Positions, Window
from .layer import Layer, Reads, by, whole


class Pooled(NamedTuple):
    """What a max pool saves: its switches, and the size of the plane they index."""

    switches: Array
    size: Sizes


def _describe(layer: Any) -> str:
    stride = layer.kernel_size if layer.stride is None else layer.stride
    return f"{type(layer).__name__} {by(layer.kernel_size)}, stride {by(stride)}"


def _window(layer: Any, size: Sizes) -> Window:
    return Window.of_pool(
        layer.kernel_size,
        len(size),
        stride=layer.stride,
        padding=layer.padding,
        dilation=getattr(layer, "dilation", 1),
        ceil_mode=getattr(layer, "ceil_mode", False),
        input_size=size,
    )


class _Windowed(Layer):
    def describe(self) -> str:
        return _describe(self)

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        return [_window(self, sizes[0]).reads(at, sizes[0])]


class _Switching(Layer):
    """The way back of everything that picks a maximum."""

    def vjp(self, saved: Pooled, gy: Array) -> tuple[Array | None, ...]:
        return (self.unpool(saved, gy, "sum"),)

    def unpool(self, saved: Pooled, gy: Array, overlap: str) -> Array:
        """Scatter a signal by the switches of the forward pass."""
        return current(gy).scatter(gy, saved.switches, saved.size, overlap)


@dataclass(frozen=True, eq=False)
class MaxPool(_Switching, _Windowed):
    """Max pooling; ``stride`` None means the kernel's size."""

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
            window = _window(self, y.shape[2:])
            size = window.transposed_size(y.shape[2:], (0,) * window.rank)
        return max_unpool(y, switches, size, overlap=self.overlap), (y, switches)

    def vjp(self, saved: tuple[Array, Array], gy: Array) -> tuple[Array | None, ...]:
        y, switches = saved
        if len(y) != len(gy):
            y, switches = (a.repeat(len(gy), axis=0) for a in saved)
        return current(gy).scatter_grad(gy, y, switches, self.overlap), None

    def describe(self) -> str:
        return _describe(self)

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        read = _window(self, size).reaches(at, sizes[0])
        return [read, read]


@dataclass(frozen=True, eq=False)
class AvgPool(_Windowed):
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
        window = _window(self, saved)
        return (current(gy).avg_pool_grad(gy, saved, window, self.count_include_pad),)


@dataclass(frozen=True, eq=False)
class LpPool(_Windowed):
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
        window = _window(self, x.shape[2:])
        grad = current(gy).lp_pool_grad(
            gy, x, y, window, float(self.norm_type), self.rescale_clipped
        )
        return (grad,)


class _Adaptive(Layer):
    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        sources = []
        for p, length, outputs in zip(at, sizes[0], size, strict=True):
            cell = [inputs[0] for _, inputs in cells((length,), (outputs,))]
            read = [np.arange(cell[o].start, cell[o].stop) for o in p.tolist()]
            sources.append(np.unique(np.concatenate(read)))
        return [tuple(sources)]


@dataclass(frozen=True, eq=False)
class AdaptiveAvgPool(_Adaptive):
    """Average pooling to a given ``output_size``."""

    output_size: Any

    def forward(self, *xs: Array) -> tuple[Array, Sizes]:
        (x,) = xs
        return adaptive_avg_pool(x, self.output_size), x.shape[2:]

    def vjp(self, saved: Sizes, gy: Array) -> tuple[Array | None, ...]:
        return (current(gy).adaptive_avg_pool_grad(gy, saved),)

    def describe(self) -> str:
        return f"AdaptiveAvgPool to {by(self.output_size)}"


@dataclass(frozen=True, eq=False)
class AdaptiveMaxPool(_Switching, _Adaptive):
    """Max pooling to a given ``output_size``."""

    output_size: Any

    def forward(self, *xs: Array) -> tuple[Array, Pooled]:
        (x,) = xs
        y, switches = adaptive_max_pool(x, self.output_size)
        return y, Pooled(switches, x.shape[2:])

    def describe(self) -> str:
        return f"AdaptiveMaxPool to {by(self.output_size)}"


@dataclass(frozen=True, eq=False)
class GlobalAvgPool(Layer):
    """Mean of each plane, kept as ``(N, C, 1, ...)``."""

    def forward(self, *xs: Array) -> tuple[Array, Sizes]:
        return AdaptiveAvgPool(1).forward(*xs)

    def vjp(self, saved: Sizes, gy: Array) -> tuple[Array | None, ...]:
        return AdaptiveAvgPool(1).vjp(saved, gy)

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        return [whole(sizes[0])]


@dataclass(frozen=True, eq=False)
class GlobalMaxPool(_Switching):
    """Maximum of each plane, kept as ``(N, C, 1, ...)``."""

    def forward(self, *xs: Array) -> tuple[Array, Pooled]:
        return AdaptiveMaxPool(1).forward(*xs)

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        return [whole(sizes[0])]
