"""im2col and col2im: a window's elements as one column, and back.

``columns (N, C * prod(k), L)  <-  x (N, C, *in)``: row ``c * prod(k) + tap`` of column
``position`` holds the element under that tap, both counted in row-major order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from numpy_deconv.errors import ShapeError
from numpy_deconv.oracle.definition.exact import (
    Array,
    Index,
    entries,
    flat,
    indices,
    settle,
    zeros,
)
from numpy_deconv.oracle.definition.geometry import (
    Axes,
    Padding,
    PerAxis,
    outputs,
    taps,
    window_axes,
)


def _pairs(batch: int, channels: int, axes: Axes) -> Iterator[tuple[Index, Index]]:
    """Every ``(index in columns, index in x)`` that hold the same element."""
    kernel = tuple(axis.kernel for axis in axes)
    for n, c in indices((batch, channels)):
        for position in indices(outputs(axes)):
            column = flat(position, outputs(axes))
            for tap, place in taps(axes, position):
                row = c * math.prod(kernel) + flat(tap, kernel)
                yield (n, row, column), (n, c, *place)


def im2col(
    x: Array,
    kernel_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
) -> Array:
    """The windows of ``x`` as columns; padding is zero."""
    axes = window_axes(x.shape[2:], kernel_size, stride, padding, dilation)
    rows = x.shape[1] * math.prod(axis.kernel for axis in axes)
    columns = zeros((x.shape[0], rows, math.prod(outputs(axes))))
    xs = entries(x)
    for at_column, at_x in _pairs(x.shape[0], x.shape[1], axes):
        columns[at_column] = xs[at_x]
    return settle(columns, x)


def im2col_grad(
    grad: Array,
    x: Array,
    kernel_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
) -> tuple[Array]:
    """The gradient for im2col's ``x``."""
    axes = window_axes(x.shape[2:], kernel_size, stride, padding, dilation)
    gx, gs = zeros(x.shape), entries(grad)
    for at_column, at_x in _pairs(x.shape[0], x.shape[1], axes):
        gx[at_x] += gs[at_column]
    return (settle(gx, grad),)


def col2im(
    columns: Array,
    output_size: Sequence[int],
    kernel_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
) -> Array:
    """The sum of all columns, each put back where im2col took it from."""
    axes = window_axes(tuple(output_size), kernel_size, stride, padding, dilation)
    batch, rows, count = columns.shape
    taps_per_channel = math.prod(axis.kernel for axis in axes)
    if rows % taps_per_channel or count != math.prod(outputs(axes)):
        raise ShapeError(
            f"columns {np.shape(columns)} must have a multiple of {taps_per_channel} "
            f"rows and {math.prod(outputs(axes))} columns."
        )
    channels = rows // taps_per_channel
    x = zeros((batch, channels, *output_size))
    values = entries(columns)
    for at_column, at_x in _pairs(batch, channels, axes):
        x[at_x] += values[at_column]
    return settle(x, columns)


def col2im_grad(
    grad: Array,
    columns: Array,
    output_size: Sequence[int],
    kernel_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
) -> tuple[Array]:
    """The gradient for col2im's ``columns``."""
    axes = window_axes(tuple(output_size), kernel_size, stride, padding, dilation)
    gradient, gs = zeros(columns.shape), entries(grad)
    for at_column, at_x in _pairs(grad.shape[0], grad.shape[1], axes):
        gradient[at_column] = gs[at_x]
    return (settle(gradient, grad),)
