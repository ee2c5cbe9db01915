"""PyTorch's answer to every layer and every net, NumPy in and NumPy out.

A :class:`Twin` is a ``Graph`` as a torch module: one ``nn.ReLU`` for each ReLU, which
is what Captum hooks into, and for every other layer the function of ``torch_peer``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
import torch_peer
from torch import Tensor, nn

from numpy_deconv import Graph, layers
from numpy_deconv.layers import Layer

Array = npt.NDArray[Any]

NAMES: dict[type[Layer], str] = {
    layers.Conv: "conv",
    layers.ConvTranspose: "conv_transpose",
    layers.Linear: "linear",
    layers.MaxPool: "max_pool",
    layers.AdaptiveAvgPool: "adaptive_avg_pool",
    layers.AdaptiveMaxPool: "adaptive_max_pool",
    layers.GlobalAvgPool: "global_avg_pool",
    layers.GlobalMaxPool: "global_max_pool",
    layers.PReLU: "prelu",
    layers.Softmax: "softmax",
    layers.LogSoftmax: "log_softmax",
    layers.BatchNorm: "batch_norm",
    layers.LocalResponseNorm: "local_response_norm",
    layers.Flatten: "flatten",
    layers.Concat: "concat",
    layers.Pad: "pad",
    layers.Upsample: "upsample",
}
"""The function of ``torch_peer`` for a layer whose fields are that function's options.

Activations carry the name themselves.
"""


def _avg_pool(layer: layers.AvgPool, x: Tensor) -> Tensor:
    """Without dilation, which PyTorch's has none of."""
    return torch_peer.avg_pool(
        x,
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        ceil_mode=layer.ceil_mode,
        count_include_pad=layer.count_include_pad,
    )


def _lp_pool(layer: layers.LpPool, x: Tensor) -> Tensor:
    return torch_peer.lp_pool(
        x,
        layer.norm_type,
        layer.kernel_size,
        stride=layer.stride,
        ceil_mode=layer.ceil_mode,
    )


def _max_unpool(layer: layers.MaxUnpool, y: Tensor, switches: Tensor) -> Tensor:
    """The size as PyTorch infers it, with F.max_unpool's own formula."""
    size, rank = layer.output_size, y.ndim - 2
    if size is None:
        kernel = np.broadcast_to(layer.kernel_size, rank)
        stride = kernel if layer.stride is None else np.broadcast_to(layer.stride, rank)
        padding = np.broadcast_to(layer.padding, rank)
        size = (np.array(y.shape[2:]) - 1) * stride + kernel - 2 * padding
    return torch_peer.max_unpool(
        y, switches, [int(n) for n in size], overlap=layer.overlap
    )


SPECIAL: dict[type[Layer], Callable[..., Any]] = {
    layers.Identity: lambda layer, x: x,
    layers.Dropout: lambda layer, x: F.dropout(x, layer.rate, training=False),
    layers.Add: lambda layer, *xs: sum(xs[1:], start=xs[0]),
    layers.Mul: lambda layer, a, b: a * b,
    layers.AvgPool: _avg_pool,
    layers.LpPool: _lp_pool,
    layers.MaxUnpool: _max_unpool,
}


def call(layer: Layer, params: dict[str, Tensor], *xs: Tensor) -> Any:
    """The layer's output on torch tensors; a pool's with its switches."""
    if type(layer) in SPECIAL:
        return SPECIAL[type(layer)](layer, *xs)
    if isinstance(layer, layers.Activation):
        name = layer.function
    else:
        name = NAMES[type(layer)]
    options = vars(layer) | params
    options.pop("momentum", None)  # of a batch norm's training
    return torch_peer.PEERS[name](*xs, **options)


class Answer(NamedTuple):
    """Value, gradient for each input (None for switches), gradient by parameter."""

    value: Array
    inputs: tuple[Array | None, ...]
    params: dict[str, Array]


def _leaf(array: Array) -> Tensor:
    tensor = torch.from_numpy(np.array(array, order="C"))
    return tensor.requires_grad_(tensor.is_floating_point())


def _gradients(value: Tensor, leaves: list[Tensor], signal: Array) -> list[Array]:
    seed = torch.from_numpy(np.array(signal, order="C"))
    found = torch.autograd.grad(value, leaves, seed, materialize_grads=True)
    return [each.numpy() for each in found]


def answer(layer: Layer, xs: tuple[Array, ...], signal: Array) -> Answer:
    """One layer forward on ``xs`` and back from ``signal``, by autograd."""
    params = {name: _leaf(value) for name, value in layer.params.items()}
    tensors = [_leaf(x) for x in xs]
    result = call(layer, params, *tensors)
    y = result[0] if isinstance(result, tuple) else result
    leaves = [t for t in tensors if t.requires_grad] + list(params.values())
    grads = iter(_gradients(y, leaves, signal))
    inputs = tuple(next(grads) if t.requires_grad else None for t in tensors)
    return Answer(y.detach().numpy(), inputs, dict(zip(params, grads, strict=True)))


