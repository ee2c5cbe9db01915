"""Conv, ConvTranspose and Linear; rank-free: the weight says how many axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..arrays import Array
from ..errors import ShapeError
from ..functional import conv, conv_input_grad, conv_transpose, linear, vjp
from ..window import Sizes, Window
from .layer import Box, Layer, Reads, by, whole


def _geometry(layer: Any) -> dict[str, Any]:
    return {
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": layer.dilation,
        "groups": layer.groups,
    }


def clipped(box: Box, size: Sizes) -> Box | None:
    """The part of a box inside an input of this size; None if there is none."""
    inside = tuple(
        (max(first, 0), min(stop, length))
        for (first, stop), length in zip(box, size, strict=True)
    )
    return inside if all(first < stop for first, stop in inside) else None


def window_reads(window: Window, box: Box, size: Sizes) -> Box | None:
    """What the outputs in ``box`` of a sliding window read of an input."""
    ranges = (window.input_range(a, *r) for a, r in enumerate(box))
    return clipped(tuple(ranges), size)


def transposed_reads(window: Window, box: Box, size: Sizes) -> Box | None:
    """Which inputs of a transposed window reach the outputs in ``box``."""
    ranges = []
    for axis, (first, stop) in enumerate(box):
        stride, (begin, _) = window.stride[axis], window.padding[axis]
        low = -(-(first + begin - window.span[axis] + 1) // stride)
        ranges.append((low, (stop - 1 + begin) // stride + 1))
    return clipped(tuple(ranges), size)


@dataclass(frozen=True, eq=False)
class Conv(Layer):
    """Cross-correlation with ``weight (K, C/groups, *kernel)`` plus ``bias (K,)``."""

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

    def param_grads(self, saved: Array, gy: Array) -> dict[str, Array]:
        _, pullback = vjp(conv, saved, self.weight, self.bias, **_geometry(self))
        return dict(zip(("weight", "bias"), pullback(gy)[1:], strict=False))

    def describe(self) -> str:
        filters, depth, *kernel = self.weight.shape
        words = f"Conv {depth * self.groups} -> {filters}, {by(kernel)}"
        words += f", stride {by(self.stride)}" if self.stride not in (1, (1, 1)) else ""
        return words + (f", {self.groups} groups" if self.groups > 1 else "")

    def reads(self, box: Box, sizes: list[Sizes], size: Sizes) -> Reads:
        window = Window.of(
            self.weight.shape[2:],
            len(box),
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            input_size=sizes[0],
        )
        return [window_reads(window, box, sizes[0])]


@dataclass(frozen=True, eq=False)
class ConvTranspose(Layer):
    """Transposed convolution with ``weight (C, K/groups, *kernel)``."""

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

    def param_grads(self, saved: Array, gy: Array) -> dict[str, Array]:
        _, pullback = vjp(
            conv_transpose, saved, self.weight, self.bias, **self._options()
        )
        return dict(zip(("weight", "bias"), pullback(gy)[1:], strict=False))

    def describe(self) -> str:
        channels, filters, *kernel = self.weight.shape
        return f"ConvTranspose {channels} -> {filters * self.groups}, {by(kernel)}"

    def reads(self, box: Box, sizes: list[Sizes], size: Sizes) -> Reads:
        window = Window.of(
            self.weight.shape[2:],
            len(box),
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            input_size=size,
        )
        return [transposed_reads(window, box, sizes[0])]


@dataclass(frozen=True, eq=False)
class Linear(Layer):
    """``x @ weight.T + bias`` with ``weight (out, in)``, on ``(N, in)``."""

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

    def param_grads(self, saved: Array, gy: Array) -> dict[str, Array]:
        _, pullback = vjp(linear, saved, self.weight, self.bias)
        return dict(zip(("weight", "bias"), pullback(gy)[1:], strict=False))

    def describe(self) -> str:
        return f"Linear {self.weight.shape[1]} -> {self.weight.shape[0]}"

    def reads(self, box: Box, sizes: list[Sizes], size: Sizes) -> Reads:
        return [whole(each) for each in sizes]
