"""Activations and the softmaxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays import Array, as_array, require_float, require_same_dtype
from ..errors import OptionError, ShapeError
from ..reference import activations as kernels
from ..registry import beside, current
from .differentiation import Pullback, pullback_of
from .options import real, whole


def _apply(name: str, x: Any, **options: Any) -> Array:
    x = as_array(x, "x")
    if name not in kernels.EXACT_IN_INTEGERS:
        require_float(x, "x", name)
    return current(x).activation(x, name, **_numbers(options))


def _numbers(options: dict[str, Any]) -> dict[str, Any]:
    """Options with every number checked; an open side of clip and a name pass."""
    return {
        name: value if _is_no_number(name, value) else real(value, name)
        for name, value in options.items()
    }


def _is_no_number(name: str, value: Any) -> bool:
    return name == "approximate" or (name in ("low", "high") and value is None)


def relu(x: Any) -> Array:
    """``max(x, 0)``; the gradient at 0 is 0."""
    return _apply("relu", x)


def leaky_relu(x: Any, slope: float = 0.01) -> Array:
    """``x`` where positive, else ``slope * x``."""
    return _apply("leaky_relu", x, slope=slope)


def clip(x: Any, low: float | None = None, high: float | None = None) -> Array:
    """``min(max(x, low), high)``, a None side open; ReLU6 is ``clip(x, 0, 6)``."""
    x = as_array(x, "x")
    bounds = _numbers({"low": low, "high": high}).values()
    if x.dtype.kind in "iu" and not all(float(b or 0).is_integer() for b in bounds):
        raise OptionError(
            f"integers cannot be clipped to {low} and {high}: give whole numbers, or "
            "convert x to float32"
        )
    return _apply("clip", x, low=low, high=high)


def elu(x: Any, alpha: float = 1.0) -> Array:
    """``x`` where positive, else ``alpha * (exp(x) - 1)``."""
    return _apply("elu", x, alpha=alpha)


def sigmoid(x: Any) -> Array:
    """``1 / (1 + exp(-x))``."""
    return _apply("sigmoid", x)


def tanh(x: Any) -> Array:
    """Hyperbolic tangent."""
    return _apply("tanh", x)


def silu(x: Any) -> Array:
    """``x * sigmoid(x)``, also called swish."""
    return _apply("silu", x)


def gelu(x: Any, approximate: str = "none") -> Array:
    """``x`` times the normal distribution function; ``"tanh"`` approximates it."""
    if not isinstance(approximate, str) or approximate not in ("none", "tanh"):
        raise OptionError(f"approximate={approximate!r} is not known: 'none' or 'tanh'")
    return _apply("gelu", x, approximate=approximate)


def hard_sigmoid(x: Any) -> Array:
    """``clip(x + 3, 0, 6) / 6``."""
    return _apply("hard_sigmoid", x)


def hard_swish(x: Any) -> Array:
    """``x * clip(x + 3, 0, 6) / 6``."""
    return _apply("hard_swish", x)


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """``log(1 + exp(beta*x)) / beta``, and ``x`` itself above ``threshold / beta``."""
    return _apply("softplus", x, beta=beta, threshold=threshold)


def prelu(x: Any, weight: Any) -> Array:
    """``x`` where positive, else ``weight * x``; weight is ``(1,)`` or ``(C,)``."""
    x, weight = as_array(x, "x"), as_array(weight, "weight")
    require_same_dtype(x=x, weight=weight)
    require_float(x, "x", "prelu")
    return kernels.prelu(x, _slope(x, beside(weight, x)))


def _slope(x: Array, weight: Array) -> Array:
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.size not in (1, channels) or weight.ndim > 1:
        raise ShapeError(
            f"weight has shape {weight.shape}: expected (1,) or ({channels},) for x of "
            f"shape {x.shape}"
        )
    return weight.reshape((1, -1, *(1,) * (x.ndim - 2))[: x.ndim])


def softmax(x: Any, axis: int = 1) -> Array:
    """``exp(x) / sum(exp(x))`` along ``axis``."""
    x = as_array(x, "x")
    require_float(x, "x", "softmax")
    return kernels.softmax(x, _axis(x, axis))


def log_softmax(x: Any, axis: int = 1) -> Array:
    """``log(softmax(x))`` along ``axis``, computed without cancellation."""
    x = as_array(x, "x")
    require_float(x, "x", "log_softmax")
    return kernels.log_softmax(x, _axis(x, axis))


def _axis(x: Array, axis: int) -> int:
    axis = whole(axis, "axis")
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"axis {axis} does not exist: x has {x.ndim} axes")
    return axis


def _register(function: Callable[..., Array]) -> None:
    name = function.__name__

    @pullback_of(function, "x")
    def rule(value: Array, x: Array, **options: Any) -> Pullback:
        numbers = _numbers(options)
        return lambda grad: (current(grad).activation_grad(grad, x, name, **numbers),)


for _function in (
    relu,
    leaky_relu,
    clip,
    elu,
    sigmoid,
    tanh,
    silu,
    gelu,
    hard_sigmoid,
    hard_swish,
    softplus,
):
    _register(_function)


@pullback_of(prelu, "x", "weight")
def _prelu_pullback(value: Array, x: Array, weight: Array) -> Pullback:
    def pull(grad: Array) -> tuple[Array | None, ...]:
        for_x = kernels.prelu_grad(grad, x, _slope(x, beside(weight, x)))
        kept = 1 if weight.size > 1 else None
        axes = tuple(a for a in range(x.ndim) if a != kept)
        return for_x, kernels.prelu_weight_grad(grad, x, axes).reshape(weight.shape)

    return pull


@pullback_of(softmax, "x")
def _softmax_pullback(value: Array, x: Array, axis: int) -> Pullback:
    return lambda grad: (kernels.softmax_grad(grad, value, axis),)


@pullback_of(log_softmax, "x")
def _log_softmax_pullback(value: Array, x: Array, axis: int) -> Pullback:
    return lambda grad: (kernels.log_softmax_grad(grad, value, axis),)
