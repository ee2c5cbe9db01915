"""Batch norms written into the convolutions before them: the same net, fewer steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..layers import BatchNorm, Conv, ConvTranspose, Identity, Linear
from ..net import Graph, Node


def merged_norms(net: Graph) -> tuple[Graph, list[str]]:
    """The net with each batch norm that follows a convolution or linear layer merged.

    ``y = g*(w*x + b - mean) + bias`` is one layer with weight ``g*w``. Every name
    stays: a merged norm becomes an Identity, and is named in the second result. A norm
    of what other layers read too stays as it is.
    """
    read = Counter(source for node in net.nodes.values() for source in node.inputs)
    nodes, merged = dict(net.nodes), []
    for name, node in net.nodes.items():
        if not isinstance(node.layer, BatchNorm):
            continue
        (source,) = node.inputs
        before = nodes.get(source)
        alone = read[source] == 1 and source != net.output
        if before is None or not alone:
            continue
        if isinstance(before.layer, Conv | ConvTranspose | Linear):
            nodes[source] = Node(_scaled(before.layer, node.layer), before.inputs)
            nodes[name] = Node(Identity(), node.inputs)
            merged.append(name)
    return (Graph(nodes), merged) if merged else (net, [])


def _scaled(layer: Any, norm: BatchNorm) -> Any:
    gain = 1 / np.sqrt(norm.var + norm.var.dtype.type(norm.eps))
    gain = gain if norm.weight is None else norm.weight * gain
    bias = -norm.mean if layer.bias is None else layer.bias - norm.mean
    bias = gain * bias
    bias = bias if norm.bias is None else bias + norm.bias
    return replace(layer, weight=_by_output(layer, gain), bias=bias)


def _by_output(layer: Any, gain: Array) -> Array:
    """The weight times a number for each output channel."""
    weight = layer.weight
    kernel = (1,) * (weight.ndim - 2)
    if not isinstance(layer, ConvTranspose):
        return weight * gain.reshape(-1, 1, *kernel)
    # (C, K/G, *kernel): the outputs of group g are those of the inputs of group g
    depth = len(weight) // layer.groups
    each = gain.reshape(layer.groups, 1, -1).repeat(depth, axis=1)
    return weight * each.reshape(*weight.shape[:2], *kernel)
