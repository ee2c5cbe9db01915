"""Ways to step downhill, as values: settings here, memory handed from step to step.

Each is what ``torch.optim`` computes under the same name and settings. To climb, hand
in the negative gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...arrays import Array
from ...errors import OptionError
from ...functional.options import real, whole

Memory = Any


@dataclass(frozen=True)
class Optimiser(ABC):
    """``rate`` is the length of a step, in units of whatever the step is made of."""

    rate: float

    def __post_init__(self) -> None:
        if not 0 < real(self.rate, "learning rate") < np.inf:
            raise OptionError(f"the learning rate must be positive, got {self.rate}")

    @abstractmethod
    def step(self, x: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        """Where to go from ``x``, and what to remember; the first memory is None."""


Normalisation = Literal["none", "l2", "mean_abs", "progress"]
NORMALISATIONS: tuple[str, ...] = ("none", "l2", "mean_abs", "progress")


@dataclass(frozen=True)
class Descent(Optimiser):
    """``x - rate * g``, with ``g`` the gradient divided by a measure of its size.

    ``"l2"`` by its norm (cs231n), ``"mean_abs"`` by its mean absolute value
    (DeepDream), ``"progress"`` by its squared norm, so that ``rate`` is how much is to
    be gained, with a factor of at most ``limit`` (Yosinski et al. 2015).
    """

    normalise: Normalisation = "none"
    limit: float = np.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normalise not in NORMALISATIONS:
            raise OptionError(
                f"normalise must be one of {NORMALISATIONS}, got {self.normalise!r}"
            )

    def step(self, x: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        size = 1.0
        if self.normalise == "l2":
            size = float(np.linalg.norm(gradient))
        elif self.normalise == "mean_abs":
            size = float(np.abs(gradient).mean())
        elif self.normalise == "progress":
            size = float((gradient * gradient).sum())
        if size == 0:  # nowhere to go
            return x, memory
        factor = min(self.limit, self.rate / size)
        return x - x.dtype.type(factor) * gradient, memory


@dataclass(frozen=True)
class Momentum(Optimiser):
    """``v = momentum * v + g``, then ``x - rate * v``: torch's SGD."""

    momentum: float = 0.9

    def step(self, x: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        speed = gradient if memory is None else self.momentum * memory + gradient
        return x - x.dtype.type(self.rate) * speed, speed


@dataclass(frozen=True)
class Adam(Optimiser):
    """Kingma & Ba 2015, algorithm 1."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def step(self, x: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        count, first, second = (0, 0, 0) if memory is None else memory
        count += 1
        first = self.beta1 * first + (1 - self.beta1) * gradient
        second = self.beta2 * second + (1 - self.beta2) * gradient * gradient
        scale = self.rate / (1 - self.beta1**count)
        spread = np.sqrt(second) / (1 - self.beta2**count) ** 0.5 + self.eps
        return x - scale * first / spread, (count, first, second)


@dataclass(frozen=True)
class RMSprop(Optimiser):
    """``x - rate * g / (sqrt(v) + eps)``, ``v`` the running mean of ``g**2``."""

    decay: float = 0.99
    eps: float = 1e-8

    def step(self, x: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        before = 0 if memory is None else memory
        squares = self.decay * before + (1 - self.decay) * gradient * gradient
        return x - self.rate * gradient / (np.sqrt(squares) + self.eps), squares


@dataclass(frozen=True)
class LBFGS(Optimiser):
    """Limited-memory BFGS (Nocedal 1980) without line search: one gradient a step.

    Steps of length ``rate`` along the quasi-Newton direction, the first one shortened
    to at most 1 in the L1 norm. Torch7's ``optim.lbfgs`` and torch's ``LBFGS``.
    """

    rate: float = 1.0
    history: int = 100

    CURVED = 1e-10  # curvature below which a pair of steps tells nothing

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self.history, "history", 1)

    def step(self, x: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        g = gradient.ravel()
        if memory is None:
            rate = min(1.0, 1.0 / (float(np.abs(g).sum()) or 1.0)) * self.rate
            pairs: tuple[tuple[Array, Array, float], ...] = ()
            scale, move = 1.0, -g
        else:
            rate = self.rate
            pairs, scale, last, before = memory
            change = g - before
            curvature = float(change @ last)
            if curvature > self.CURVED:
                kept = pairs[1:] if len(pairs) == self.history else pairs
                pairs = (*kept, (last, change, 1 / curvature))
                scale = curvature / float(change @ change)
            move = _quasi_newton(-g, pairs, scale)
        step = x.dtype.type(rate) * move
        return x + step.reshape(x.shape), (pairs, scale, step, g)


def _quasi_newton(
    q: Array, pairs: tuple[tuple[Array, Array, float], ...], scale: float
) -> Array:
    """The inverse Hessian that the pairs ``(step, change, 1/curvature)`` tell of,
    times ``q``: the two-loop recursion."""
    weights = []
    for step, change, inverse in reversed(pairs):
        weight = float(step @ q) * inverse
        q = q - weight * change
        weights.append(weight)
    q = q * scale
    for (step, change, inverse), weight in zip(pairs, reversed(weights), strict=True):
        q = q + step * (weight - float(change @ q) * inverse)
    return q
