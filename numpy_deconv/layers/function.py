"""Elementwise functions that are not activations with a layer of their own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, family, widened
from ..errors import OptionError
from ..registry import current
from .layer import Pointwise


class Curve(NamedTuple):
    """A function of one number, and its derivative; both take the options."""

    value: Callable[..., Array]
    slope: Callable[..., Array]


_erf_each = np.frompyfunc(math.erf, 1, 1)  # NumPy has no erf, C's own is exact


def _erf(x: Array) -> Array:
    if family(x) == "cupy":
        return current(x).activation(x, "erf")
    return np.asarray(_erf_each(x), x.dtype)


def _none(x: Array) -> Array:
    return np.zeros_like(x)


def _selu(x: Array, alpha: float, gamma: float) -> Array:
    return gamma * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _selu_slope(x: Array, alpha: float, gamma: float) -> Array:
    return gamma * np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0)))


def _celu(x: Array, alpha: float) -> Array:
    bent = alpha * np.expm1(np.minimum(x / alpha, 0))
    return np.maximum(x, 0) + bent


def _celu_slope(x: Array, alpha: float) -> Array:
    return np.where(x > 0, 1, np.exp(np.minimum(x / alpha, 0)))


def _line(x: Array, alpha: float, beta: float) -> Array:
    return np.clip(alpha * x + beta, 0, 1)


def _line_slope(x: Array, alpha: float, beta: float) -> Array:
    y = alpha * x + beta
    return np.where((y > 0) & (y < 1), alpha, 0)


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def _swish(x: Array, alpha: float) -> Array:
    return x * _sigmoid(alpha * x)


def _swish_slope(x: Array, alpha: float) -> Array:
    share = _sigmoid(alpha * x)
    return share * (1 + alpha * x * (1 - share))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _mish(x: Array) -> Array:
    return x * np.tanh(_softplus(x))


def _mish_slope(x: Array) -> Array:
    t = np.tanh(_softplus(x))
    return t + x * (1 - t * t) * _sigmoid(x)


CURVES = {
    "abs": Curve(np.abs, np.sign),
    "ceil": Curve(np.ceil, _none),
    "celu": Curve(_celu, _celu_slope),
    "cos": Curve(np.cos, lambda x: -np.sin(x)),
    "erf": Curve(_erf, lambda x: np.exp(-x * x) * (2 / math.sqrt(math.pi))),
    "exp": Curve(np.exp, np.exp),
    "floor": Curve(np.floor, _none),
    "line_clipped": Curve(_line, _line_slope),
    "log": Curve(np.log, lambda x: 1 / x),
    "mish": Curve(_mish, _mish_slope),
    "reciprocal": Curve(lambda x: 1 / x, lambda x: -1 / (x * x)),
    "round": Curve(np.round, _none),
    "selu": Curve(_selu, _selu_slope),
    "sign": Curve(np.sign, _none),
    "sin": Curve(np.sin, np.cos),
    "softsign": Curve(
        lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2
    ),
    "sqrt": Curve(np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "swish": Curve(_swish, _swish_slope),
    "thresholded": Curve(
        lambda x, alpha: np.where(x > alpha, x, 0),
        lambda x, alpha: np.where(x > alpha, 1, 0),
    ),
}
"""``line_clipped`` is ONNX's HardSigmoid, ``thresholded`` its ThresholdedRelu.

Both use ``alpha``; steps (ceil, floor, round, sign) have the slope 0.
"""


@dataclass(frozen=True, eq=False)
class Function(Pointwise):
    """One of :data:`CURVES` of each element: ``Function("erf")``.

    Raises OptionError for a name that is none of them.

    >>> Function("selu", {"alpha": 1.67, "gamma": 1.05}).describe()
    'Function selu (alpha 1.67, gamma 1.05)'
    """

    name: str
    options: Any = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in CURVES:
            raise OptionError(
                f"there is no function {self.name!r}: there are {', '.join(CURVES)}"
            )
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "options": dict(self.options)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        return _computed(x, CURVES[self.name].value, dict(self.options)), x

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        return (gy * _computed(saved, CURVES[self.name].slope, dict(self.options)),)

    def describe(self) -> str:
        words = ", ".join(f"{k} {v:g}" for k, v in self.options.items())
        return f"Function {self.name}" + (f" ({words})" if words else "")


@widened
def _computed(x: Array, curve: Callable[..., Array], options: dict[str, Any]) -> Array:
    with np.errstate(all="ignore"):  # where a function ends it is NaN or infinite
        return curve(x, **options).astype(x.dtype, copy=False)
