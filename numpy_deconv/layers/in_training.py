"""Layers as they behave in one step of training: values too, with nothing to switch.

``layer.in_training(key)`` gives them. The random numbers of a step are a function of
its key, so the same key gives the same step, and there is no generator to keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, accumulator
from ..errors import OptionError, ShapeError
from ..functional import batch_norm
from ..reference import normalisation as kernels
from ..registry import beside
from .layer import Key, Layer, Pointwise


@dataclass(frozen=True, eq=False)
class DropoutInTraining(Pointwise):
    """Each number is 0 with probability ``rate``, else divided by ``1 - rate``.

    Srivastava et al. 2014, section 10: scaled in training, so that the identity is
    what inference computes.
    """

    rate: float
    key: Key

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise OptionError(f"dropout's rate is {self.rate}, but must be from 0 to 1")

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        chances = np.random.default_rng(self.key).random(x.shape, np.float32)
        scale = 0 if self.rate == 1 else 1 / (1 - self.rate)
        kept = np.where(chances < self.rate, 0, scale).astype(x.dtype)
        kept = np.asarray(kept, like=x)
        return x * kept, kept

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        return (gy * saved,)

    def describe(self) -> str:
        return f"Dropout {self.rate}"


class Statistics(NamedTuple):
    """The batch ``x``, and the mean and the biased variance of each channel in it."""

    x: Array
    mean: Array
    var: Array


@dataclass(frozen=True, eq=False)
class BatchNormInTraining(Layer):
    """Batch normalisation by the statistics of the batch itself.

    Ioffe & Szegedy 2015, algorithm 1. A sample's output depends on the whole batch, so
    that ``vjp`` takes the gradients of that batch and no others.
    """

    parameters = ("weight", "bias")

    weight: Array | None = None
    bias: Array | None = None
    eps: float = 1e-5

    def forward(self, *xs: Array) -> tuple[Array, Statistics]:
        (x,) = xs
        if x.ndim < 2 or x.size <= x.shape[1]:
            raise ShapeError(
                f"input has shape {x.shape}, one value per channel or none, whose "
                "variance says nothing: train with larger batches"
            )
        mean, var = kernels.batch_statistics(x)
        y = batch_norm(x, mean, var, self.weight, self.bias, self.eps)
        return y, Statistics(x, mean, var)

    def vjp(self, saved: Statistics, gy: Array) -> tuple[Array | None, ...]:
        weight = np.ones_like(saved.var)
        if self.weight is not None:
            weight = beside(self.weight, gy)
        return (kernels.batch_norm_training_grad(gy, *saved, weight, self.eps),)

    def param_grads(self, saved: Statistics, gy: Array) -> dict[str, Array]:
        grads = kernels.batch_norm_affine_grads(gy, *saved, self.eps)
        named = zip(self.parameters, grads, strict=True)
        return {name: g for name, g in named if getattr(self, name) is not None}

    def describe(self) -> str:
        return "BatchNorm of the batch"


def moved(old: Array, new: Array, momentum: float) -> Array:
    """``(1 - momentum) * old + momentum * new``, rounded once."""
    old, wide = beside(old, new), accumulator(old.dtype)
    mixed: Any = (1 - momentum) * old.astype(wide) + momentum * new.astype(wide)
    return mixed.astype(old.dtype)
