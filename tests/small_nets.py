"""Small nets in float64 with the joints of the published ones, for tests of nets.

Every one takes ``(N, 4, 13, 11)``, has weights from a seed, and says in its name what
it is there for; ``CLASSIFIERS`` end in ``(N, 5)`` scores and have ReLUs only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from numpy_deconv import Graph, Node, Sequential
from numpy_deconv.layers import (
    Add,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    ConvTranspose,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool,
    MaxUnpool,
    Mul,
    Pad,
    ReLU,
    Sigmoid,
    Upsample,
)

Array = npt.NDArray[Any]
Rng = np.random.Generator

INPUT = (4, 13, 11)


def images(seed: int, count: int = 2) -> Array:
    """A read-only batch for these nets."""
    x = np.random.default_rng([seed, 1]).normal(size=(count, *INPUT))
    x.setflags(write=False)
    return x


def _conv(rng: Rng, channels: int, filters: int, *kernel: int, **options: Any) -> Conv:
    depth = channels // options.get("groups", 1)
    shape = (filters, depth, *kernel)
    scale = 1 / np.sqrt(np.prod(shape[1:]))
    return Conv(rng.normal(size=shape) * scale, rng.normal(size=filters) / 4, **options)


def _linear(rng: Rng, features: int, classes: int) -> Linear:
    weight = rng.normal(size=(classes, features)) / np.sqrt(features)
    return Linear(weight, rng.normal(size=classes))


def _norm(rng: Rng, channels: int) -> BatchNorm:
    mean, gain, bias = rng.normal(size=(3, channels))
    return BatchNorm(mean, rng.uniform(0.5, 2, channels), gain, bias)


def overlapping(rng: Rng, lrn: bool = False) -> Graph:
    """AlexNet's: 3x3/2 pools with ceil_mode and padding, groups, uneven strides."""
    norm: dict[str, Layer] = {"norm1": LocalResponseNorm(3, 0.5)} if lrn else {}
    return Sequential(
        {
            "conv1": _conv(rng, 4, 6, 3, 5, padding=(2, 1)),
            "relu1": ReLU(),
            **norm,
            "pool1": MaxPool(3, 2, ceil_mode=True),
            "conv2": _conv(rng, 6, 8, 3, 2, padding=((1, 0), (0, 1)), groups=2),
            "relu2": ReLU(),
            "pool2": MaxPool((3, 2), (2, 1), padding=1),
            "conv3": _conv(rng, 8, 6, 2, 3, stride=(1, 2), dilation=(2, 1), groups=2),
            "relu3": ReLU(),
            "drop": Dropout(),
            "flat": Flatten(),
            "fc": _linear(rng, 6 * 1 * 2, 5),
        }
    )


def fire(rng: Rng) -> Graph:
    """SqueezeNet's: one layer read by two, joined along the channels."""
    return Graph(
        {
            "squeeze": Node(_conv(rng, 4, 3, 1, 1)),
            "relu": Node(ReLU(), ("squeeze",)),
            "expand1": Node(_conv(rng, 3, 4, 1, 1), ("relu",)),
            "relu1": Node(ReLU(), ("expand1",)),
            "expand3": Node(_conv(rng, 3, 5, 3, 3, padding=1), ("relu",)),
            "relu3": Node(ReLU(), ("expand3",)),
            "join": Node(Concat(), ("relu1", "relu3")),
            "pool": Node(MaxPool(3, 2, ceil_mode=True), ("join",)),
            "head": Node(_conv(rng, 9, 5, 1, 1), ("pool",)),
            "relu_head": Node(ReLU(), ("head",)),
            "mean": Node(GlobalAvgPool(), ("relu_head",)),
            "flat": Node(Flatten(), ("mean",)),
        }
    )


def residual(rng: Rng) -> Graph:
    """ResNet's: a sum of a branch and, through a strided 1x1, what it started from."""
    return Graph(
        {
            "conv1": Node(_conv(rng, 4, 6, 3, 3, padding=1, stride=(2, 1))),
            "bn1": Node(_norm(rng, 6), ("conv1",)),
            "relu1": Node(ReLU(), ("bn1",)),
            "conv2": Node(_conv(rng, 6, 6, 3, 3, padding=1), ("relu1",)),
            "bn2": Node(_norm(rng, 6), ("conv2",)),
            "short": Node(_conv(rng, 4, 6, 1, 1, stride=(2, 1))),
            "add": Node(Add(), ("bn2", "short")),
            "relu2": Node(ReLU(), ("add",)),
            "again": Node(Add(), ("relu2", "relu1", "relu2")),
            "pool": Node(AvgPool((2, 3), (1, 2), ceil_mode=True), ("again",)),
            "flat": Node(Flatten(), ("pool",)),
            "fc": Node(_linear(rng, 6 * 6 * 5, 5), ("flat",)),
        }
    )


