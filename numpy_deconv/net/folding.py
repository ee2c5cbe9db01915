"""Batch normalisations computed by the convolutions before them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from ..arrays import Array
from ..layers import BatchNorm, Conv
from .graph import Graph, Node


def fold_batch_norms(net: Graph) -> Graph:
    """The same function with every BatchNorm that alone reads a Conv made part of it.

    With stored statistics a normalisation is a scale and a shift of each channel, so
    the Conv takes weights ``w * g / sqrt(var + eps)``, a bias to match, and the
    BatchNorm's name; its own sum is no activation any more. Outputs and gradients are
    equal but for rounding, and a pass over memory is saved each time. To look into a
    net or to train it, keep the one that was folded.

    >>> from numpy_deconv.layers import BatchNorm, Conv
    >>> from numpy_deconv.net import Sequential
    >>> two, one = np.full(1, 2.0), np.ones(1)
    >>> net = Sequential({"conv": Conv(np.ones((1, 1, 1))), "bn": BatchNorm(two, one)})
    >>> sorted(fold_batch_norms(net).nodes)
    ['bn']
    """
    reads = Counter(
        read.partition(":")[0] for node in net.nodes.values() for read in node.inputs
    )
    nodes: dict[str, Node] = {}
    for name, node in net.nodes.items():
        before = nodes.get(node.inputs[0])
        if type(node.layer) is BatchNorm and before and reads[node.inputs[0]] == 1:
            conv = before.layer
            if type(conv) is Conv:
                del nodes[node.inputs[0]]
                nodes[name] = Node(_folded(conv, node.layer), before.inputs)
                continue
        nodes[name] = node
    return Graph(nodes)


def _folded(conv: Conv, norm: BatchNorm) -> Conv:
    scale = 1 / np.sqrt(norm.var.astype(np.float64) + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight
    weight = conv.weight * scale.reshape(-1, *(1,) * (conv.weight.ndim - 1))
    shift = -norm.mean if conv.bias is None else conv.bias - norm.mean
    bias = shift * scale + (0 if norm.bias is None else norm.bias)
    kind = conv.weight.dtype
    return replace(conv, weight=_fixed(weight, kind), bias=_fixed(bias, kind))


def _fixed(values: Array, dtype: np.dtype[np.generic]) -> Array:
    """Read-only, so that backends need not look for changes at each call."""
    made = values.astype(dtype)
    made.flags.writeable = False
    return made
