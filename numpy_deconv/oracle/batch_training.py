"""Batch normalisation by the batch's own statistics, in every framework's meaning.

The library has it as what a layer does in training; for the oracle it is a function of
arrays, as it is for those who write its kernels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays import as_array
from ..errors import ShapeError
from ..reference import normalisation as kernels
from .call import Array, Call, bind

Results = tuple[Any, ...]


def batch_norm_training(
    x: Any,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    momentum: float = 0.1,
) -> tuple[Array, Array, Array]:
    """``y``, and the running mean and variance after this batch, in PyTorch's meaning.

    ``y = (x - m) / sqrt(v + eps) * weight + bias`` with the mean and the population's
    variance of each channel of x ``(N, C, ...)``; ``momentum`` is the weight of the
    batch in the running statistics, whose variance is the sample's.
    """
    given = [None if a is None else as_array(a, "x") for a in (x, mean, var)]
    inputs = [*given, weight, bias]
    options = {"eps": eps, "momentum": momentum}
    found = evaluated(bind("batch_norm_training", inputs, options))
    dtype = as_array(x, "x").dtype
    y, *running = (np.asarray(each).astype(dtype) for each in found)
    return y, running[0], running[1]


class Batch(NamedTuple):
    """A call's statistics, each ``(C,)``, and what its options come to."""

    size: int
    mean: Array
    var: Array
    weight: Array
    bias: Array
    new: float  # weight of the batch in the running statistics
    grown: float  # of the variance that goes there


def batch_of(call: Call, statistics: tuple[Array, Array] | None = None) -> Batch:
    """The statistics of a call, unless they are given; ShapeError if there are none."""
    x, flags = call["x"], call.semantics
    if x.ndim < 2:
        raise ShapeError(f"x has shape {x.shape}: expected (N, C, ...)")
    channels = x.shape[1]
    for name in ("mean", "var", "weight", "bias"):
        given = call.arrays[name]
        if given is not None and given.shape != (channels,):
            raise ShapeError(f"{name} has shape {given.shape}, expected ({channels},)")
    count = x.size // max(1, channels)
    if count < (2 if flags.running_var == "sample" else 1):
        raise ShapeError(f"x has shape {x.shape}: too few values for a variance")
    mean, var = statistics or kernels.batch_statistics(x)
    weight, bias = call.arrays["weight"], call.arrays["bias"]
    momentum = float(call.attributes["momentum"])
    return Batch(
        count,
        mean,
        var,
        np.ones(channels) if weight is None else weight,
        np.zeros(channels) if bias is None else bias,
        momentum if flags.momentum == "new" else 1 - momentum,
        count / (count - 1) if flags.running_var == "sample" else 1.0,
    )


def evaluated(call: Call) -> Results:
    """The results of a call, or its gradients for x, weight and bias."""
    with np.errstate(all="ignore"):
        b, eps = batch_of(call), call.attributes["eps"]
        x = call["x"]
        if call.operation.is_backward:
            return _gradients(call, b, eps)
        y = kernels.batch_norm(x, b.mean, b.var, b.weight, b.bias, eps)
        mean = (1 - b.new) * call["mean"] + b.new * b.mean
        var = (1 - b.new) * call["var"] + b.new * b.grown * b.var
    return y, mean, var


def _gradients(call: Call, b: Batch, eps: float) -> Results:
    x, grad = call["x"], call["grad"]
    weight, bias = kernels.batch_norm_affine_grads(grad, x, b.mean, b.var, eps)
    return (
        kernels.batch_norm_training_grad(grad, x, b.mean, b.var, b.weight, eps),
        None if call.arrays["weight"] is None else weight,
        None if call.arrays["bias"] is None else bias,
    )
