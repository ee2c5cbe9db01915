"""Normalisation by statistics of the input itself: instance, group, layer, RMS."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..arrays import Array, widened
from ..errors import ShapeError
from ..per_axis import Sizes
from ..registry import beside
from ..window import Positions
from .boxes import Indices, rows_of
from .layer import Reads, ReadsAll, whole


class _Standardised(ReadsAll):
    """``(x - mean) / sqrt(var + eps)`` over axes of each sample, scaled and shifted."""

    centred: ClassVar[bool] = True  # else the mean stays: divided by sqrt(mean(x*x))

    weight: Array | None
    bias: Array | None
    eps: float

    def _view(self, x: Array) -> Array:
        """``x (N, rows, entries)``: each row is standardised by itself."""
        raise NotImplementedError

    def _shaped(self, parameter: Array, rank: int) -> Array:
        """A parameter, so that it broadcasts against the input."""
        return parameter.reshape(1, -1, *(1,) * (rank - 2))

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        y = _standardised(self._view(x), self.eps, self.centred).reshape(x.shape)
        if self.weight is not None:
            y = y * self._shaped(beside(self.weight, x), x.ndim)
        if self.bias is not None:
            y = y + self._shaped(beside(self.bias, x), x.ndim)
        return y, x

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        if self.weight is not None:
            gy = gy * self._shaped(beside(self.weight, gy), gy.ndim)
        views = self._view(gy), self._view(saved)
        grad = _standardised_grad(*views, self.eps, self.centred)
        return (grad.reshape(gy.shape),)

    def param_grads(self, saved: Array, gy: Array) -> dict[str, Array]:
        normal = _standardised(self._view(saved), self.eps, self.centred).reshape(
            saved.shape
        )
        return {
            name: _channel_sum(each, value.shape, self._shaped(value, gy.ndim).shape)
            for name, value, each in (
                ("weight", self.weight, gy * normal),
                ("bias", self.bias, gy),
            )
            if value is not None
        }

    def take(self, saved: Array, samples: Indices) -> Array:
        return rows_of(saved, samples)


@dataclass(frozen=True, eq=False)
class GroupNorm(_Standardised):
    """Each of ``groups`` shares of a sample's channels standardised by itself.

    ``weight`` and ``bias`` are ``(C,)``. Wu & He 2018.
    """

    parameters = ("weight", "bias")

    groups: int
    weight: Array | None = None
    bias: Array | None = None
    eps: float = 1e-5

    def _view(self, x: Array) -> Array:
        if x.shape[1] % self.groups:
            raise ShapeError(
                f"an input of {x.shape[1]} channels has no {self.groups} equal groups"
            )
        return x.reshape(len(x), self.groups, -1)

    def describe(self) -> str:
        return f"GroupNorm of {self.groups} groups"


@dataclass(frozen=True, eq=False)
class InstanceNorm(_Standardised):
    """Each channel of a sample standardised by itself. Ulyanov et al. 2016."""

    parameters = ("weight", "bias")

    weight: Array | None = None
    bias: Array | None = None
    eps: float = 1e-5

    def _view(self, x: Array) -> Array:
        return x.reshape(*x.shape[:2], -1)


@dataclass(frozen=True, eq=False)
class LayerNorm(_Standardised):
    """All entries from ``axis`` on standardised together; parameters have their shape.

    Ba, Kiros & Hinton 2016.
    """

    parameters = ("weight", "bias")

    weight: Array | None = None
    bias: Array | None = None
    axis: int = -1
    eps: float = 1e-5

    def _view(self, x: Array) -> Array:
        if self.axis % x.ndim == 0:
            raise ShapeError(f"axis {self.axis} would mix the samples of {x.shape}")
        return x.reshape(len(x), -1, math.prod(x.shape[self.axis % x.ndim :]))

    def _shaped(self, parameter: Array, rank: int) -> Array:
        return parameter.reshape((1,) * (rank - parameter.ndim) + parameter.shape)

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        first = self.axis % (len(at) + 2) - 2
        every = whole(sizes[0])
        return [tuple(p if a < first else every[a] for a, p in enumerate(at))]


@dataclass(frozen=True, eq=False)
class RMSNorm(LayerNorm):
    """All entries from ``axis`` on divided by their root mean square, and scaled.

    Zhang & Sennrich 2019.
    """

    centred = False


@widened
def _standardised(x: Array, eps: float, centred: bool) -> Array:
    values, deviation = _deviation(x, eps, centred)
    return values / deviation


@widened
def _standardised_grad(gy: Array, x: Array, eps: float, centred: bool) -> Array:
    # y = c / s with c = x - mean(x), s = sqrt(mean(c*c) + eps):
    # dy/dx sends g to (g - mean(g) - y * mean(g * y)) / s, of c = x without mean(g)
    values, deviation = _deviation(x, eps, centred)
    y = values / deviation
    along = (gy * y).mean(axis=2, keepdims=True)
    grad = gy - gy.mean(axis=2, keepdims=True) if centred else gy
    return (grad - y * along) / deviation


def _deviation(x: Array, eps: float, centred: bool) -> tuple[Array, Array]:
    values = x - x.mean(axis=2, keepdims=True) if centred else x
    variance = (values * values).mean(axis=2, keepdims=True)
    return values, np.sqrt(variance + x.dtype.type(eps))


@widened
def _channel_sum(each: Array, shape: Sizes, lined: Sizes) -> Array:
    axes = tuple(a for a, n in enumerate(lined) if n == 1)
    result: Any = each.sum(axis=axes)
    return result.reshape(shape)