class Twin(nn.Module):
    """A net as a torch module with a parameter for each use of a layer's array."""

    def __init__(self, net: Graph) -> None:
        super().__init__()
        self.net = net
        self.leaves = {name: _leaf(value) for name, value in net.params.items()}
        for name in net.of_type(layers.ReLU):
            self.add_module(name.replace(".", "_"), nn.ReLU())

    def activations(self, x: Tensor) -> dict[str, Tensor]:
        """Every layer's output by name, a pool's switches as ``"pool:switches"``."""
        values = {"input": x}
        for name, node in self.net.nodes.items():
            xs = [values[source] for source in node.inputs]
            if isinstance(node.layer, layers.ReLU):
                values[name] = getattr(self, name.replace(".", "_"))(*xs)
                continue
            params = {key: self.leaves[f"{name}.{key}"] for key in node.layer.params}
            result = call(node.layer, params, *xs)
            if isinstance(result, tuple):
                values[name], values[f"{name}:switches"] = result
            else:
                values[name] = result
        return values

    def forward(self, x: Tensor) -> Tensor:
        return self.activations(x)[self.net.output]


def activations(net: Graph, x: Array) -> dict[str, Array]:
    """Every layer's output by name, as PyTorch computes it."""
    with torch.no_grad():
        values = Twin(net).activations(_leaf(x))
    return {name: value.detach().numpy() for name, value in values.items()}


def gradient(
    net: Graph, x: Array, signal: Array, *, start: str, stop: str = "input"
) -> Array:
    """Autograd's gradient of ``sum(signal * start)`` with respect to ``stop``."""
    values = Twin(net).activations(_leaf(x))
    return _gradients(values[start], [values[stop]], signal)[0]


def param_grads(net: Graph, x: Array, signal: Array, *, start: str) -> dict[str, Array]:
    """Autograd's gradient of ``sum(signal * start)`` for every parameter."""
    twin = Twin(net)
    value = twin.activations(_leaf(x))[start]
    grads = _gradients(value, list(twin.leaves.values()), signal)
    return dict(zip(twin.leaves, grads, strict=True))


class AlexNetLayer(NamedTuple):
    """A convolution of the AlexNet tutorial; ``pooled`` if a 3x3/2 pool follows it."""

    weight: Array
    bias: Array
    stride: int
    padding: int
    pooled: bool


def alexnet_deconvnet(
    convs: list[AlexNetLayer], x: Array
) -> tuple[Array, tuple[int, ...], Array]:
    """The tutorial's viewer: strongest unit of the last convolution, down to pixels.

    Up: conv, ReLU, 3x3/2 max pool, keeping each pool's locations. Down: transposed
    conv without bias, then, of the layer below, ``MaxUnpool2d`` by those locations and
    ReLU. Returns the maps, where the unit is, and the pixels.
    """
    y, locations, sizes = torch.from_numpy(x), [], []
    for index, conv in enumerate(convs):
        weight, bias = torch.from_numpy(conv.weight), torch.from_numpy(conv.bias)
        sizes.append(y.shape[2:])
        maps = F.conv2d(y, weight, bias, conv.stride, conv.padding)
        if index == len(convs) - 1:
            break
        y, spots, before = F.relu(maps), None, maps.shape
        if conv.pooled:
            y, spots = F.max_pool2d(y, 3, 2, return_indices=True)
        locations.append((spots, before))
    unit = np.unravel_index(int(maps.argmax()), maps.shape)
    signal = torch.zeros_like(maps)
    signal[unit] = maps[unit]
    for index in reversed(range(len(convs))):
        conv = convs[index]
        down = torch.zeros(1, conv.weight.shape[1], *sizes[index], dtype=signal.dtype)
        extra = [
            n - ((m - 1) * conv.stride - 2 * conv.padding + conv.weight.shape[2])
            for n, m in zip(down.shape[2:], signal.shape[2:], strict=True)
        ]
        signal = F.conv_transpose2d(
            signal,
            torch.from_numpy(conv.weight),
            None,
            conv.stride,
            conv.padding,
            extra,
        )
        if index:
            spots, before = locations[index - 1]
            if spots is not None:
                signal = nn.MaxUnpool2d(3, 2)(signal, spots, output_size=before)
            signal = F.relu(signal)
    return maps.numpy(), tuple(int(i) for i in unit), signal.numpy()
