"""Pooling to a given output size: even shares of the plane, or all of it."""

from __future__ import annotations

from typing import Any

from ..arrays import Array, as_array, require_float, require_rank
from ..errors import ShapeError
from ..per_axis import Sizes, per_axis
from ..registry import current
from .differentiation import Pullback, pullback_of


def adaptive_max_pool(x: Any, output_size: Any) -> tuple[Array, Array]:
    """``(y, switches)`` over cells ``[floor(i*L/O), ceil((i+1)*L/O))`` of each axis."""
    x = as_array(x, "x")
    return current(x).adaptive_max_pool(x, _sizes(x, output_size))


def adaptive_avg_pool(x: Any, output_size: Any) -> Array:
    """Means over cells ``[floor(i*L/O), ceil((i+1)*L/O))`` of each axis."""
    x = as_array(x, "x")
    return current(x).adaptive_avg_pool(x, _sizes(x, output_size))


def global_max_pool(x: Any) -> Array:
    """Maximum of each plane, ``(N, C, 1, ...)``; adaptive_max_pool has the switches."""
    return adaptive_max_pool(x, 1)[0]


def global_avg_pool(x: Any) -> Array:
    """Mean of each plane, ``(N, C, 1, ...)``."""
    return adaptive_avg_pool(x, 1)


def _sizes(x: Array, output_size: Any) -> Sizes:
    """``None`` on an axis keeps its size, as torch."""
    size = require_rank(x, "x")
    if 0 in size:
        raise ShapeError(f"x has shape {x.shape}: an empty plane cannot be pooled")
    if isinstance(output_size, list | tuple) and len(output_size) == len(size):
        output_size = [
            n if o is None else o for o, n in zip(output_size, size, strict=True)
        ]
    return per_axis(
        size if output_size is None else output_size, len(size), "output_size", 1
    )


@pullback_of(adaptive_max_pool, "x")
def _adaptive_max_pool_pullback(
    value: tuple[Array, Array], x: Array, output_size: Any
) -> Pullback:
    _, switches = value
    return lambda grad: (current(grad).scatter(grad, switches, x.shape[2:], "sum"),)


@pullback_of(global_max_pool, "x")
def _global_max_pool_pullback(value: Array, x: Array) -> Pullback:
    return _adaptive_max_pool_pullback(adaptive_max_pool(x, 1), x, 1)


@pullback_of(adaptive_avg_pool, "x")
def _adaptive_avg_pool_pullback(value: Array, x: Array, output_size: Any) -> Pullback:
    require_float(x, "x", "the gradient of adaptive_avg_pool")
    return lambda grad: (current(grad).adaptive_avg_pool_grad(grad, x.shape[2:]),)


@pullback_of(global_avg_pool, "x")
def _global_avg_pool_pullback(value: Array, x: Array) -> Pullback:
    return _adaptive_avg_pool_pullback(value, x, 1)
