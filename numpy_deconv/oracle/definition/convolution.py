"""Convolution and its relatives, each a sum over one list of products.

``x (N, C, *in)``, ``weight (K, C/G, *k)``, ``y (N, K, *out)``::

    y[n, k, o]  =  sum over c, a of
                   x[n, g * C/G + c, o * s - p + a * d] * weight[k, c, a]

with ``g = k // (K/G)`` the group of output channel ``k``, and padding worth zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.oracle.definition.exact import (
    Array,
    Index,
    entries,
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
    transpose_axes,
    window_axes,
)

Terms = Iterator[tuple[Index, Index, Index]]


def _check_shape(name: str, array: Array, shape: Index) -> None:
    if np.shape(array) != shape:
        raise ShapeError(f"{name} has shape {np.shape(array)}, but must have {shape}.")


def _check_groups(groups: int, **channels: int) -> None:
    if groups < 1 or any(count % groups for count in channels.values()):
        raise OptionError(f"groups {groups} must divide the channels {channels}.")


def conv_terms(batch: int, weight_shape: Index, axes: Axes, groups: int) -> Terms:
    """Every ``(index in y, index in x, index in weight)`` of conv's products."""
    k_channels, c_per_group = weight_shape[:2]
    for n in range(batch):
        for k in range(k_channels):
            group = k // (k_channels // groups)
            for position in indices(outputs(axes)):
                for tap, place in taps(axes, position):
                    for c in range(c_per_group):
                        yield (
                            (n, k, *position),
                            (n, group * c_per_group + c, *place),
                            (k, c, *tap),
                        )


def transpose_terms(batch: int, weight_shape: Index, axes: Axes, groups: int) -> Terms:
    """Every ``(index in y, index in x, index in weight)`` of conv_transpose's products.

    ``weight (C, K/G, *k)``: y[n, g * K/G + j, i * s - p + a * d] gathers
    x[n, c, i] * weight[c, j, a], with ``g = c // (C/G)``.
    """
    channels, k_per_group = weight_shape[:2]
    for n in range(batch):
        for c in range(channels):
            group = c // (channels // groups)
            for position in indices(outputs(axes)):
                for tap, place in taps(axes, position):
                    for j in range(k_per_group):
                        yield (
                            (n, group * k_per_group + j, *place),
                            (n, c, *position),
                            (c, j, *tap),
                        )


def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Array:
    """The cross-correlation of ``x`` with ``weight``."""
    axes = window_axes(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    _check_groups(groups, C=x.shape[1], K=weight.shape[0])
    kernel = weight.shape[2:]
    expected = (weight.shape[0], x.shape[1] // groups, *kernel)
    _check_shape("weight", weight, expected)
    y = zeros((x.shape[0], weight.shape[0], *outputs(axes)))
    xs, ws = entries(x), entries(weight)
    for at_y, at_x, at_w in conv_terms(x.shape[0], weight.shape, axes, groups):
        y[at_y] += xs[at_x] * ws[at_w]
    return _with_bias(y, bias, x, weight)


def _with_bias(y: Array, bias: Array | None, x: Array, weight: Array) -> Array:
    if bias is None:
        return settle(y, x, weight)
    _check_shape("bias", bias, (y.shape[1],))
    values = entries(bias)
    for at in indices(y.shape):
        y[at] += values[at[1]]
    return settle(y, x, weight, bias)


def conv_input_grad(
    grad: Array,
    weight: Array,
    input_size: Sequence[int],
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Array:
    """The gradient for conv's ``x`` of spatial sizes ``input_size``."""
    axes = window_axes(tuple(input_size), weight.shape[2:], stride, padding, dilation)
    _check_groups(groups, K=weight.shape[0])
    _check_shape("grad", grad, (grad.shape[0], weight.shape[0], *outputs(axes)))
    gx = zeros((grad.shape[0], weight.shape[1] * groups, *input_size))
    gs, ws = entries(grad), entries(weight)
    for at_y, at_x, at_w in conv_terms(grad.shape[0], weight.shape, axes, groups):
        gx[at_x] += gs[at_y] * ws[at_w]
    return settle(gx, grad, weight)


def conv_weight_grad(
    grad: Array,
    x: Array,
    kernel_size: Sequence[int],
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Array:
    """The gradient for conv's ``weight`` of spatial sizes ``kernel_size``."""
    axes = window_axes(x.shape[2:], kernel_size, stride, padding, dilation)
    _check_groups(groups, C=x.shape[1], K=grad.shape[1])
    _check_shape("grad", grad, (x.shape[0], grad.shape[1], *outputs(axes)))
    kernel = tuple(axis.kernel for axis in axes)
    gw = zeros((grad.shape[1], x.shape[1] // groups, *kernel))
    gs, xs = entries(grad), entries(x)
    for at_y, at_x, at_w in conv_terms(x.shape[0], gw.shape, axes, groups):
        gw[at_w] += gs[at_y] * xs[at_x]
    return settle(gw, grad, x)


def conv_bias_grad(grad: Array) -> Array:
    """The gradient for a bias that is added to axis 1: the sum over all else."""
    gb, gs = zeros((grad.shape[1],)), entries(grad)
    for at in indices(grad.shape):
        gb[at[1]] += gs[at]
    return settle(gb, grad)


def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Array:
    """The transposed convolution: every input element scatters the kernel."""
    axes = transpose_axes(
        x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation
    )
    _check_groups(groups, C=x.shape[1])
    _check_shape("weight", weight, (x.shape[1], *weight.shape[1:]))
    length = tuple(axis.length for axis in axes)
    y = zeros((x.shape[0], weight.shape[1] * groups, *length))
    xs, ws = entries(x), entries(weight)
    for at_y, at_x, at_w in transpose_terms(x.shape[0], weight.shape, axes, groups):
        y[at_y] += xs[at_x] * ws[at_w]
    return _with_bias(y, bias, x, weight)
