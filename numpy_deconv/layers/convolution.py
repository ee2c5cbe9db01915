"""Conv, ConvTranspose and Linear; rank-free: the weight says how many axes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ShapeError
from ..functional import (
    conv,
    conv_input_grad,
    conv_transpose,
    conv_weight_grad,
    linear,
    vjp,
)
from ..functional.convolution import (
    conv_clipped,
    conv_input_grad_clipped,
    conv_input_grad_moved,
)
from ..functional.operands import bias_grad
from ..per_axis import Sizes
from ..window import Positions, Window
from .boxes import Boxes, Indices, window_between
from .layer import Layer, Outline, Reads, by, whole


def _geometry(layer: Any) -> dict[str, Any]:
    return {
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": layer.dilation,
        "groups": layer.groups,
    }


def _with_bias(layer: Any, weight_grad: Array, gy: Array) -> dict[str, Array]:
    grads = {"weight": weight_grad, "bias": bias_grad(gy, layer.bias)}
    return {name: g for name, g in grads.items() if g is not None}


@dataclass(frozen=True, eq=False)
class Conv(Layer):
    """Cross-correlation with ``weight (K, C/groups, *kernel)`` plus ``bias (K,)``."""

    parameters = ("weight", "bias")
    crops_alike = True

    weight: Array
    bias: Array | None = None
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        return conv(x, self.weight, self.bias, **_geometry(self)), x

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        size = saved.shape[2:]
        return (conv_input_grad(gy, self.weight, size, **_geometry(self)),)

    def vjp_clipped(
        self,
        saved: Array,
        gy: Array,
        low: float | None,
        high: float | None,
        where: Array | None = None,
    ) -> tuple[Array | None, ...]:
        """:meth:`vjp` with the result kept between two bounds, and zero where ``where``
        is not above zero, in one pass."""
        given = gy, self.weight, saved.shape[2:], low, high, where
        return (conv_input_grad_clipped(*given, **_geometry(self)),)

    def vjp_moved(
        self, saved: Any, gy: Array, low: float | None, places: Boxes
    ) -> Array:
        """:meth:`vjp` not below ``low``, of which ``places`` are cut, a box of the same
        size in each sample, in one pass."""
        given = gy, self.weight, saved.shape[2:], low, places
        return conv_input_grad_moved(*given, **_geometry(self))

    def vjp_masked(
        self,
        saved: Array,
        gy: Array,
        wheres: tuple[Array | None, ...],
        low: float | None = None,
    ) -> tuple[Array | None, ...]:
        """:meth:`vjp` through the ReLU that put out ``wheres``, its one entry."""
        return self.vjp_clipped(saved, gy, low, None, *wheres)

    def slim(self, saved: Array, y: Array) -> Outline:
        return Outline(saved.shape)

    def forward_clipped(
        self,
        x: Array,
        low: float | None,
        high: float | None,
        out: Array | None = None,
    ) -> tuple[Array, Array]:
        """:meth:`forward` with the output kept between two bounds, in one pass, and
        written to ``out`` if that is given."""
        given = x, self.weight, self.bias, low, high, out
        return conv_clipped(*given, **_geometry(self)), x

    def param_grads(self, saved: Array, gy: Array) -> dict[str, Array]:
        kernel = self.weight.shape[2:]
        return _with_bias(
            self, conv_weight_grad(gy, saved, kernel, **_geometry(self)), gy
        )

    def describe(self) -> str:
        filters, depth, *kernel = self.weight.shape
        words = f"Conv {depth * self.groups} -> {filters}, {by(kernel)}"
        strided = np.any(np.asarray(self.stride) != 1)
        words += f", stride {by(self.stride)}" if strided else ""
        return words + (f", {self.groups} groups" if self.groups > 1 else "")

    def window(self, input_size: Sizes) -> Window:
        return Window.of(
            self.weight.shape[2:],
            len(input_size),
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            input_size=input_size,
        )

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        return [self.window(sizes[0]).reads(at, sizes[0])]

    def take(self, saved: Any, samples: Indices) -> Outline:
        return Outline(saved.shape)

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Conv:
        window = window_between(self.window(inputs[0].plane), inputs[0], output)
        return replace(self, padding=window.padding)

    def crop(
        self, saved: Any, inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, Outline]:
        channels = self.weight.shape[1] * self.groups
        shape = (len(output), channels, *inputs[0].shape)
        return self.on_windows(inputs, output), Outline(shape)


@dataclass(frozen=True, eq=False)
class ConvTranspose(Layer):
    """Transposed convolution with ``weight (C, K/groups, *kernel)``."""

    parameters = ("weight", "bias")

    weight: Array
    bias: Array | None = None
    stride: Any = 1
    padding: Any = 0
    output_padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    def _options(self) -> dict[str, Any]:
        return {**_geometry(self), "output_padding": self.output_padding}

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        return conv_transpose(x, self.weight, self.bias, **self._options()), x

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        # its adjoint is the convolution, over as many windows as the input had samples
        full = conv(gy, self.weight, **_geometry(self))
        return (full[(..., *(slice(n) for n in saved.shape[2:]))],)

    def slim(self, saved: Array, y: Array) -> Outline:
        return Outline(saved.shape)

    def take(self, saved: Any, samples: Indices) -> Outline:
        return Outline(saved.shape)

    def param_grads(self, saved: Array, gy: Array) -> dict[str, Array]:
        _, pullback = vjp(conv_transpose, saved, self.weight, **self._options())
        return _with_bias(self, pullback(gy)[1], gy)

    def describe(self) -> str:
        channels, filters, *kernel = self.weight.shape
        return f"ConvTranspose {channels} -> {filters * self.groups}, {by(kernel)}"

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        window = Window.of(
            self.weight.shape[2:],
            len(at),
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            input_size=size,
        )
        return [window.reaches(at, sizes[0])]


@dataclass(frozen=True, eq=False)
class Linear(Layer):
    """``x @ weight.T + bias`` with ``weight (out, in)``, on ``(N, in)``."""

    parameters = ("weight", "bias")

    weight: Array
    bias: Array | None = None

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        if x.shape[-1] != self.weight.shape[1]:
            raise ShapeError(
                f"input has {x.shape[-1]} features, weight expects "
                f"{self.weight.shape[1]}"
            )
        return linear(x, self.weight, self.bias), x

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        return (linear(gy, self.weight.swapaxes(0, 1)),)

    def slim(self, saved: Array, y: Array) -> None:
        return None

    def take(self, saved: Any, samples: Indices) -> None:
        return None

    def param_grads(self, saved: Array, gy: Array) -> dict[str, Array]:
        rows, inputs = gy.reshape(-1, gy.shape[-1]), saved.reshape(-1, saved.shape[-1])
        return _with_bias(
            self, linear(rows.swapaxes(0, 1), inputs.swapaxes(0, 1)), rows
        )

    def describe(self) -> str:
        return f"Linear {self.weight.shape[1]} -> {self.weight.shape[0]}"

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        return [whole(each) for each in sizes]
