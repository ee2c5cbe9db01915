"""The embedded network as a table of layers, and as torch modules made from it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Layer = dict[str, Any]


def _conv(number: int, inputs: int, outputs: int, kernel: int, stride: int) -> Layer:
    return {
        "name": f"conv{number}",
        "type": "Conv",
        "in_channels": inputs,
        "out_channels": outputs,
        "kernel": [kernel, kernel],
        "stride": [stride, stride],
        "padding": [kernel // 2, kernel // 2],
    }


def _relu(number: int) -> Layer:
    return {"name": f"relu{number}", "type": "ReLU"}


def _pool(number: int) -> Layer:
    return {
        "name": f"pool{number}",
        "type": "MaxPool",
        "kernel": [3, 3],
        "stride": [2, 2],
        "padding": [0, 0],
        "ceil_mode": True,
    }


def layers(classes: int) -> list[Layer]:
    """Every layer in order; the output of each is the input of the next."""
    return [
        *(_conv(1, 3, 32, kernel=7, stride=2), _relu(1), _pool(1)),
        *(_conv(2, 32, 64, kernel=5, stride=1), _relu(2), _pool(2)),
        *(_conv(3, 64, 128, kernel=3, stride=1), _relu(3)),
        *(_conv(4, 128, 128, kernel=3, stride=1), _relu(4)),
        *(_conv(5, 128, 192, kernel=3, stride=1), _relu(5), _pool(5)),
        {"name": "global_pool", "type": "GlobalMaxPool"},
        {"name": "flatten", "type": "Flatten"},
        {
            "name": "fc6",
            "type": "Linear",
            "in_features": 192,
            "out_features": classes,
        },
    ]


def _module(layer: Layer) -> nn.Module:
    match layer["type"]:
        case "Conv":
            return nn.Conv2d(
                layer["in_channels"],
                layer["out_channels"],
                layer["kernel"],
                layer["stride"],
                layer["padding"],
            )
        case "ReLU":
            return nn.ReLU()
        case "MaxPool":
            return nn.MaxPool2d(
                layer["kernel"], layer["stride"], layer["padding"], ceil_mode=True
            )
        case "GlobalMaxPool":
            return nn.AdaptiveMaxPool2d(1)
        case "Flatten":
            return nn.Flatten()
        case "Linear":
            return nn.Linear(layer["in_features"], layer["out_features"])
        case other:
            raise ValueError(f"no torch module for a layer of type {other!r}")


def build(table: list[Layer], *, training: bool = False) -> nn.Sequential:
    """The network in torch; ``training`` adds a batch norm behind every convolution
    and a dropout of every fifth unit before the last layer.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for layer in table:
        if training and layer["type"] == "Linear":
            modules["dropout"] = nn.Dropout(0.2)
        modules[layer["name"]] = _module(layer)
        if training and layer["type"] == "Conv":
            norm = nn.BatchNorm2d(layer["out_channels"])
            modules[layer["name"].replace("conv", "norm")] = norm
    net = nn.Sequential(modules)
    if training:
        _smooth_start(net.get_submodule("conv1"))
    return net


@torch.no_grad()
def _smooth_start(conv: nn.Conv2d) -> None:
    """Blur the random first filters: what training does not need of them stays, and
    would show as speckle.
    """
    tap = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    channels = conv.in_channels
    kernel = (tap[:, None] * tap).expand(channels, 1, 5, 5)
    smooth = F.conv2d(conv.weight, kernel, padding=2, groups=channels)
    conv.weight.copy_(smooth * conv.weight.std() / smooth.std())


@torch.no_grad()
def fold(trained: nn.Sequential, table: list[Layer]) -> nn.Sequential:
    """The same function without batch norm (inference form, double precision)."""
    state = {name: value.double() for name, value in trained.state_dict().items()}
    for layer in table:
        if layer["type"] != "Conv":
            continue
        conv, norm = layer["name"], layer["name"].replace("conv", "norm")
        epsilon = trained.get_submodule(norm).eps
        gain = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + epsilon).sqrt()
        state[f"{conv}.weight"] *= gain[:, None, None, None]
        centred = state[f"{conv}.bias"] - state[f"{norm}.running_mean"]
        state[f"{conv}.bias"] = centred * gain + state[f"{norm}.bias"]
    plain = build(table).double()
    plain.load_state_dict({name: state[name] for name in plain.state_dict()})
    return plain


@torch.no_grad()
def balance(plain: nn.Sequential, pictures: Tensor) -> None:
    """Scale every unit to a mean maximum of 1 over `pictures`; the outputs stay.

    A positive factor passes through ReLU and max pooling, so the next layer can take
    it back. Strengths of different units become comparable, and float16 is used well.
    """
    signal, factor = pictures, torch.ones(pictures.shape[1], dtype=pictures.dtype)
    for module in plain:
        if isinstance(module, nn.Conv2d):
            module.weight.mul_(factor[None, :, None, None])
            strongest = module(signal).clamp(min=0).amax((2, 3)).mean(0)
            # A unit that never answers keeps its scale.
            factor = torch.where(strongest > 1e-3, strongest, 1.0)
            module.weight.div_(factor[:, None, None, None])
            if module.bias is not None:
                module.bias.div_(factor)
        elif isinstance(module, nn.Linear):
            module.weight.mul_(factor)
        signal = module(signal)
