"""What a picture is fined for: each a sum over pixels, and its gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import OptionError
from ...functional.options import real


@dataclass(frozen=True)
class Regulariser(ABC):
    """``weight`` times a sum over pixels; ``mean`` divides by the number of values."""

    weight: float
    mean: bool = False

    def __post_init__(self) -> None:
        name = f"weight of {type(self).__name__}"
        if not 0 <= real(self.weight, name) < np.inf:
            raise OptionError(f"{name} must not be negative, got {self.weight}")

    def measure(self, x: Array) -> tuple[float, Array]:
        """The fine for ``x (N, C, *size)``, and its gradient."""
        value, gradient = self.sums(x)
        weight = self.weight / (x.size if self.mean else 1)
        return weight * float(value), x.dtype.type(weight) * gradient

    @abstractmethod
    def sums(self, x: Array) -> tuple[Any, Array]:
        """The sum itself and its gradient, unweighted."""


@dataclass(frozen=True)
class L1(Regulariser):
    """``sum(abs(x))``."""

    def sums(self, x: Array) -> tuple[Any, Array]:
        return np.abs(x).sum(), np.sign(x)


@dataclass(frozen=True)
class L2(Regulariser):
    """``sum(x**2)`` (Simonyan et al. 2013)."""

    def sums(self, x: Array) -> tuple[Any, Array]:
        return (x * x).sum(), 2 * x


@dataclass(frozen=True)
class Power(Regulariser):
    """``sum(abs(x)**exponent)``.

    Mahendran & Vedaldi 2015, section 3.1, take 6: it bounds values, and hardly fines
    small ones.
    """

    exponent: float = 6.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 < real(self.exponent, "exponent") < np.inf:
            raise OptionError(f"exponent must be more than 1, got {self.exponent}")

    def sums(self, x: Array) -> tuple[Any, Array]:
        size = np.abs(x)
        slope = self.exponent * np.sign(x) * size ** (self.exponent - 1)
        return (size**self.exponent).sum(), slope


@dataclass(frozen=True)
class TotalVariation(Regulariser):
    """Differences of neighbours, along each axis, to the power ``beta``.

    ``sum((dx**2 + dy**2)**(beta/2))`` with 0 beyond the last row and column (Mahendran
    & Vedaldi 2015, equation 3); of ``separate`` axes ``sum(abs(dx)**beta +
    abs(dy)**beta)``, which for ``beta=2`` is the same. Where nothing differs and
    ``beta`` is below 2, the gradient is taken to be 0.
    """

    beta: float = 2.0
    separate: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= real(self.beta, "beta") < np.inf:
            raise OptionError(f"beta must be at least 1, got {self.beta}")

    def sums(self, x: Array) -> tuple[Any, Array]:
        axes = range(2, x.ndim)
        steps = [_difference(x, axis) for axis in axes]
        squares = [step * step for step in steps]
        if not self.separate:
            squares = [sum(squares)] * len(squares)
        value = sum(self._powers(s).sum() for s in squares)
        gradient: Any = 0
        for axis, step, square in zip(axes, steps, squares, strict=True):
            slope = self.beta * step * self._slopes(square)
            gradient = gradient + _difference_adjoint(slope, axis)
        return value if self.separate else value / len(squares), gradient

    def _powers(self, squares: Array) -> Array:
        return squares if self.beta == 2 else squares ** (self.beta / 2)

    def _slopes(self, squares: Array) -> Array:
        if self.beta == 2:
            return squares.dtype.type(1)
        somewhere = np.where(squares > 0, squares, 1)
        return np.where(squares > 0, somewhere ** (self.beta / 2 - 1), 0)


def _difference(x: Array, axis: int) -> Array:
    """The next along the axis minus this one; 0 for the last."""
    steps = np.zeros_like(x)
    inner = (slice(None),) * axis + (slice(None, -1),)
    steps[inner] = np.diff(x, axis=axis)
    return steps


def _difference_adjoint(g: Array, axis: int) -> Array:
    whole = (slice(None),) * axis
    out = np.zeros_like(g)
    out[(*whole, slice(1, None))] = g[(*whole, slice(None, -1))]
    out[(*whole, slice(None, -1))] -= g[(*whole, slice(None, -1))]
    return out
