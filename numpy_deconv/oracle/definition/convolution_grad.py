"""Gradients of the convolutions: the same products, read from the other side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy_deconv.oracle.definition.convolution import (
    conv,
    conv_bias_grad,
    conv_input_grad,
    conv_weight_grad,
    transpose_terms,
)
from numpy_deconv.oracle.definition.exact import Array, entries, settle, zeros
from numpy_deconv.oracle.definition.geometry import Padding, PerAxis, transpose_axes

Grads = tuple[Array | None, ...]


def conv_grad(
    grad: Array, x: Array, weight: Array, bias: Array | None = None, **geometry: Any
) -> Grads:
    """The gradients for conv's ``x``, ``weight`` and ``bias``."""
    return (
        conv_input_grad(grad, weight, x.shape[2:], **geometry),
        conv_weight_grad(grad, x, weight.shape[2:], **geometry),
        None if bias is None else conv_bias_grad(grad),
    )


def conv_input_grad_grad(
    grad: Array,
    signal: Array,
    weight: Array,
    input_size: Sequence[int],
    **geometry: Any,
) -> Grads:
    """The gradients for the two arrays of ``conv_input_grad(signal, weight, ...)``."""
    return (
        conv(grad, weight, **geometry),
        conv_weight_grad(signal, grad, weight.shape[2:], **geometry),
    )


def conv_weight_grad_grad(
    grad: Array, signal: Array, x: Array, kernel_size: Sequence[int], **geometry: Any
) -> Grads:
    """The gradients for the two arrays of ``conv_weight_grad(signal, x, ...)``."""
    return (
        conv(x, grad, **geometry),
        conv_input_grad(signal, grad, x.shape[2:], **geometry),
    )


def conv_transpose_grad(
    grad: Array,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Grads:
    """The gradients for conv_transpose's ``x``, ``weight`` and ``bias``."""
    axes = transpose_axes(
        x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation
    )
    gx, gw = zeros(x.shape), zeros(weight.shape)
    gs, xs, ws = entries(grad), entries(x), entries(weight)
    for at_y, at_x, at_w in transpose_terms(x.shape[0], weight.shape, axes, groups):
        gx[at_x] += gs[at_y] * ws[at_w]
        gw[at_w] += gs[at_y] * xs[at_x]
    gb = None if bias is None else conv_bias_grad(grad)
    return settle(gx, grad, weight), settle(gw, grad, x), gb
