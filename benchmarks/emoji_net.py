"""The embedded network while it is trained, and what is shipped of it.

Batch normalisation and dropout are there in training only: the first is folded into
the convolutions, the second is nothing at inference.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

import numpy_deconv as nd
from numpy_deconv import Graph, Node
from numpy_deconv.layers import BatchNorm, Conv, Dropout, Layer, Linear, MaxPool
from numpy_deconv.models import ARCHITECTURES, Row

EMOJI = ARCHITECTURES["emoji_zfnet"]
DROPPED = 0.2
Array = npt.NDArray[Any]


def norm_of(conv: str) -> str:
    """The name of the batch norm behind a convolution."""
    return conv.replace("conv", "norm")


def first_weights(seed: int) -> dict[str, Array]:
    """Uniform within ``1 / sqrt(fan-in)``, biases too; the first filters are smooth.

    What training does not need of random filters stays, and would show as speckle.
    """
    chance = np.random.default_rng(seed)
    weights: dict[str, Array] = {}
    fan = 1
    for key, shape in EMOJI.parameters().items():
        fan = math.prod(shape[1:]) if len(shape) > 1 else fan
        limit = 1 / math.sqrt(fan)
        weights[key] = chance.uniform(-limit, limit, shape).astype(np.float32)
    rough = weights["conv1.weight"]
    tap = np.array([1, 4, 6, 4, 1], np.float32) / 16
    kernel = np.tile(tap[:, None] * tap, (3, 1, 1, 1))
    smooth = nd.conv(rough, kernel, padding=2, groups=3)
    weights["conv1.weight"] = smooth * (rough.std() / smooth.std())
    return weights


def for_training(weights: dict[str, Array]) -> Graph:
    """The net of these weights, with batch norms and a dropout."""
    nodes: dict[str, Node] = {}
    above = "input"

    def add(name: str, layer: Layer) -> None:
        nonlocal above
        nodes[name], above = Node(layer, (above,)), name

    for name, node in EMOJI.build(weights).nodes.items():
        if isinstance(node.layer, Linear):
            add("dropout", Dropout(DROPPED))
        add(name, node.layer)
        if isinstance(node.layer, Conv):
            count = len(node.layer.weight)
            zeros, ones = np.zeros((2, count), "f4"), np.ones((2, count), "f4")
            add(norm_of(name), BatchNorm(zeros[0], ones[0], ones[1], zeros[1]))
    return Graph(nodes)


def folded(trained: Graph) -> dict[str, Array]:
    """Weights of the same function without batch norms, in float64."""
    params = {name: value.astype(np.float64) for name, value in trained.params.items()}
    weights: dict[str, Array] = {}
    for name in trained.of_type(Conv, Linear):
        weight, bias = params[f"{name}.weight"], params[f"{name}.bias"]
        if name != "fc6":
            norm = norm_of(name)
            layer = trained[norm]
            spread = np.sqrt(params[f"{norm}.var"] + layer.eps)  # type: ignore[attr-defined]
            gain = params[f"{norm}.weight"] / spread
            bias = (bias - params[f"{norm}.mean"]) * gain + params[f"{norm}.bias"]
            weight = weight * gain[:, None, None, None]
        weights |= {f"{name}.weight": weight, f"{name}.bias": bias}
    return weights


def balanced(weights: dict[str, Array], x: Array) -> dict[str, Array]:
    """The same function, every unit scaled to a mean maximum of 1 over ``x``.

    A positive factor passes through ReLU and max pooling, so the next layer can take
    it back. Strengths of different units become comparable, and float16 is used well.
    """
    scaled = dict(weights)
    factor = np.ones(x.shape[1])
    tape = EMOJI.build(weights).run(x)
    for name in tape.net.of_type(Conv):
        strongest = np.maximum(tape[name], 0).max((2, 3)).mean(0)
        # A unit that never answers keeps its scale.
        own = np.where(strongest > 1e-3, strongest, 1.0)
        into = weights[f"{name}.weight"] * factor[None, :, None, None]
        scaled[f"{name}.weight"] = into / own[:, None, None, None]
        scaled[f"{name}.bias"] = weights[f"{name}.bias"] / own
        factor = own
    scaled["fc6.weight"] = weights["fc6.weight"] * factor
    return scaled


def table() -> list[dict[str, Any]]:
    """Every layer of what is shipped, in order, for its description."""
    return [_described(row) for row in EMOJI.rows]


def _described(row: Row) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": row.name, "type": row.layer.__name__}
    options = row.options
    if row.layer is Conv:
        out, channels, *kernel = row.shapes["weight"]
        entry |= {"in_channels": channels, "out_channels": out, "kernel": kernel}
        entry |= {"stride": [options["stride"]] * 2}
        entry |= {"padding": [options["padding"]] * 2}
    elif row.layer is Linear:
        out, features = row.shapes["weight"]
        entry |= {"in_features": features, "out_features": out}
    elif row.layer is MaxPool:
        entry |= {"kernel": [options["kernel_size"]] * 2}
        entry |= {"stride": [options["stride"]] * 2, "padding": [0, 0]}
        entry |= {"ceil_mode": options["ceil_mode"]}
    return entry
