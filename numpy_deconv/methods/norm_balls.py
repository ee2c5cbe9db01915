"""Balls around pictures ``(N, C, *size)``, in the norms that measure changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import Array


@dataclass(frozen=True)
class Ball:
    """Of one norm: noise in the ball of radius 1, the steepest step of length 1 along a
    gradient, and the way back into the ball of some radius."""

    draw: Callable[[np.random.Generator, tuple[int, ...]], Array]
    steepest: Callable[[Array], Array]
    project: Callable[[Array, float], Array]


def _lengths(x: Array) -> Array:
    axes = tuple(range(1, x.ndim))
    return np.sqrt((x * x).sum(axis=axes, keepdims=True))


def _draw_ball(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Evenly distributed in the unit ball."""
    ones = (shape[0], *(1,) * (len(shape) - 1))
    direction = rng.standard_normal(shape)
    radius = rng.uniform(size=ones) ** (1 / max(1, int(np.prod(shape[1:]))))
    return direction / _lengths(direction) * radius


def _unit(x: Array) -> Array:
    lengths = _lengths(x)
    return x / np.where(lengths > 0, lengths, 1)


def _to_ball(change: Array, size: float) -> Array:
    lengths = _lengths(change)
    return change * np.minimum(1, size / np.where(lengths > 0, lengths, 1))


BALLS = {
    "linf": Ball(
        lambda rng, shape: rng.uniform(-1, 1, shape),
        np.sign,
        lambda change, size: np.clip(change, -size, size),
    ),
    "l2": Ball(_draw_ball, _unit, _to_ball),
}