def inception(rng: Rng) -> Graph:
    """GoogLeNet's: four branches, one of them a stride-1 max pool."""
    return Graph(
        {
            "b1": Node(_conv(rng, 4, 3, 1, 1)),
            "b1_relu": Node(ReLU(), ("b1",)),
            "b3_in": Node(_conv(rng, 4, 2, 1, 1)),
            "b3_in_relu": Node(ReLU(), ("b3_in",)),
            "b3": Node(_conv(rng, 2, 4, 3, 3, padding=1), ("b3_in_relu",)),
            "b3_relu": Node(ReLU(), ("b3",)),
            "b5": Node(_conv(rng, 4, 2, 5, 3, padding=(2, 1))),
            "b5_relu": Node(ReLU(), ("b5",)),
            "pool": Node(MaxPool(3, 1, padding=1)),
            "pool_conv": Node(_conv(rng, 4, 3, 1, 1), ("pool",)),
            "pool_relu": Node(ReLU(), ("pool_conv",)),
            "join": Node(Concat(), ("b1_relu", "b3_relu", "b5_relu", "pool_relu")),
            "pool2": Node(MaxPool((2, 3), (3, 2), ceil_mode=True), ("join",)),
            "flat": Node(Flatten(), ("pool2",)),
            "fc": Node(_linear(rng, 12 * 5 * 5, 5), ("flat",)),
        }
    )


def squeeze_excite(rng: Rng) -> Graph:
    """One number per channel, computed from all of them, times the channel."""
    return Graph(
        {
            "conv": Node(_conv(rng, 4, 6, 3, 3)),
            "relu": Node(ReLU(), ("conv",)),
            "mean": Node(GlobalAvgPool(), ("relu",)),
            "down": Node(_conv(rng, 6, 2, 1, 1), ("mean",)),
            "down_relu": Node(ReLU(), ("down",)),
            "up": Node(_conv(rng, 2, 6, 1, 1), ("down_relu",)),
            "gate": Node(Sigmoid(), ("up",)),
            "mul": Node(Mul(), ("relu", "gate")),
            "flat": Node(Flatten(), ("mul",)),
            "fc": Node(_linear(rng, 6 * 11 * 9, 5), ("flat",)),
        }
    )


def segnet(rng: Rng) -> Graph:
    """SegNet's: a decoder that unpools by the encoder's switches."""
    return Graph(
        {
            "conv1": Node(_conv(rng, 4, 5, 3, 3, padding=1)),
            "relu1": Node(ReLU(), ("conv1",)),
            "pool1": Node(MaxPool(2), ("relu1",)),
            "conv2": Node(_conv(rng, 5, 6, 3, 3, padding=1), ("pool1",)),
            "relu2": Node(ReLU(), ("conv2",)),
            "pool2": Node(MaxPool((3, 2)), ("relu2",)),
            "unpool2": Node(MaxUnpool((3, 2), output_size=(6, 5)), _from("pool2")),
            "conv3": Node(_conv(rng, 6, 5, 3, 3, padding=1), ("unpool2",)),
            "relu3": Node(ReLU(), ("conv3",)),
            "unpool1": Node(
                MaxUnpool(2, output_size=(13, 11)), ("relu3", "pool1:switches")
            ),
            "conv4": Node(_conv(rng, 5, 3, 3, 3, padding=1), ("unpool1",)),
        }
    )


def _from(pool: str) -> tuple[str, str]:
    return pool, f"{pool}:switches"


def generator(rng: Rng) -> Graph:
    """Layers that grow: transposed convolution, padding, upsampling, spatial joins."""
    weight = rng.normal(size=(4, 2, 3, 2))
    return Graph(
        {
            "pad": Node(Pad(((1, 2), (0, 3)), "reflect")),
            "grow": Node(
                ConvTranspose(
                    weight,
                    rng.normal(size=4),
                    stride=(2, 3),
                    padding=(1, 0),
                    output_padding=(1, 0),
                    groups=2,
                ),
                ("pad",),
            ),
            "relu": Node(ReLU(), ("grow",)),
            "half": Node(Upsample((0.5, 1.5), "bilinear"), ("relu",)),
            "near": Node(Upsample((0.5, 1.5)), ("grow",)),
            "join": Node(Concat(2), ("half", "near")),
        }
    )


def shared(rng: Rng) -> Graph:
    """The same layer at three names, as in a recurrent net."""
    conv = _conv(rng, 4, 4, 3, 3, padding=1)
    return Sequential(
        [
            ("step1", conv),
            ("relu1", ReLU()),
            ("step2", conv),
            ("relu2", ReLU()),
            ("step3", conv),
        ]
    )


Maker = Callable[[Rng], Graph]

CLASSIFIERS: dict[str, Maker] = {
    "overlapping": overlapping,
    "fire": fire,
    "residual": residual,
    "inception": inception,
}

NETS: dict[str, Maker] = CLASSIFIERS | {
    "lrn": lambda rng: overlapping(rng, lrn=True),
    "squeeze_excite": squeeze_excite,
    "segnet": segnet,
    "generator": generator,
    "shared": shared,
}


def make(name: str, seed: int = 0) -> Graph:
    """The net of that name with weights from the seed."""
    return NETS[name](np.random.default_rng([seed, 0]))
