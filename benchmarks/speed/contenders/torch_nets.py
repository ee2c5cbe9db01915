"""A ``Graph`` as PyTorch functions, the way a careful PyTorch user writes a net.

Rectifiers work in place, pools keep their switches only where they are
wanted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from numpy_deconv import layers
from numpy_deconv.errors import NetError
from numpy_deconv.layers import Layer
from numpy_deconv.net import Graph

Tensors = dict[str, Tensor]


def parameters(net: Graph, layout: torch.memory_format) -> Tensors:
    """The net's arrays as tensors, those of convolutions in this layout."""
    return {
        name: torch.from_numpy(np.array(value, order="C")).contiguous(
            memory_format=layout if value.ndim == 4 else torch.contiguous_format
        )
        for name, value in net.params.items()
    }


Pads = tuple[tuple[int, int], tuple[int, int]]
Function = Callable[..., Any]


class Step(NamedTuple):
    """A layer as a function of tensors: nothing in it but numbers and tensors."""

    name: str
    sources: tuple[str, ...]
    function: Function
    pools: bool


def pads(conv: layers.Conv, size: Sequence[int]) -> Pads:
    """Padding per axis as ``(begin, end)``; "same" needs the input's size."""
    (height, width), (tall, wide) = size, conv.weight.shape[2:]
    return (
        _ends(height, tall, conv.stride, conv.padding),
        _ends(width, wide, conv.stride, conv.padding),
    )


def _ends(length: int, kernel: int, stride: int, padding: Any) -> tuple[int, int]:
    if padding != "same":
        return padding, padding
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


def convolution(
    conv: layers.Conv, weight: Tensor, bias: Tensor | None
) -> Callable[[Tensor], Tensor]:
    """The convolution; padding that differs from side to side is a step of its own."""
    stride, padding, groups = conv.stride, conv.padding, conv.groups
    tall, wide = weight.shape[2:]

    def convolve(x: Tensor) -> Tensor:
        top, bottom = _ends(x.shape[2], tall, stride, padding)
        left, right = _ends(x.shape[3], wide, stride, padding)
        if top == bottom and left == right:
            return F.conv2d(x, weight, bias, stride, (top, left), 1, groups)
        x = F.pad(x, (left, right, top, bottom))
        return F.conv2d(x, weight, bias, stride, 0, 1, groups)

    return convolve


def pool(layer: layers.MaxPool, x: Tensor, switches: bool) -> Any:
    """A max pool, with its switches if they are wanted."""
    return _max_pool(
        layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode, x, switches
    )


def _max_pool(
    kernel: int, stride: int, padding: int, ceil: bool, x: Tensor, switches: bool
) -> Any:
    if switches:
        return F.max_pool2d(
            x, kernel, stride, padding, ceil_mode=ceil, return_indices=True
        )
    return F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil)


def _function(layer: Layer, own: Mapping[str, Tensor]) -> Function:
    match layer:
        case layers.Conv():
            return convolution(layer, own["weight"], own.get("bias"))
        case layers.Linear():
            return partial(F.linear, weight=own["weight"], bias=own.get("bias"))
        case layers.ReLU():
            return F.relu_
        case layers.Clip():
            low = -math.inf if layer.low is None else layer.low
            high = math.inf if layer.high is None else layer.high
            return partial(F.hardtanh_, min_val=low, max_val=high)
        case layers.MaxPool():
            shape = (layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode)
            return partial(_max_pool, *shape)
        case layers.LocalResponseNorm():
            numbers = (layer.size, layer.alpha, layer.beta, layer.k)
            return lambda x: F.local_response_norm(x, *numbers)
        case layers.AdaptiveAvgPool():
            return partial(F.adaptive_avg_pool2d, output_size=layer.output_size)
        case layers.GlobalAvgPool():
            return partial(F.adaptive_avg_pool2d, output_size=1)
        case layers.Concat():
            return lambda *xs: torch.cat(xs, 1)
        case layers.Add():
            return torch.add
        case layers.Flatten():
            return lambda x: x.flatten(1)
        case layers.Dropout():
            return lambda x: x
    raise NetError(f"the PyTorch side has no {layer.describe()}: add it there")


def lowered(net: Graph, params: Tensors, until: str | None = None) -> list[Step]:
    """The net as steps that ``torch.compile`` understands, up to and with a layer."""
    steps = []
    for name, node in net.nodes.items():
        own = {key: params[f"{name}.{key}"] for key in node.layer.params}
        pools = isinstance(node.layer, layers.MaxPool)
        steps.append(Step(name, node.inputs, _function(node.layer, own), pools))
        if name == until:
            break
    return steps


def run(
    steps: Sequence[Step], x: Tensor, *, switches: bool = False
) -> tuple[Tensors, Tensors]:
    """Outputs by layer, and switches by pool if they are wanted.

    Rectifiers overwrite what they read: an output is that of the rectifier above it.
    """
    values: Tensors = {"input": x}
    chosen: Tensors = {}
    for name, sources, function, pools in steps:
        xs = [values[source] for source in sources]
        if not pools:
            values[name] = function(*xs)
        elif switches:
            values[name], chosen[name] = function(*xs, True)
        else:
            values[name] = function(*xs, False)
    return values, chosen


def output(steps: Sequence[Step], x: Tensor) -> Tensor:
    """What the last step gives."""
    return run(steps, x)[0][steps[-1].name]
