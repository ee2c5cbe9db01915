"""Batch normalisation (inference form) and local response normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, as_array, require_float, require_same_dtype
from ..errors import OptionError, ShapeError
from ..reference import normalisation as kernels
from ..registry import beside, current
from .differentiation import Pullback, pullback_of
from .options import real, whole


def batch_norm(
    x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Array:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` with given statistics.

    x is ``(N, C, ...)``, the rest ``(C,)``.
    """
    x, mean, var = as_array(x, "x"), as_array(mean, "mean"), as_array(var, "var")
    require_float(x, "x", "batch_norm")
    weight = np.ones_like(mean) if weight is None else as_array(weight, "weight")
    bias = np.zeros_like(mean) if bias is None else as_array(bias, "bias")
    require_same_dtype(x=x, mean=mean, var=var, weight=weight, bias=bias)
    if x.ndim < 2:
        raise ShapeError(f"x has shape {x.shape}: expected (N, C, ...)")
    for name, given in (
        ("mean", mean),
        ("var", var),
        ("weight", weight),
        ("bias", bias),
    ):
        if given.shape != (x.shape[1],):
            raise ShapeError(
                f"{name} has shape {given.shape}, expected ({x.shape[1]},): one per "
                "channel"
            )
    return current(x).batch_norm(x, mean, var, weight, bias, real(eps, "eps"))


def local_response_norm(
    x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    """``x * (k + alpha/size * sum of x**2 over size channels) ** -beta``.

    The ``size`` channels are centred on each one (for an even size one more before
    than after), channels beyond the first and last are 0; alpha is divided by the
    size, as in torch and Caffe.
    """
    x = as_array(x, "x")
    require_float(x, "x", "local_response_norm")
    if x.ndim < 2:
        raise ShapeError(f"x has shape {x.shape}: expected (N, C, ...)")
    return current(x).local_response_norm(x, *_response(size, alpha, beta, k))


def _response(
    size: int, alpha: float, beta: float, k: float
) -> tuple[int, float, float, float]:
    size = whole(size, "size")
    if size < 1:
        raise OptionError(f"size must be at least 1 channel, got {size}")
    return size, real(alpha, "alpha"), real(beta, "beta"), real(k, "k")


@pullback_of(batch_norm, "x", "mean", "var", "weight", "bias")
def _batch_norm_pullback(
    value: Array,
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None,
    bias: Array | None,
    eps: float,
) -> Pullback:
    gain = np.ones_like(mean) if weight is None else weight
    mean, var, gain = (beside(each, x) for each in (mean, var, gain))
    eps = real(eps, "eps")

    def pull(grad: Array) -> tuple[Array | None, ...]:
        return (
            current(grad).batch_norm_input_grad(grad, var, gain, eps),
            *kernels.batch_norm_grads(grad, x, mean, var, gain, eps),
        )

    return pull


@pullback_of(local_response_norm, "x")
def _local_response_norm_pullback(
    value: Array, x: Array, size: int, alpha: float, beta: float, k: float
) -> Pullback:
    options = _response(size, alpha, beta, k)
    return lambda grad: (current(grad).local_response_norm_grad(grad, x, *options),)
