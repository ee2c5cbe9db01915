"""Normalisation layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..functional import batch_norm, local_response_norm
from ..reference import normalisation as kernels
from ..registry import beside, current
from .in_training import BatchNormInTraining, Statistics, moved
from .layer import Key, Pointwise


@dataclass(frozen=True, eq=False)
class BatchNorm(Pointwise):
    """Batch normalisation with stored statistics, all ``(C,)``.

    In training they follow the batches: ``momentum`` is the new batch's share.
    """

    parameters = ("mean", "var", "weight", "bias")

    mean: Array
    var: Array
    weight: Array | None = None
    bias: Array | None = None
    eps: float = 1e-5
    momentum: float = 0.1

    @property
    def _gain(self) -> Array:
        return np.ones_like(self.var) if self.weight is None else self.weight

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        y = batch_norm(x, self.mean, self.var, self.weight, self.bias, self.eps)
        return y, x

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        return (current(gy).batch_norm_input_grad(gy, self.var, self._gain, self.eps),)

    def slim(self, saved: Array, y: Array) -> None:
        return None

    def param_grads(self, saved: Array, gy: Array) -> dict[str, Array]:
        mean, var = beside(self.mean, gy), beside(self.var, gy)
        gain = beside(self._gain, gy)
        grads = kernels.batch_norm_grads(gy, saved, mean, var, gain, self.eps)
        return {
            name: g
            for name, g in zip(self.parameters, grads, strict=True)
            if getattr(self, name) is not None
        }

    def in_training(self, key: Key) -> BatchNormInTraining:
        return BatchNormInTraining(self.weight, self.bias, self.eps)

    def statistics(self, saved: Statistics) -> dict[str, Array]:
        # Stored unbiased, although the batch itself is divided by the biased one.
        count = saved.x.size // len(saved.var)
        unbiased = saved.var * (count / (count - 1))
        return {
            "mean": moved(self.mean, saved.mean, self.momentum),
            "var": moved(self.var, unbiased, self.momentum),
        }

    def describe(self) -> str:
        return f"BatchNorm {len(self.mean)}"


@dataclass(frozen=True, eq=False)
class LocalResponseNorm(Pointwise):
    """Normalisation across ``size`` neighbouring channels; alpha divided by size."""

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def _options(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "beta": self.beta, "k": self.k}

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        return local_response_norm(x, self.size, **self._options()), x

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        grad = current(gy).local_response_norm_grad(
            gy, saved, self.size, **self._options()
        )
        return (grad,)

    def describe(self) -> str:
        return f"LocalResponseNorm over {self.size} channels"
