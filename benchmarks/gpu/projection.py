"""Whole nets: saliency, and the deconvnet projection of all maps of a layer.

PyTorch's side is the tutorials': gradients by autograd; ``conv_transpose2d``,
``max_unpool2d`` and a rectifier on whole planes, many maps in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from cases import Case, Sides, Tools

from numpy_deconv import load_model, use_backend
from numpy_deconv.layers import Conv, Linear, MaxPool, ReLU
from numpy_deconv.methods import deconvnet, saliency
from numpy_deconv.rules import DECONVNET, scatter

PROJECTED = (("vgg16", "conv4_3", 64), ("alexnet", "conv5", 64))
SALIENT = ("vgg16", "alexnet")


def cases() -> Iterator[Case]:
    """Projections and saliency; their floors are not known."""
    for name, layer, batch in PROJECTED:
        words = f"{name}: all maps of {layer}"
        make = _projecting(name, layer, batch)
        yield Case("projection", words, 1, "float32", 0, 0, make, 5e-2)
    for name in SALIENT:
        for batch in (1, 32):
            make = _salient(name, batch)
            yield Case("saliency", name, batch, "float32", 0, 0, make, 5e-2)


def _net(name: str) -> Any:
    return load_model(f"{name}:random").net


def _layer_named(net: Any, wanted: str) -> str:
    """The convolution of that name, counted in VGG's way where it has another."""
    convs = net.of_type(Conv)
    if wanted in convs:
        return wanted
    if "_" not in wanted:
        return list(convs)[int(wanted.removeprefix("conv")) - 1]
    block, number = (int(n) for n in wanted.removeprefix("conv").split("_"))
    seen_pools, seen_convs = 1, 0
    for node_name, node in net.nodes.items():
        if isinstance(node.layer, MaxPool):
            seen_pools, seen_convs = seen_pools + 1, 0
        if isinstance(node.layer, Conv):
            seen_convs += 1
            if (seen_pools, seen_convs) == (block, number):
                return str(node_name)
    raise ValueError(f"no layer {wanted}")


class TorchChain:
    """A chain of convolutions, rectifiers, pools and linear layers, on the card."""

    def __init__(self, tools: Tools, net: Any, until: str):
        self.torch, self.steps = tools.torch, []
        for name, node in net.nodes.items():
            layer = node.layer
            params = [
                None if p is None else tools.torch.from_numpy(np.array(p)).cuda()
                for p in (getattr(layer, "weight", None), getattr(layer, "bias", None))
            ]
            self.steps.append((layer, params))
            if name == until:
                break

    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        """The last activation, and what each pool has to remember."""
        functional, kept = self.torch.nn.functional, []
        for layer, (weight, bias) in self.steps:
            memory = None
            if isinstance(layer, Conv):
                options = (layer.stride, layer.padding, layer.dilation, layer.groups)
                x = functional.conv2d(x, weight, bias, *options)
            elif isinstance(layer, Linear):
                x = functional.linear(x.flatten(1), weight, bias)
            elif isinstance(layer, ReLU):
                x = functional.relu(x)
            elif isinstance(layer, MaxPool):
                size = x.shape[2:]
                x, switches = functional.max_pool2d(
                    x,
                    layer.kernel_size,
                    layer.stride,
                    ceil_mode=layer.ceil_mode,
                    return_indices=True,
                )
                memory = switches, size
            elif type(layer).__name__ == "AdaptiveAvgPool":
                x = functional.adaptive_avg_pool2d(x, layer.output_size)
            kept.append(memory)
        return x, kept

    def project(self, signal: Any, kept: list[Any]) -> Any:
        """Down to the pixels, deconvnet rules."""
        functional = self.torch.nn.functional
        for (layer, (weight, _)), memory in zip(
            reversed(self.steps), reversed(kept), strict=True
        ):
            if isinstance(layer, Conv):
                extra = self._extra(layer, signal)
                signal = functional.conv_transpose2d(
                    signal, weight, None, layer.stride, layer.padding, extra
                )
            elif isinstance(layer, ReLU):
                signal = functional.relu(signal)
            elif memory is not None:
                switches, size = memory
                signal = functional.max_unpool2d(
                    signal,
                    switches.expand(len(signal), -1, -1, -1),
                    layer.kernel_size,
                    layer.stride,
                    output_size=(*signal.shape[:2], *size),
                )
        return signal

    @staticmethod
    def _extra(layer: Any, signal: Any) -> int:
        """AlexNet's first layer loses rows of its 224, which come back as padding."""
        stride = np.max(layer.stride)
        if stride == 1:
            return 0
        kernel, pad = layer.weight.shape[-1], np.max(layer.padding)
        return int((224 + 2 * pad - kernel) % stride)


def _projecting(name: str, wanted: str, batch: int) -> Callable[[Tools], Sides]:
    def make(tools: Tools) -> Sides:
        net = _net(name)
        layer = _layer_named(net, wanted)
        _, array = tools.arrays(1, 3, 224, 224)
        rules = DECONVNET.replace({MaxPool: scatter("assign")})  # torch's unpooling
        chain = TorchChain(tools, net, layer)
        x = tools.torch.from_dlpack(array)
        torch = tools.torch

        def ours(_: int) -> Any:
            with use_backend("cupy"):
                return deconvnet(net, array, layer, maps="all", rules=rules).pixels

        def theirs(_: int) -> Any:
            with torch.no_grad():
                top, kept = chain.forward(x)
                flat = top[0].flatten(1)
                best, at = flat.max(dim=1)
                found = []
                for first in range(0, len(flat), batch):
                    rows = torch.arange(
                        first, min(first + batch, len(flat)), device="cuda"
                    )
                    signal = torch.zeros(len(rows), *flat.shape, device="cuda")
                    signal[torch.arange(len(rows), device="cuda"), rows, at[rows]] = (
                        best[rows]
                    )
                    shaped = signal.reshape(len(rows), *top.shape[1:])
                    found.append(chain.project(shaped, kept))
                return torch.cat(found)

        return ours, theirs

    return make


def _salient(name: str, batch: int) -> Callable[[Tools], Sides]:
    def make(tools: Tools) -> Sides:
        net = _net(name)
        tensors, arrays = tools.rotating(batch, 3, 224, 224)
        chain = TorchChain(tools, net, net.output)

        def ours(n: int) -> Any:
            with use_backend("cupy"):
                return saliency(net, arrays[n % len(arrays)]).pixels

        def theirs(n: int) -> Any:
            x = tensors[n % len(tensors)].detach().requires_grad_()
            scores, _ = chain.forward(x)
            best = scores.gather(1, scores.argmax(dim=1, keepdim=True)).sum()
            (grad,) = tools.torch.autograd.grad(best, x)
            return grad.abs().amax(dim=1)

        return ours, theirs

    return make
