"""Activations, batch normalisation, and the bias that a product leaves to add."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ...arrays import Array
from .device import Device
from .geometry import frozen, prod
from .launching import contiguous, divisor_of, empty, run

# Numbered as in elementwise.cu, with the names of their two options.
NAMES = {
    "relu": (0, None, None),
    "leaky_relu": (1, "slope", None),
    "clip": (2, "low", "high"),
    "elu": (3, "alpha", None),
    "sigmoid": (4, None, None),
    "tanh": (5, None, None),
    "silu": (6, None, None),
    "gelu": (7, None, None),
    "gelu tanh": (8, None, None),
    "hard_sigmoid": (9, None, None),
    "hard_swish": (10, None, None),
    "softplus": (11, "beta", "threshold"),
    "erf": (12, None, None),  # no activation, but its value is a kernel's business
}
OPTIONS = np.dtype([("first", "f8"), ("second", "f8")])


def _named(name: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """The number of an activation, and its options as a struct."""
    if name == "gelu" and options.get("approximate") == "tanh":
        name = "gelu tanh"
    number, *fields = NAMES[name]
    first, second = (options.get(field) if field else 0.0 for field in fields)
    return _struct(number, first, second)


@lru_cache(1024)
def _struct(number: int, first: float | None, second: float | None) -> tuple[Any, Any]:
    low = -math.inf if first is None else float(first)  # a clip may have one bound
    high = math.inf if second is None else float(second)  # or none
    return np.int32(number), frozen(np.array((low, high), OPTIONS))


def activation(device: Device, x: Array, name: str, **options: Any) -> Array:
    x = contiguous(device, x)
    y = empty(device, x.shape, x.dtype)
    arguments = (x, y, ..., *_named(name, options))
    run(device, "elementwise.cu", "activation", x.dtype, x.size, *arguments)
    return y


def activation_grad(
    device: Device, grad: Array, x: Array, name: str, **options: Any
) -> Array:
    if grad.dtype != x.dtype:  # kernels take one type: the wider holds both
        wide = np.promote_types(grad.dtype, x.dtype)
        both = (array.astype(wide) for array in (grad, x))
        result = activation_grad(device, *both, name, **options)
        return result.astype(grad.dtype)
    grad, x = contiguous(device, grad), contiguous(device, x)
    result = empty(device, grad.shape, grad.dtype)
    period = np.int64(0 if x.size == grad.size else x.size)
    arguments = (grad, x, result, ..., period, *_named(name, options))
    function = "activation_grad"
    run(device, "elementwise_float.cu", function, grad.dtype, grad.size, *arguments)
    return result


def batch_norm(
    device: Device,
    x: Array,
    mean: Array,
    var: Array,
    weight: Array,
    bias: Array,
    eps: float,
) -> Array:
    return _batch_norm(device, x, mean, var, weight, bias, eps)


def batch_norm_input_grad(
    device: Device, grad: Array, var: Array, weight: Array, eps: float
) -> Array:
    return _batch_norm(device, grad, None, var, weight, None, eps)


def _batch_norm(
    device: Device,
    x: Array,
    mean: Array | None,
    var: Array,
    weight: Array,
    bias: Array | None,
    eps: float,
) -> Array:
    x = contiguous(device, x)
    y = empty(device, x.shape, x.dtype)
    per_channel = [
        None if a is None else contiguous(device, a) for a in (mean, var, weight, bias)
    ]
    area = divisor_of(prod(x.shape[2:]))
    arguments = (x, *per_channel, y, ..., area, divisor_of(x.shape[1]), np.float64(eps))
    run(device, "elementwise_float.cu", "batch_norm", x.dtype, x.size, *arguments)
    return y


def add_bias(
    device: Device,
    y: Array,
    bias: Array | None,
    channels: int,
    low: float = -math.inf,
    high: float = math.inf,
) -> None:
    """``y`` plus bias, kept between the bounds, in place; channels after the batch."""
    if bias is None and (low, high) == (-math.inf, math.inf):
        return
    area = y.size // max(1, y.shape[0] * channels)
    bias = None if bias is None else contiguous(device, bias)
    bounds = np.float64(low), np.float64(high)
    arguments = (y, bias, ..., divisor_of(area), divisor_of(channels), *bounds)
    run(device, "elementwise.cu", "add_bias", y.dtype, y.size, *arguments)
