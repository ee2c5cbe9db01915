"""Linear layers (fully connected, Gemm)."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import Array
from ..errors import ShapeError
from ..registry import current
from .differentiation import Pullback, pullback_of
from .operands import bias_grad, operands


def linear(x: Any, weight: Any, bias: Any = None) -> Array:
    """``x @ weight.T + bias``: ``(..., out)`` from ``(..., in)`` and ``(out, in)``."""
    x, weight, bias = operands(x, weight, bias, "x")
    if weight.ndim != 2 or x.ndim < 1 or x.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"x has shape {x.shape} and weight {weight.shape}: weight must be "
            "(out, in), with x's last axis of size in"
        )
    if bias is not None and bias.shape != (len(weight),):
        raise ShapeError(f"bias has shape {bias.shape}, expected ({len(weight)},)")
    return current(x).linear(x, weight, bias)


@pullback_of(linear, "x", "weight", "bias")
def _linear_pullback(
    value: Array, x: Array, weight: Array, bias: Array | None
) -> Pullback:
    def pull(grad: Array) -> tuple[Array | None, ...]:
        count = math.prod(x.shape[:-1])
        rows = grad.reshape(count, grad.shape[-1])
        inputs = x.reshape(count, x.shape[-1])
        return (
            linear(grad, weight.swapaxes(0, 1)),
            linear(rows.swapaxes(0, 1), inputs.swapaxes(0, 1)),
            bias_grad(rows, bias),
        )

    return pull
