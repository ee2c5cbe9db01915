"""What the operands of convolutions and linear layers must be to fit each other."""

from __future__ import annotations

from typing import Any

from ..arrays import Array, as_array, require_same_dtype, widened
from ..errors import ShapeError
from .options import whole

Shape = tuple[int, ...]


def operands(
    a: Any, b: Any, bias: Any, first: str, second: str = "weight"
) -> tuple[Array, Array, Array | None]:
    """Two arrays and a bias of one dtype (integers may mix)."""
    a, b = as_array(a, first), as_array(b, second)
    bias = None if bias is None else as_array(bias, "bias")
    if a.dtype != b.dtype or (bias is not None and bias.dtype != a.dtype):
        require_same_dtype(**{first: a, second: b, "bias": bias})
    return a, b, bias


def shapes_of(*arrays: Array | None) -> tuple[tuple[int, ...] | None, ...]:
    """Their shapes, None for one that is not there."""
    return tuple([None if a is None else a.shape for a in arrays])


def check_groups(groups: int, channels: int, filters: int) -> int:
    """``groups`` as an int, which shares out both kinds of channels evenly."""
    groups = whole(groups, "groups", 1)
    if channels % groups or filters % groups:
        raise ShapeError(
            f"groups={groups} must divide both the {channels} input and the {filters} "
            "output channels"
        )
    return groups


def check_weight(
    weight: Shape, bias: Shape | None, rank: int, groups: int, *, filters_axis: int
) -> int:
    """``groups`` as an int; raise unless the shapes of weight and bias fit this
    spatial rank."""
    if len(weight) != rank + 2:
        raise ShapeError(
            f"weight has shape {weight}, but an input with {rank} spatial axes "
            f"needs a weight of {rank + 2} axes"
        )
    groups = check_groups(groups, channels=0, filters=weight[0])
    filters = weight[filters_axis] * (groups if filters_axis else 1)
    if bias is not None and bias != (filters,):
        raise ShapeError(
            f"bias has shape {bias}, expected ({filters},): one per output channel"
        )
    return groups


def bias_grad(grad: Array, bias: Array | None) -> Array | None:
    """Gradient of a bias: the sum over everything but its channel."""
    if bias is None:
        return None
    return _channel_sums(grad)


@widened
def _channel_sums(grad: Array) -> Array:
    return grad.sum(axis=(0, *range(2, grad.ndim)))
