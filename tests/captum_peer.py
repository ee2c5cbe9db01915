"""Captum's answers: attributions of a net's torch twin, and what is said of them."""

from __future__ import annotations

import warnings
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import torch
from captum.attr import (
    LRP,
    Deconvolution,
    GuidedBackprop,
    IntegratedGradients,
    LayerAttribution,
    LayerGradCam,
    NoiseTunnel,
    Occlusion,
    Saliency,
)
from captum.attr._utils.lrp_rules import EpsilonRule
from captum.metrics import infidelity as infidelity_of
from captum.metrics import sensitivity_max as sensitivity_of
from torch import nn
from torch_nets import Twin, call

from numpy_deconv import Graph, Sequential, layers

Array = npt.NDArray[Any]


def attribute(method: str, net: Graph, x: Array, targets: list[int]) -> Array:
    """Captum's attribution of one output of ``(N, classes)`` per sample."""
    twin = Twin(net)
    inputs = torch.from_numpy(x.copy()).requires_grad_()
    target = torch.tensor(targets)
    with warnings.catch_warnings():  # it tells that it sets hooks on the ReLUs
        warnings.simplefilter("ignore", UserWarning)
        if method == "gradient":
            found = Saliency(twin).attribute(inputs, target=target, abs=False)
        elif method == "deconvnet":
            found = Deconvolution(twin).attribute(inputs, target=target)
        else:
            found = GuidedBackprop(twin).attribute(inputs, target=target)
    return np.asarray(found.detach().numpy())


def integrated_gradients(
    net: Graph, x: Array, baseline: Array, targets: list[int], steps: int, method: str
) -> Array:
    """Captum's integral from ``baseline``; ``method`` is a name of Captum's."""
    found = IntegratedGradients(Twin(net)).attribute(
        torch.from_numpy(x.copy()),
        torch.from_numpy(baseline.copy()),
        target=torch.tensor(targets),
        n_steps=steps,
        method=method,
    )
    return np.asarray(found.detach().numpy())


def smoothgrad(
    net: Graph, x: Array, noise: Array, targets: list[int], statistic: str
) -> Array:
    """Captum's statistic over the copies ``x[n] + noise[n, k]``."""
    count = noise.shape[1]
    drawn = torch.from_numpy(noise.reshape(-1, *x.shape[1:]))
    tunnel = NoiseTunnel(Saliency(Twin(net)))
    with patch("torch.normal", lambda mean, deviation: drawn):
        found = tunnel.attribute(
            torch.from_numpy(x.copy()),
            nt_type=statistic,
            nt_samples=count,
            target=torch.tensor(targets),
            abs=False,
        )
    return np.asarray(found.detach().numpy())


class _Until(nn.Module):
    """A twin that tells the activation of one layer by a module that does nothing."""

    def __init__(self, net: Graph, layer: str) -> None:
        super().__init__()
        self.twin, self.layer, self.place = Twin(net), layer, nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values, twin = {"input": x}, self.twin
        for name, node in twin.net.nodes.items():
            xs = [values[source] for source in node.inputs]
            params = {key: twin.leaves[f"{name}.{key}"] for key in node.layer.params}
            result = call(node.layer, params, *xs)
            values[name] = result[0] if isinstance(result, tuple) else result
            if name == self.layer:
                values[name] = self.place(values[name])
        return values[twin.net.output]


def grad_cam(net: Graph, x: Array, layer: str, targets: list[int]) -> Array:
    """Captum's Grad-CAM in the layer's own size, ``(N, *size)``."""
    model = _Until(net, layer)
    found = LayerGradCam(model, model.place).attribute(
        torch.from_numpy(x.copy()), torch.tensor(targets), relu_attributions=True
    )
    return np.asarray(found.detach().numpy())[:, 0]


def interpolated(maps: Array, size: tuple[int, int]) -> Array:
    """Captum's enlargement of maps ``(N, H, W)``."""
    tensor = torch.from_numpy(maps.copy())[:, None]
    found = LayerAttribution.interpolate(tensor, size, "bilinear")
    return np.asarray(found.numpy())[:, 0]


