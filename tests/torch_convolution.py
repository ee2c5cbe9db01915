"""PyTorch's convolutions, im2col and col2im, in numpy_deconv's words.

Tensors in, tensors out; :mod:`torch_peer` has the whole table and the arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def spread(value: Any, rank: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,) * rank


def begin_end(
    padding: Any, sizes: Sequence[int], extents: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """Padding in any spelling as (begin, end), for a convolution."""
    if padding == "valid":
        padding = 0
    if isinstance(padding, str):
        pads = []
        for size, extent, stride in zip(sizes, extents, strides, strict=True):
            last = (size - 1) // stride * stride
            total = max(0, last + extent - size)
            small, large = total // 2, (total + 1) // 2
            pads.append((small, large) if padding == "same" else (large, small))
        return pads
    return [
        (each[0], each[1]) if isinstance(each, Sequence) else (each, each)
        for each in spread(padding, len(sizes))
    ]


def extents_of(kernel: Sequence[int], dilation: Any) -> list[int]:
    dilations = spread(dilation, len(kernel))
    return [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]


def zero_padded(x: Tensor, kernel: Sequence[int], padding: Any, window: Any) -> Tensor:
    rank = x.ndim - 2
    strides = spread(window["stride"], rank)
    extents = extents_of(kernel, window["dilation"])
    pads = begin_end(padding, x.shape[2:], extents, strides)
    return F.pad(x, [edge for pair in reversed(pads) for edge in pair])


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    function = (F.conv1d, F.conv2d, F.conv3d)[x.ndim - 3]
    window = {"stride": stride, "dilation": dilation}
    padded = zero_padded(x, weight.shape[2:], padding, window)
    return function(padded, weight, bias, **window, groups=groups)


def conv_input_grad(
    grad: Tensor, weight: Tensor, input_size: Sequence[int], **geometry: Any
) -> Tensor:
    channels = weight.shape[1] * geometry.get("groups", 1)
    shape = (grad.shape[0], channels, *input_size)
    x = torch.zeros(shape, dtype=weight.dtype, requires_grad=True)
    y = conv(x, weight, **geometry)
    return torch.autograd.grad(y, x, grad, create_graph=True)[0]


def conv_weight_grad(
    grad: Tensor, x: Tensor, kernel_size: Sequence[int], **geometry: Any
) -> Tensor:
    per_group = x.shape[1] // geometry.get("groups", 1)
    shape = (grad.shape[1], per_group, *spread(kernel_size, x.ndim - 2))
    weight = torch.zeros(shape, dtype=x.dtype, requires_grad=True)
    y = conv(x, weight, **geometry)
    return torch.autograd.grad(y, weight, grad, create_graph=True)[0]


def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Computed without padding, then cropped, which is what padding means here."""
    rank = x.ndim - 2
    strides = spread(stride, rank)
    extents = extents_of(weight.shape[2:], dilation)
    sizes = [size * s for size, s in zip(x.shape[2:], strides, strict=True)]
    if padding in ("same", "same_lower"):
        output_padding = tuple(
            max(0, s - e) for s, e in zip(strides, extents, strict=True)
        )
    pads = begin_end(padding, sizes, extents, strides)
    functions = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
    y = functions[rank - 1](
        x, weight, bias, stride, 0, output_padding, groups, dilation
    )
    for axis, (begin, end) in enumerate(pads, start=2):
        y = y.narrow(axis, begin, y.shape[axis] - begin - end)
    return y


def im2col(x: Tensor, kernel_size: Any, **window: Any) -> Tensor:
    """F.unfold for planes of floats; elsewhere Tensor.unfold axis by axis."""
    rank = x.ndim - 2
    kernel = spread(kernel_size, rank)
    window = {"stride": 1, "dilation": 1, "padding": 0} | window
    padding = window.pop("padding")
    y = zero_padded(x, kernel, padding, window)
    if rank == 2 and x.is_floating_point():
        return F.unfold(y, kernel, **window)
    strides = spread(window["stride"], rank)
    dilations = spread(window["dilation"], rank)
    for axis, extent in enumerate(extents_of(kernel, dilations)):
        y = y.unfold(2 + axis, extent, strides[axis])[..., :: dilations[axis]]
    outputs, taps = range(2, 2 + rank), range(2 + rank, 2 + 2 * rank)
    shape = (
        x.shape[0],
        x.shape[1] * math.prod(kernel),
        math.prod(y.shape[2 : 2 + rank]),
    )
    return y.permute(0, 1, *taps, *outputs).reshape(shape)


def col2im(
    columns: Tensor, output_size: Sequence[int], kernel_size: Any, **window: Any
) -> Tensor:
    """The adjoint of im2col, by autograd."""
    taps = math.prod(spread(kernel_size, len(output_size)))
    shape = (columns.shape[0], columns.shape[1] // taps, *output_size)
    x = torch.zeros(shape, dtype=columns.dtype, requires_grad=True)
    y = im2col(x, kernel_size, **window)
    return torch.autograd.grad(y, x, columns, create_graph=True)[0]
