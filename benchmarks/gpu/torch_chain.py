"""PyTorch's side of whole nets, as the tutorials have it.

Gradients by autograd; ``conv_transpose2d``, ``max_unpool2d`` and a rectifier on whole
planes, many maps in a batch.
"""

from __future__ import annotations

from typing import Any

import case
import numpy as np

from numpy_deconv.layers import AdaptiveAvgPool, Conv, Linear, MaxPool, ReLU
from numpy_deconv.window import Window


class TorchChain:
    """A chain of convolutions, rectifiers, pools and linear layers, on the card."""

    def __init__(self, torch: Any, net: Any, until: str):
        self.torch, self.steps = torch, []
        for name, node in net.nodes.items():
            layer = node.layer
            params = [
                None if p is None else torch.from_numpy(np.array(p)).to(case.DEVICE)
                for p in (getattr(layer, "weight", None), getattr(layer, "bias", None))
            ]
            self.steps.append((layer, params))
            if name == until:
                break

    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        """The last activation, and what each step has to remember: the size that it
        read, and a pool's switches."""
        functional, kept = self.torch.nn.functional, []
        for layer, (weight, bias) in self.steps:
            memory = x.shape[2:], None
            if isinstance(layer, Conv):
                window = _window(layer, x.shape[2:])
                options = (window.stride, _pads(window), window.dilation, layer.groups)
                x = functional.conv2d(x, weight, bias, *options)
            elif isinstance(layer, Linear):
                x = functional.linear(x.flatten(1), weight, bias)
            elif isinstance(layer, ReLU):
                x = functional.relu(x)
            elif isinstance(layer, MaxPool):
                sizes = (layer.kernel_size, layer.stride)
                x, switches = functional.max_pool2d(
                    x, *sizes, ceil_mode=layer.ceil_mode, return_indices=True
                )
                memory = memory[0], switches
            elif isinstance(layer, AdaptiveAvgPool):
                x = functional.adaptive_avg_pool2d(x, layer.output_size)
            kept.append(memory)
        return x, kept

    def project(self, signal: Any, kept: list[Any]) -> Any:
        """Down to the pixels, deconvnet rules."""
        functional = self.torch.nn.functional
        for (layer, (weight, _)), (size, switches) in zip(
            reversed(self.steps), reversed(kept), strict=True
        ):
            if isinstance(layer, Conv):
                window = _window(layer, size)
                options = (window.stride, _pads(window), _extra(window, size))
                signal = functional.conv_transpose2d(
                    signal, weight, None, *options, layer.groups, window.dilation
                )
            elif isinstance(layer, ReLU):
                signal = functional.relu(signal)
            elif isinstance(layer, MaxPool):
                signal = functional.max_unpool2d(
                    signal,
                    switches.expand(len(signal), -1, -1, -1),
                    layer.kernel_size,
                    layer.stride,
                    output_size=(*signal.shape[:2], *size),
                )
        return signal

    def strongest(self, x: Any, batch: int) -> Any:
        """The projection of each map's largest value, so many maps at a time."""
        torch = self.torch
        top, kept = self.forward(x)
        flat = top[0].flatten(1)
        best, at = flat.max(dim=1)
        found = []
        for first in range(0, len(flat), batch):
            rows = torch.arange(first, min(first + batch, len(flat)), device=x.device)
            signal = torch.zeros(len(rows), *flat.shape, device=x.device)
            own = torch.arange(len(rows), device=x.device)
            signal[own, rows, at[rows]] = best[rows]
            shaped = signal.reshape(len(rows), *top.shape[1:])
            found.append(self.project(shaped, kept))
        return torch.cat(found)

    def saliency(self, x: Any) -> Any:
        """Of the best class, the largest over the colours."""
        x = x.detach().requires_grad_()
        scores, _ = self.forward(x)
        best = scores.amax(dim=1).sum()
        (grad,) = self.torch.autograd.grad(best, x)
        return grad.abs().amax(dim=1)


def _window(layer: Any, size: Any) -> Window:
    geometry = {n: getattr(layer, n) for n in ("stride", "padding", "dilation")}
    return Window.of(layer.weight.shape[2:], 2, input_size=tuple(size), **geometry)


def _pads(window: Window) -> tuple[int, ...]:
    return tuple(begin for begin, _ in window.padding)


def _extra(window: Window, size: Any) -> tuple[int, ...]:
    """The rows that a stride leaves out on the way up: AlexNet's first layer has."""
    made = window.output_size(tuple(size))
    covered = [
        (n - 1) * stride + span - sum(pad)
        for n, stride, span, pad in zip(
            made, window.stride, window.span, window.padding, strict=True
        )
    ]
    return tuple(n - least for n, least in zip(size, covered, strict=True))
