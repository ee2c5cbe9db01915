"""Wrong batch normalisations in training."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batch_training import batch_norm_training
from .mutant import mutant


def _per_channel(values: Any, ndim: int) -> Any:
    return np.reshape(values, (1, -1, *(1,) * (ndim - 2)))


def _moments(x: Any) -> tuple[int, Any, Any]:
    axes = (0, *range(2, x.ndim))
    wide = x.astype(np.float64)
    return x.size // x.shape[1], wide.mean(axis=axes), wide.var(axis=axes)


def _scaled(x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    y = (x - _per_channel(mean, x.ndim)) / np.sqrt(_per_channel(var, x.ndim) + eps)
    y = y if weight is None else y * _per_channel(weight, x.ndim)
    return (y if bias is None else y + _per_channel(bias, x.ndim)).astype(x.dtype)


@mutant("batch_norm_training", "sample variance", "it divides by the sample's variance")
def _sample(
    x: Any,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    **o: Any,
) -> Any:
    _, *running = batch_norm_training(x, mean, var, weight, bias, eps, **o)
    count, centre, spread = _moments(x)
    grown = spread * count / (count - 1)
    return (_scaled(x, centre, grown, weight, bias, eps), *running)


@mutant("batch_norm_training", "running statistics", "it divides by the running ones")
def _running(
    x: Any,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    **o: Any,
) -> Any:
    _, *running = batch_norm_training(x, mean, var, weight, bias, eps, **o)
    return (_scaled(x, mean, var, weight, bias, eps), *running)


@mutant(
    "batch_norm_training", "momentum reversed", "momentum weighs the old statistics"
)
def _reversed(x: Any, *arrays: Any, momentum: float = 0.1, **o: Any) -> Any:
    return batch_norm_training(x, *arrays, **{**o, "momentum": 1 - momentum})


@mutant("batch_norm_training", "population kept", "the population's variance is kept")
def _population(x: Any, *arrays: Any, momentum: float = 0.1, **o: Any) -> Any:
    y, mean, _ = batch_norm_training(x, *arrays, **{**o, "momentum": momentum})
    spread = _moments(x)[2].astype(x.dtype)
    kept = arrays[1] * (1 - momentum) + spread * momentum
    return y, mean, kept.astype(x.dtype)


@mutant(
    "batch_norm_training",
    "difference of squares",
    "the variance is a difference of mean squares in single precision",
)
def _cancelling(
    x: Any,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    **o: Any,
) -> Any:
    _, *running = batch_norm_training(x, mean, var, weight, bias, eps, **o)
    axes = (0, *range(2, x.ndim))
    single = x.astype(np.float32)
    centre = single.mean(axis=axes)
    spread = np.maximum(np.square(single).mean(axis=axes) - centre * centre, 0)
    return (_scaled(x, centre, spread, weight, bias, eps), *running)


@mutant(
    "batch_norm_training.backward",
    "statistics constant",
    "mean and variance are taken for constants",
)
def _constant(
    grad: Any,
    x: Any,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    momentum: float = 0.1,
) -> Any:
    _, centre, spread = _moments(x)
    zero = np.zeros(x.shape[1])
    found = {"x": _scaled(grad, zero, spread, weight, None, eps)}
    axes = (0, *range(2, x.ndim))
    if weight is not None:
        normal = _scaled(x, centre, spread, None, None, eps).astype(np.float64)
        found["weight"] = (grad * normal).sum(axis=axes).astype(x.dtype)
    if bias is not None:
        found["bias"] = grad.sum(axis=axes, dtype=np.float64).astype(x.dtype)
    return found
