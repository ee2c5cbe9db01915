"""What is done to the picture itself after a step: clip, blur, decay, sparsify."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import OptionError
from ...functional.options import real, whole
from .space import Space
from .transforms import Rng, Transform


@dataclass(frozen=True)
class After:
    """What a step knew: its gradient uphill, what a picture may be, random numbers."""

    gradient: Array
    space: Space
    rng: Rng


@dataclass(frozen=True)
class Edit(ABC):
    """A change of the picture after the first step and every ``every`` steps from
    then on, up to step ``until``."""

    every: int = field(default=1, kw_only=True)
    until: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        whole(self.every, "every", 1)

    def due(self, step: int) -> bool:
        """Whether it happens after this step, counted from 1."""
        return (step - 1) % self.every == 0 and (
            self.until is None or step <= self.until
        )

    @abstractmethod
    def apply(self, x: Array, after: After) -> Array:
        """The picture ``(N, C, *size)``, changed."""


@dataclass(frozen=True)
class ClipToPixels(Edit):
    """Move values that no pixel has to the nearest one that is, if that is known."""

    def apply(self, x: Array, after: After) -> Array:
        return after.space.clip(x)


@dataclass(frozen=True)
class Clamp(Edit):
    """Move values outside ``low`` to ``high`` to the nearer of them."""

    low: float
    high: float

    def apply(self, x: Array, after: After) -> Array:
        return np.clip(x, x.dtype.type(self.low), x.dtype.type(self.high))


@dataclass(frozen=True)
class Decay(Edit):
    """``(1 - rate) * x`` (Yosinski et al. 2015, theta_decay)."""

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= real(self.rate, "rate of Decay") <= 1:
            raise OptionError(f"rate of Decay must be from 0 to 1, got {self.rate}")

    def apply(self, x: Array, after: After) -> Array:
        return x * x.dtype.type(1 - self.rate)


@dataclass(frozen=True)
class Blur(Edit):
    """Blur by a Gaussian of ``sigma`` pixels (theta_b_width, theta_b_every)."""

    sigma: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= real(self.sigma, "sigma of Blur") < np.inf:
            raise OptionError(f"sigma of Blur must not be negative, got {self.sigma}")

    def apply(self, x: Array, after: After) -> Array:
        return gaussian_blur(x, self.sigma)


@dataclass(frozen=True)
class _Sparsify(Edit):
    """Set pixels that matter less than ``percentile`` per cent of all to 0."""

    percentile: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= real(self.percentile, "percentile") <= 100:
            raise OptionError(f"percentile must be 0 to 100, got {self.percentile}")

    @abstractmethod
    def importance(self, x: Array, after: After) -> Array:
        """One number per pixel, ``(N, 1, *size)``."""

    def apply(self, x: Array, after: After) -> Array:
        matters = self.importance(x, after)
        axes = tuple(range(1, x.ndim))
        least = np.percentile(matters, self.percentile, axis=axes, keepdims=True)
        return np.where(matters < least, x.dtype.type(0), x)


@dataclass(frozen=True)
class DropSmall(_Sparsify):
    """By the norm over the channels (Yosinski et al. 2015, theta_n_pct)."""

    def importance(self, x: Array, after: After) -> Array:
        return np.sqrt((x * x).sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class DropUnhelpful(_Sparsify):
    """By the absolute contribution, the sum over channels of ``x`` times the gradient
    (Yosinski et al. 2015, theta_c_pct)."""

    def importance(self, x: Array, after: After) -> Array:
        return np.abs((x * after.gradient).sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Wander(Edit):
    """Leave the picture as a random transformation makes it, without a way back."""

    transform: Transform

    def apply(self, x: Array, after: After) -> Array:
        return self.transform.draw(x.shape[2:], after.rng).apply(x)


def gaussian_blur(x: Array, sigma: float) -> Array:
    """``x (N, C, *size)`` blurred along every spatial axis, edges mirrored.

    The kernel reaches ``4*sigma`` pixels, as scipy.ndimage's.
    """
    radius = int(4 * sigma + 0.5)
    if radius == 0:
        return x
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    for axis in range(2, x.ndim):
        widths = [(0, 0)] * x.ndim
        widths[axis] = (radius, radius)
        padded: Any = np.pad(x, widths, mode="symmetric")
        length = x.shape[axis]
        x = sum(
            weight.astype(x.dtype)
            * padded[(slice(None),) * axis + (slice(k, k + length),)]
            for k, weight in enumerate(taps)
        )
    return x
