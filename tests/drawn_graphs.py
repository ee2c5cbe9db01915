"""Random graphs whose every value rises with every value that it depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from numpy_deconv import Graph, Node
from numpy_deconv.errors import NumpyDeconvError
from numpy_deconv.layers import (
    AdaptiveAvgPool,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Layer,
    MaxPool,
    Mul,
    Pad,
    ReLU,
    Upsample,
)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Draw:
    """Draws numbers for each axis by itself."""

    data: st.DataObject
    rank: int

    def one(self, *choices: Any) -> Any:
        return self.data.draw(st.sampled_from(choices))

    def each(self, *choices: Any) -> tuple[Any, ...]:
        return tuple(self.one(*choices) for _ in range(self.rank))

    def pairs(self) -> tuple[tuple[int, int], ...]:
        return tuple((self.one(0, 1, 2), self.one(0, 1, 2)) for _ in range(self.rank))


def conv(d: Draw) -> Layer:
    return Conv(
        np.ones((1, 1, *d.each(1, 2, 3))),
        stride=d.each(1, 2, 3),
        padding=d.one(d.pairs(), "same", "same_lower"),
        dilation=d.each(1, 2),
    )


def conv_transpose(d: Draw) -> Layer:
    stride = d.each(1, 2, 3)
    return ConvTranspose(
        np.ones((1, 1, *d.each(1, 2, 3))),
        stride=stride,
        padding=d.each(0, 1),
        output_padding=tuple(d.one(*range(s)) for s in stride),
        dilation=d.each(1, 2),
    )


def max_pool(d: Draw) -> Layer:
    kernel = d.each(2, 3)
    return MaxPool(
        kernel,
        d.each(1, 2, 3),
        tuple(d.one(0, 1) for _ in kernel),
        d.each(1, 2),
        ceil_mode=d.one(True, False),
    )


def avg_pool(d: Draw) -> Layer:
    return AvgPool(
        d.each(2, 3), d.each(1, 2, 3), d.each(0, 1), ceil_mode=d.one(True, False)
    )


ONE: tuple[Callable[[Draw], Layer], ...] = (
    conv,
    conv_transpose,
    max_pool,
    avg_pool,
    lambda d: AdaptiveAvgPool(d.each(1, 2, 3, 5)),
    lambda d: ReLU(),
    lambda d: Pad(d.pairs(), d.one("constant", "reflect", "replicate", "circular"), 1),
    lambda d: Upsample(d.each(1, 2, 1.5, 0.5), d.one("nearest", "bilinear")),
)
TWO: tuple[Callable[[Draw], Layer], ...] = (
    lambda d: Add(),
    lambda d: Mul(),
    lambda d: Concat(),
    lambda d: Concat(d.one(*range(2, 2 + d.rank))),
)


def positive_input(size: tuple[int, ...]) -> Array:
    return np.random.default_rng(0).uniform(1, 2, (1, 1, *size))


def grown(d: Draw, size: tuple[int, ...], steps: int, branching: bool) -> Graph:
    """A graph of drawn layers; one that does not fit where it stands is left out."""
    nodes: dict[str, Node] = {"first": Node(ReLU())}
    tape = Graph(nodes).run(positive_input(size))
    for number in range(steps):
        name, last = f"layer{number}", list(nodes)[-1]
        joins = branching and d.one(False, True)
        if joins:
            sources = (last, d.one("input", *nodes))
            node = Node(d.one(*TWO)(d), tuple(d.data.draw(st.permutations(sources))))
        else:
            source = d.one(last, *nodes) if branching else last
            node = Node(d.one(*ONE)(d), (source,))
        node = _one_channel(node, tape[node.inputs[0]].shape[1])
        try:
            tape = Graph(nodes | {name: node}).run(positive_input(size))
        except NumpyDeconvError:
            continue
        if tape.output[0, 0].size <= 400:
            nodes[name] = node
    return Graph(nodes)


def _one_channel(node: Node, channels: int) -> Node:
    """Convolutions read all channels, with weights above 0, and put out one."""
    layer = node.layer
    if not isinstance(layer, Conv | ConvTranspose):
        return node
    kernel = layer.weight.shape[2:]
    shape = (1, channels) if isinstance(layer, Conv) else (channels, 1)
    # a bias keeps every value above 0, so that no product hides its other factor
    arrays = {"weight": np.ones((*shape, *kernel)), "bias": np.ones(1)}
    fields = vars(layer) | arrays
    return Node(type(layer)(**fields), node.inputs)


def drawn_unit(
    data: st.DataObject, branching: bool
) -> tuple[Graph, tuple[int, ...], tuple[int, ...]]:
    d = Draw(data, data.draw(st.integers(1, 3)))
    size = d.each(*{1: (7, 1, 2, 12, 17), 2: (5, 1, 2, 6, 9), 3: (3, 1, 2, 5)}[d.rank])
    net = grown(d, size, d.one(1, 2, 3, 4, 5), branching)
    shape = net(positive_input(size)).shape[2:]
    return net, size, tuple(data.draw(st.integers(0, n - 1)) for n in shape)
