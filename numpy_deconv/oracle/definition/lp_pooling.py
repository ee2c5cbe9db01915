"""The p-norm of a window: ``y = (f * sum |x|**p) ** (1/p)``.

``f`` is 1, or with ``rescale_clipped`` what PyTorch's mean-times-size amounts to: the
kernel's size over the taps that count (see :func:`.geometry.divisor`), which differs
from 1 only where ``ceil_mode`` lets the window hang over the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from numpy_deconv.errors import OptionError
from numpy_deconv.oracle.definition.exact import (
    Array,
    Index,
    entries,
    power,
    zeros,
)
from numpy_deconv.oracle.definition.geometry import (
    Axes,
    Padding,
    PerAxis,
    divisor,
    outputs,
)
from numpy_deconv.oracle.definition.windows import pool_axes, sliding


def _check_norm(norm_type: float) -> None:
    if not 0 < norm_type < math.inf:
        raise OptionError(f"norm_type {norm_type} must be positive and finite.")


def _norms(
    x: Array, norm_type: float, axes: Axes, rescale_clipped: bool
) -> Iterator[tuple[Index, list[Index], float, float]]:
    """Each ``(index in y, [index in x, ...], f, norm)``."""
    size = math.prod(axis.kernel for axis in axes)
    for at, members in sliding(x.shape, axes):
        factor = size / divisor(axes, at[2:], True) if rescale_clipped else 1.0
        total = sum(power(abs(x[member]), norm_type) for member in members)
        yield at, members, factor, power(factor * total, 1 / norm_type)


def lp_pool(
    x: Array,
    norm_type: float,
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    rescale_clipped: bool = True,
) -> Array:
    """The ``norm_type``-norm of each window, in float64."""
    _check_norm(norm_type)
    axes = pool_axes(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    y = zeros((*x.shape[:2], *outputs(axes)))
    for at, _, _, norm in _norms(entries(x), norm_type, axes, rescale_clipped):
        y[at] = norm
    return y.astype(float)


def lp_pool_grad(
    grad: Array,
    x: Array,
    norm_type: float,
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    rescale_clipped: bool = True,
) -> tuple[Array]:
    """The gradient for lp_pool's ``x``: ``f * sign(x) * (|x| / y) ** (p - 1)``.

    Nothing flows to a zero, nor from a window whose norm is zero.
    """
    _check_norm(norm_type)
    axes = pool_axes(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    gx, gs, xs = zeros(x.shape), entries(grad), entries(x)
    for at, members, factor, norm in _norms(xs, norm_type, axes, rescale_clipped):
        for member in members:
            if xs[member] != 0 and norm != 0:
                slope = factor * power(abs(xs[member]) / norm, norm_type - 1)
                gx[member] += gs[at] * math.copysign(slope, xs[member])
    return (gx.astype(float),)
