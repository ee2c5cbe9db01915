"""What the poolings make of a window: its maximum, its mean, its p-norm."""

from __future__ import annotations

from collections.abc import Iterable

from numpy_deconv.errors import ShapeError
from numpy_deconv.oracle.definition.exact import (
    Array,
    Index,
    beats,
    entries,
    flat,
    quotient,
    settle,
    zeros,
)
from numpy_deconv.oracle.definition.geometry import Padding, PerAxis, divisor, outputs
from numpy_deconv.oracle.definition.windows import (
    Window,
    adaptive,
    adaptive_outputs,
    pool_axes,
    sliding,
)


def winner(x: Array, members: list[Index]) -> Index:
    """The member with the first maximum; the first NaN, if there is one.

    Even a window of -inf only has a winner: its first member.
    """
    if not members:
        raise ShapeError("a pooling window lies entirely in the padding.")
    best = members[0]
    for member in members[1:]:
        if beats(x[member], x[best]):
            best = member
    return best


def _maxima(x: Array, shape: Index, windows: Iterable[Window]) -> tuple[Array, Array]:
    y, switches, xs = zeros(shape), zeros(shape), entries(x)
    for at, members in windows:
        best = winner(xs, members)
        y[at], switches[at] = xs[best], flat(best[2:], x.shape[2:])
    return settle(y, x), settle(switches)


def _maxima_grad(grad: Array, x: Array, windows: Iterable[Window]) -> tuple[Array]:
    gx, gs, xs = zeros(x.shape), entries(grad), entries(x)
    for at, members in windows:
        gx[winner(xs, members)] += gs[at]
    return (settle(gx, grad),)


def _means(x: Array, shape: Index, windows: Iterable[Window]) -> Array:
    y, xs = zeros(shape), entries(x)
    for at, members in windows:
        y[at] = quotient(sum(xs[member] for member in members), len(members))
    return settle(y, x)


def _means_grad(grad: Array, x: Array, windows: Iterable[Window]) -> tuple[Array]:
    gx, gs = zeros(x.shape), entries(grad)
    for at, members in windows:
        for member in members:
            gx[member] += gs[at] / len(members)
    return (gx.astype(float),)


def max_pool(
    x: Array,
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """The maximum of each window, and where it was in the unpadded plane."""
    axes = pool_axes(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    return _maxima(x, (*x.shape[:2], *outputs(axes)), sliding(x.shape, axes))


def max_pool_grad(
    grad: Array,
    x: Array,
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
) -> tuple[Array]:
    """The gradient for max_pool's ``x``: all of it to the single winner."""
    axes = pool_axes(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    return _maxima_grad(grad, x, sliding(x.shape, axes))


def avg_pool(
    x: Array,
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """The mean of each window; integers are divided towards zero."""
    axes = pool_axes(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    y, xs = zeros((*x.shape[:2], *outputs(axes))), entries(x)
    for at, members in sliding(x.shape, axes):
        count = divisor(axes, at[2:], count_include_pad)
        if not count:
            raise ShapeError("a pooling window lies entirely in the padding.")
        y[at] = quotient(sum(xs[member] for member in members), count)
    return settle(y, x)


def avg_pool_grad(
    grad: Array,
    x: Array,
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tuple[Array]:
    """The gradient for avg_pool's ``x``, in float64, by the forward's own divisor."""
    axes = pool_axes(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    gx, gs = zeros(x.shape), entries(grad)
    for at, members in sliding(x.shape, axes):
        for member in members:
            gx[member] += gs[at] / divisor(axes, at[2:], count_include_pad)
    return (gx.astype(float),)


def adaptive_max_pool(x: Array, output_size: PerAxis) -> tuple[Array, Array]:
    """The maximum of each of ``output_size`` parts, and where it was."""
    shape = adaptive_outputs(x.shape, output_size)
    return _maxima(x, shape, adaptive(x.shape, output_size))


def adaptive_max_pool_grad(grad: Array, x: Array, output_size: PerAxis) -> tuple[Array]:
    """The gradient for adaptive_max_pool's ``x``."""
    return _maxima_grad(grad, x, adaptive(x.shape, output_size))


def adaptive_avg_pool(x: Array, output_size: PerAxis) -> Array:
    """The mean of each of ``output_size`` parts."""
    shape = adaptive_outputs(x.shape, output_size)
    return _means(x, shape, adaptive(x.shape, output_size))


def adaptive_avg_pool_grad(grad: Array, x: Array, output_size: PerAxis) -> tuple[Array]:
    """The gradient for adaptive_avg_pool's ``x``, in float64."""
    return _means_grad(grad, x, adaptive(x.shape, output_size))


def global_max_pool(x: Array) -> Array:
    """The maximum of each plane, as a plane of one element."""
    return adaptive_max_pool(x, 1)[0]


def global_max_pool_grad(grad: Array, x: Array) -> tuple[Array]:
    """The gradient for global_max_pool's ``x``."""
    return adaptive_max_pool_grad(grad, x, 1)


def global_avg_pool(x: Array) -> Array:
    """The mean of each plane, as a plane of one element."""
    return adaptive_avg_pool(x, 1)


def global_avg_pool_grad(grad: Array, x: Array) -> tuple[Array]:
    """The gradient for global_avg_pool's ``x``, in float64."""
    return adaptive_avg_pool_grad(grad, x, 1)
