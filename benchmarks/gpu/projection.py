"""Whole nets: saliency, and the deconvnet projection of all maps of a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import case
import numpy as np
from case import Case, Sides, Tools
from torch_chain import TorchChain

from numpy_deconv import Sequential, load_model, use_backend
from numpy_deconv.layers import Conv, Flatten, Linear, MaxPool, ReLU
from numpy_deconv.methods import deconvnet, saliency
from numpy_deconv.rules import DECONVNET, scatter

PROJECTED = (("vgg16", "conv4_3"), ("alexnet", "conv5"))
AT_ONCE = 64  # maps that PyTorch has in a batch
SALIENT = ("vgg16", "alexnet")
SIDE, SMALL_SIDE = 224, 20
# a near-tie decides which unit of a map is shown, one map of hundreds; and of windows
# that overlap and show one unit, PyTorch keeps the one that happens to come last
TOLERANCES = {"vgg16": 0.15, "alexnet": 0.5}


def cases() -> Iterator[Case]:
    """Projections and saliency; their floors are not known."""
    for net, layer in PROJECTED:
        words = f"{net}: all maps of {layer}"
        sides = _projecting(net, layer)
        yield Case("projection", words, 1, "float32", 0, 0, sides, TOLERANCES[net])
    for net in SALIENT:
        for batch in (1, 2) if case.SHRUNK else (1, 32):
            sides = _salient(net, batch)
            yield Case("saliency", net, batch, "float32", 0, 0, sides, TOLERANCES[net])


@lru_cache
def _net(name: str) -> Any:
    return _small() if case.SHRUNK else load_model(f"{name}:random").net


def _small() -> Any:
    """With a layer and a size that a stride leaves rows of, as AlexNet's first."""
    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> Any:
        scale = np.sqrt(2 / np.prod(shape[1:]))
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    layers = {
        "conv1": Conv(drawn(6, 3, 5, 5), drawn(6), stride=2, padding=1),
        "relu1": ReLU(),
        "pool1": MaxPool(2, 2),
        "conv2": Conv(drawn(8, 6, 3, 3), drawn(8), padding=1),
        "relu2": ReLU(),
        "flat": Flatten(),
        "fc": Linear(drawn(5, 128), drawn(5)),
    }
    return Sequential(layers)


def _side() -> int:
    return SMALL_SIDE if case.SHRUNK else SIDE


def _layer_named(net: Any, wanted: str) -> str:
    """The convolution of that name, counted in VGG's way where it has another."""
    convs = list(net.of_type(Conv))
    if case.SHRUNK:
        return str(convs[-1])
    if wanted in convs:
        return wanted
    if "_" not in wanted:
        return str(convs[int(wanted.removeprefix("conv")) - 1])
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


def _projecting(name: str, wanted: str) -> Callable[[Tools], Sides]:
    def make(tools: Tools) -> Sides:
        net = _net(name)
        layer = _layer_named(net, wanted)
        tensor, array = tools.arrays(1, 3, _side(), _side())
        rules = DECONVNET.replace({MaxPool: scatter("assign")})  # torch's unpooling

        def ours(_: int) -> Any:
            with use_backend("cupy"):
                return deconvnet(net, array, layer, maps="all", rules=rules).pixels

        if tools.torch is None:
            return ours, None
        chain = TorchChain(tools.torch, net, layer)

        def theirs(_: int) -> Any:
            with tools.torch.no_grad():
                return chain.strongest(tensor, AT_ONCE)

        return ours, theirs

    return make


def _salient(name: str, batch: int) -> Callable[[Tools], Sides]:
    def make(tools: Tools) -> Sides:
        net = _net(name)
        tensors, arrays = tools.rotating(batch, 3, _side(), _side())

        def ours(n: int) -> Any:
            with use_backend("cupy"):
                return saliency(net, arrays[n % len(arrays)]).pixels

        if tools.torch is None:
            return ours, None
        chain = TorchChain(tools.torch, net, net.output)

        def theirs(n: int) -> Any:
            return chain.saliency(tensors[n % len(tensors)])

        return ours, theirs

    return make
