"""Activation layers: elementwise, they save their input, and name their function."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from .. import functional
from ..arrays import Array
from ..functional import log_softmax, prelu, softmax
from ..per_axis import Sizes
from ..reference import activations as kernels
from ..registry import beside, current
from ..window import Positions
from .boxes import Boxes, Indices, rows_of
from .layer import Layer, Pointwise, Reads, whole


class Activation(Pointwise):
    """An elementwise function of ``reference.activations``; fields are its options."""

    function: ClassVar[str]

    def _options(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        return getattr(functional, self.function)(x, **self._options()), x

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        grad = current(gy).activation_grad(gy, saved, self.function, **self._options())
        return (grad,)

    def describe(self) -> str:
        options = ", ".join(f"{k} {v}" for k, v in self._options().items())
        return type(self).__name__ + (f" ({options})" if options else "")


@dataclass(frozen=True, eq=False)
class ReLU(Activation):
    """``max(x, 0)``."""

    function = "relu"

    def slim(self, saved: Array, y: Array) -> Array:
        return y  # it has the slope of its input: both are above 0, or NaN, together


@dataclass(frozen=True, eq=False)
class LeakyReLU(Activation):
    """``x`` where positive, else ``slope * x``."""

    function = "leaky_relu"
    slope: float = 0.01


@dataclass(frozen=True, eq=False)
class Clip(Activation):
    """``min(max(x, low), high)``; ReLU6 is ``Clip(0, 6)``."""

    function = "clip"
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, eq=False)
class ELU(Activation):
    """``x`` where positive, else ``alpha * (exp(x) - 1)``."""

    function = "elu"
    alpha: float = 1.0


@dataclass(frozen=True, eq=False)
class Sigmoid(Activation):
    """``1 / (1 + exp(-x))``."""

    function = "sigmoid"


@dataclass(frozen=True, eq=False)
class Tanh(Activation):
    """Hyperbolic tangent."""

    function = "tanh"


@dataclass(frozen=True, eq=False)
class SiLU(Activation):
    """``x * sigmoid(x)``."""

    function = "silu"


@dataclass(frozen=True, eq=False)
class GELU(Activation):
    """``x`` times the normal distribution function."""

    function = "gelu"
    approximate: str = "none"


@dataclass(frozen=True, eq=False)
class HardSigmoid(Activation):
    """``clip(x + 3, 0, 6) / 6``."""

    function = "hard_sigmoid"


@dataclass(frozen=True, eq=False)
class HardSwish(Activation):
    """``x * clip(x + 3, 0, 6) / 6``."""

    function = "hard_swish"


@dataclass(frozen=True, eq=False)
class Softplus(Activation):
    """``log(1 + exp(beta*x)) / beta``."""

    function = "softplus"
    beta: float = 1.0
    threshold: float = 20.0


@dataclass(frozen=True, eq=False)
class PReLU(Pointwise):
    """``x`` where positive, else ``weight * x``, weight ``(1,)`` or one per channel."""

    parameters = ("weight",)

    weight: Array

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        return prelu(x, self.weight), x

    def _slope(self, x: Array) -> Array:
        return self.weight.reshape(1, -1, *(1,) * (x.ndim - 2))

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        return (kernels.prelu_grad(gy, saved, beside(self._slope(saved), gy)),)

    def param_grads(self, saved: Array, gy: Array) -> dict[str, Array]:
        kept = 1 if self.weight.size > 1 else None
        axes = tuple(a for a in range(gy.ndim) if a != kept)
        each = kernels.prelu_weight_grad(gy, saved, axes)
        return {"weight": each.reshape(self.weight.shape)}


class _Shares(Layer):
    """Softmaxes read every position along their axis."""

    axis: int

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        shared = self.axis % (len(at) + 2) - 2
        return [
            tuple(
                p if axis != shared else whole(sizes[0])[axis]
                for axis, p in enumerate(at)
            )
        ]

    def take(self, saved: Array, samples: Indices) -> Any:
        mixes = self.axis % saved.ndim == 0
        return NotImplemented if mixes else rows_of(saved, samples)

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer | None:
        return self if self.axis % (len(output.plane) + 2) == 1 else None

    def crop(
        self, saved: Array, inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, Array] | None:
        layer = self.on_windows(inputs, output)
        return None if layer is None else (layer, output.cut(saved))


@dataclass(frozen=True, eq=False)
class Softmax(_Shares):
    """Softmax over the channels, or another axis."""

    axis: int = 1

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        y = softmax(x, self.axis)
        return y, y

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        return (kernels.softmax_grad(gy, saved, self.axis),)


@dataclass(frozen=True, eq=False)
class LogSoftmax(_Shares):
    """Logarithm of the softmax."""

    axis: int = 1

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        y = log_softmax(x, self.axis)
        return y, y

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        return (kernels.log_softmax_grad(gy, saved, self.axis),)
