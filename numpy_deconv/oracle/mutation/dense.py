"""Wrong linear layers, activations, normalisations and losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...functional import (
    batch_norm,
    clip,
    cross_entropy,
    elu,
    gelu,
    leaky_relu,
    linear,
    local_response_norm,
    mse,
    prelu,
    relu,
    softmax,
    softplus,
)
from .mutant import add, mutant


def _like(x: Any, y: Any) -> Any:
    return np.asarray(y).astype(x.dtype)


def _without_bias(x: Any, weight: Any, bias: Any = None) -> Any:
    return linear(x, weight)


def _last_feature(x: Any, weight: Any, bias: Any = None) -> Any:
    less = np.array(x)
    less[..., -1] = 0
    return linear(less, weight, bias)


def _transposed(x: Any, weight: Any, bias: Any = None) -> Any:
    square = weight.shape[0] == weight.shape[1]
    return linear(x, weight.T if square else weight, bias)


def _by_eight(x: Any, weight: Any, bias: Any = None) -> Any:
    less = np.array(x)
    if x.shape[-1] > 8:
        less[..., x.shape[-1] // 8 * 8 :] = 0
    return linear(less, weight, bias)


add("linear", "bias missing", "the bias is not added", _without_bias)
add("linear", "last feature", "the last feature is left out", _last_feature)
add("linear", "square transposed", "square weights are transposed", _transposed)
add("linear", "features % 8", "features beyond a multiple of 8 are left out", _by_eight)


@mutant("relu", "NaN as zero", "NaN becomes zero")
def _no_nan(x: Any) -> Any:
    return _like(x, np.where(x > 0, x, 0))


@mutant("relu", "absolute value", "negative numbers change their sign")
def _absolute(x: Any) -> Any:
    return np.abs(x)


@mutant("relu", "at most 6", "large numbers are clipped at 6")
def _six(x: Any) -> Any:
    return np.minimum(relu(x), np.asarray(6, x.dtype))


@mutant("clip", "high ignored", "the upper limit is ignored")
def _no_high(x: Any, low: Any = None, high: Any = None) -> Any:
    return clip(x, low, None) if low is not None else np.array(x)


@mutant("leaky_relu", "slope ignored", "slope is taken to be 0.01")
def _slope(x: Any, **o: Any) -> Any:
    return leaky_relu(x, 0.01)


@mutant("leaky_relu", "larger of two", "it is the larger of x and slope * x")
def _larger(x: Any, slope: float = 0.01) -> Any:
    return np.maximum(x, x * x.dtype.type(slope))


@mutant("prelu", "slope[0]", "weight[0] used for every channel")
def _one_slope(x: Any, weight: Any) -> Any:
    return prelu(x, weight[:1])


@mutant("elu", "alpha ignored", "alpha is taken to be 1")
def _alpha(x: Any, **o: Any) -> Any:
    return elu(x, 1.0)


@mutant("gelu", "always tanh", "the tanh form is used for the exact one")
def _tanh_gelu(x: Any, **o: Any) -> Any:
    return gelu(x, approximate="tanh")


@mutant("softplus", "beta ignored", "beta is taken to be 1")
def _beta(x: Any, **o: Any) -> Any:
    return softplus(x, **{**o, "beta": 1.0})


@mutant("softmax", "no maximum", "exponentials overflow: the maximum is not taken off")
def _overflowing(x: Any, axis: int = 1) -> Any:
    powers = np.exp(x)
    return _like(x, powers / powers.sum(axis=axis, keepdims=True))


@mutant("softmax", "last axis", "the sum is along the last axis")
def _last_axis(x: Any, axis: int = 1) -> Any:
    return softmax(x, -1)


@mutant("softmax", "axis 0", "axis 0 is taken to be none: the channels are summed")
def _no_axis(x: Any, axis: int = 1) -> Any:
    return softmax(x, axis or 1)


@mutant("softmax", "clamped", "results below 1e-7 are raised to it")
def _clamped(x: Any, axis: int = 1) -> Any:
    return np.maximum(softmax(x, axis), np.asarray(1e-7, x.dtype))


@mutant("log_softmax", "log of softmax", "the logarithm of a rounded softmax")
def _naive_log(x: Any, axis: int = 1) -> Any:
    return np.log(softmax(x, axis))


@mutant("local_response_norm", "alpha not divided", "alpha is not divided by the size")
def _plain_alpha(x: Any, size: int, **o: Any) -> Any:
    return local_response_norm(x, size, **{**o, "alpha": o.get("alpha", 1e-4) * size})


@mutant("local_response_norm", "across space", "neighbours are columns, not channels")
def _space(x: Any, size: int, **o: Any) -> Any:
    return local_response_norm(x.swapaxes(1, -1), size, **o).swapaxes(1, -1)


@mutant("local_response_norm", "odd channel after", "an even size leans to the end")
def _after(x: Any, size: int, **o: Any) -> Any:
    return local_response_norm(x[:, ::-1], size, **o)[:, ::-1]


@mutant("local_response_norm", "k is 1", "k is taken to be 1")
def _k(x: Any, size: int, **o: Any) -> Any:
    return local_response_norm(x, size, **{**o, "k": 1.0})


def _folded(x: Any, *values: Any, eps: float, outside: bool) -> Any:
    found: list[Any] = [
        None if v is None else np.reshape(v, (1, -1, *(1,) * (x.ndim - 2)))
        for v in (*values, *(None,) * (4 - len(values)))
    ]
    mean, var, weight, bias = found
    root = np.sqrt(var) + eps if outside else np.sqrt(var + eps)
    y = (x - mean) / root
    y = y if weight is None else y * weight
    return _like(x, y if bias is None else y + bias)


@mutant("batch_norm", "eps outside", "eps is added outside the root")
def _outside(x: Any, *values: Any, eps: float = 1e-5) -> Any:
    return _folded(x, *values, eps=eps, outside=True)


@mutant("batch_norm", "eps ignored", "eps is taken to be 1e-5")
def _eps(x: Any, *values: Any, eps: float = 1e-5) -> Any:
    mean, var, *affine = values
    weight, bias = (*affine, None, None)[:2]
    return batch_norm(x, mean, var, weight, bias, eps=1e-5)


@mutant("batch_norm", "bias missing", "the bias is not added")
def _no_shift(
    x: Any, mean: Any, var: Any, weight: Any = None, *_: Any, **o: Any
) -> Any:
    return batch_norm(x, mean, var, weight, **o)


@mutant("batch_norm", "weight squared", "the weight is applied twice")
def _squared(
    x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None, **o: Any
) -> Any:
    twice = None if weight is None else weight * weight
    return batch_norm(x, mean, var, twice, bias, **o)


@mutant("cross_entropy", "sum", "losses are added, not averaged")
def _loss_sum(logits: Any, labels: Any) -> Any:
    return _like(logits, cross_entropy(logits, labels) * len(labels))


@mutant("mse", "half", "the loss is halved")
def _half(x: Any, target: Any) -> Any:
    return _like(x, mse(x, target) / 2)
