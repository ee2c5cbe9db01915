"""Single layers: every shape in which the five nets have a conv or a max pool.

Each convolution is also measured backwards, which is what a transposed convolution
computes, and each pool backwards as unpooling by its switches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from numpy_deconv.layers import Conv, MaxPool
from numpy_deconv.net import Graph, Node
from numpy_deconv.registry import get_backend

from .. import work
from ..case import Array, Case, Prepared, draw
from ..contenders import Contender
from ..contenders.backend_contender import at_switches, window_of
from ..contenders.contender import Pooled
from ..shapes import Step, distinct

BATCHES = (1, 8)
THREES, OTHERS = "conv 3x3 of VGG-16", "conv, other"
TRANSPOSED, POOLS, UNPOOLS = "transposed conv", "max pool with switches", "unpool"


def cases() -> Iterator[Case]:
    """Convolutions, transposed ones, pools, unpools; batch 1 and 8 of each."""
    for net, step in distinct(Conv):
        threes = net == "vgg16" and step.weight[2:] == (3, 3)
        kinds = {"": THREES if threes else OTHERS, " transposed": TRANSPOSED}
        for batch in BATCHES:
            for words, group in kinds.items():
                prepare = transposed if words else convolution
                title = f"{net} {step.row.name}{words} {step.words()}"
                yield Case(
                    "layers",
                    group,
                    title,
                    batch,
                    work.conv(step, batch),
                    partial(prepare, step, batch),
                )
    for net, step in distinct(MaxPool):
        title = f"{net} {step.row.name}"
        for batch in BATCHES:
            yield Case(
                "layers",
                POOLS,
                f"{title} max pool {step.words()}",
                batch,
                work.pool(step, batch),
                partial(pool, step, batch),
                0.0,
            )
            yield Case(
                "layers",
                UNPOOLS,
                f"{title} unpool {step.words()}",
                batch,
                work.unpool(step, batch),
                partial(unpool, step, batch),
                0.0,
            )


def layer_of(step: Step) -> Conv:
    """The convolution with drawn weights; each output is of the size of its inputs."""
    scale = np.float32(1 / np.sqrt(np.prod(step.weight[1:])))
    bias = draw(step.weight[0], seed=2) if "bias" in step.row.shapes else None
    return Conv(draw(*step.weight, seed=1) * scale, bias, **step.row.options)


def convolution(step: Step, batch: int, contenders: Iterable[Contender]) -> Prepared:
    """Forward, with the bias that the net has."""
    conv, x = layer_of(step), draw(batch, *step.size)
    window = window_of(conv, step.size[1:])
    reference = get_backend("numpy")

    def truth() -> tuple[Array]:
        bias = None if conv.bias is None else conv.bias.astype("f8")
        weight = conv.weight.astype("f8")
        y = [reference.conv(s, weight, bias, window, conv.groups) for s in samples(x)]
        return (np.concatenate(y),)

    net = Graph({"conv": Node(conv)})
    return Prepared.of(truth, contenders, lambda who: who.layer(net, x))


def transposed(step: Step, batch: int, contenders: Iterable[Contender]) -> Prepared:
    """The adjoint in the input, without bias."""
    conv, grad, size = layer_of(step), draw(batch, *step.out), step.size[1:]
    window = window_of(conv, size)
    reference = get_backend("numpy")

    def truth() -> tuple[Array]:
        rest = (conv.weight.astype("f8"), None, size, window, conv.groups)
        return (
            np.concatenate(
                [reference.conv_input_grad(s, *rest) for s in samples(grad)]
            ),
        )

    return Prepared.of(truth, contenders, lambda who: who.input_grad(conv, grad, size))


def pool(step: Step, batch: int, contenders: Iterable[Contender]) -> Prepared:
    """Max pooling of what a rectifier lets through, so that there are ties."""
    x = np.maximum(draw(batch, *step.size), 0)
    layer = MaxPool(**step.row.options)
    window = window_of(layer, step.size[1:])
    net = Graph({"pool": Node(layer)})
    return Prepared.of(
        lambda: at_switches(x, *get_backend("numpy").max_pool(x, window)),
        contenders,
        lambda who: who.layer(net, x),
    )


def unpool(step: Step, batch: int, contenders: Iterable[Contender]) -> Prepared:
    """Unpooling by the switches of that pool; where windows overlap, the last wins."""
    x = np.maximum(draw(batch, *step.size), 0)
    window = window_of(MaxPool(**step.row.options), step.size[1:])
    y, switches = get_backend("numpy").max_pool(x, window)
    size = step.size[1:]
    pooled = Pooled(
        draw(*y.shape, seed=1), switches, window.kernel, window.stride, size
    )
    return Prepared.of(
        lambda: (
            get_backend("numpy").scatter(pooled.y, pooled.switches, size, "assign"),
        ),
        contenders,
        lambda who: who.unpool(pooled),
    )


def samples(x: Array) -> Iterator[Array]:
    """One sample at a time in float64, which bounds the memory that truth takes."""
    for n in range(len(x)):
        yield x[n : n + 1].astype(np.float64)