def occlusion(
    net: Graph,
    x: Array,
    targets: list[int],
    size: tuple[int, int],
    stride: tuple[int, int],
) -> Array:
    """Captum's mean fall of the score, for each input that squares of zeros cover."""
    channels = x.shape[1]
    found = Occlusion(Twin(net)).attribute(
        torch.from_numpy(x.copy()),
        (channels, *size),
        (channels, *stride),
        target=torch.tensor(targets),
    )
    return np.asarray(found.detach().numpy())


def lrp(net: Sequential, x: Array, targets: list[int], epsilon: float) -> Array:
    """Captum's relevance with its epsilon rule in every layer of a chain."""
    model = _Chain(net)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.MaxPool2d | nn.AvgPool2d):
            module.rule = EpsilonRule(epsilon)
    inputs = torch.from_numpy(x.copy()).requires_grad_()
    with warnings.catch_warnings():  # it tells that it sets hooks
        warnings.simplefilter("ignore", UserWarning)
        found = LRP(model).attribute(inputs, torch.tensor(targets))
    return np.asarray(found.detach().numpy())


class _Chain(nn.Module):
    """A chain of convolutions, ReLUs, pools and linear layers as torch modules."""

    def __init__(self, net: Sequential) -> None:
        super().__init__()
        self.flat = net.of_type(layers.Flatten)[0]
        for name in net:
            if name != self.flat:
                self.add_module(name, _module(net[name]))
        self.double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        names = iter([name for name, _ in self.named_children()])
        for name in names:
            module = getattr(self, name)
            if isinstance(module, nn.Linear) and x.ndim > 2:
                x = torch.flatten(x, 1)
            x = module(x)
        return x


def _module(layer: Any) -> nn.Module:
    if isinstance(layer, layers.ReLU):
        return nn.ReLU()
    if isinstance(layer, layers.MaxPool):
        options = layer.kernel_size, layer.stride, layer.padding
        return nn.MaxPool2d(*options, ceil_mode=layer.ceil_mode)
    if isinstance(layer, layers.AvgPool):
        return nn.AvgPool2d(layer.kernel_size, layer.stride)
    weight = torch.from_numpy(np.array(layer.weight))
    made: nn.Conv2d | nn.Linear
    if isinstance(layer, layers.Conv):
        made = nn.Conv2d(
            weight.shape[1] * layer.groups,
            weight.shape[0],
            (weight.shape[2], weight.shape[3]),
            layer.stride,
            layer.padding,
            layer.dilation,
            layer.groups,
        )
    else:
        made = nn.Linear(weight.shape[1], weight.shape[0])
    made.weight.data = weight
    made.bias = nn.Parameter(torch.from_numpy(np.array(layer.bias)))
    return made


def infidelity(
    net: Graph,
    x: Array,
    attribution: Array,
    noise: Array,
    targets: list[int],
    *,
    normalize: bool,
) -> Array:
    """Captum's infidelity over the perturbations ``noise[n, k]``, one per sample."""
    count = noise.shape[1]

    def perturbed(inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        drawn = torch.from_numpy(noise.reshape(-1, *x.shape[1:]))
        return drawn, inputs - drawn

    found = infidelity_of(
        Twin(net),
        perturbed,
        torch.from_numpy(x.copy()),
        torch.from_numpy(attribution.copy()),
        target=torch.tensor(targets),
        n_perturb_samples=count,
        normalize=normalize,
    )
    return np.asarray(found.detach().numpy())


def sensitivity_max(net: Graph, x: Array, noise: Array, targets: list[int]) -> Array:
    """Captum's largest change of the gradient over ``x[n] + noise[n, k]``."""
    count = noise.shape[1]

    def perturbed(inputs: Any, radius: float) -> tuple[torch.Tensor, ...]:
        return (inputs + torch.from_numpy(noise.reshape(-1, *x.shape[1:])),)

    def gradient(inputs: Any, **options: Any) -> Any:
        inputs = tuple(each.detach().requires_grad_() for each in inputs)
        return Saliency(Twin(net)).attribute(inputs, abs=False, **options)

    found = sensitivity_of(
        gradient,
        torch.from_numpy(x.copy()),
        perturb_func=perturbed,
        n_perturb_samples=count,
        max_examples_per_batch=count * len(x),
        target=torch.tensor(targets),
    )
    return np.asarray(found.detach().numpy())
