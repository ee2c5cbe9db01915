"""Whole networks with random weights: saliency and switches are PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch_models
import torch_peer

from numpy_deconv.layers import MaxPool
from numpy_deconv.methods import saliency
from numpy_deconv.models import ARCHITECTURES
from numpy_deconv.net import Graph

SIZES = {"alexnet": 131, "vgg16": 64, "squeezenet1_1": 99, "resnet18": 75}
"""Odd where the strides allow it: the pools' last windows hang over."""


@pytest.fixture(scope="module", params=SIZES)
def case(request):
    name = request.param
    weights = ARCHITECTURES[name].random_weights(seed=2, classes=20)
    size = SIZES[name]
    x = np.random.default_rng(3).normal(size=(2, 3, size, size)).astype(np.float32)
    return name, weights, ARCHITECTURES[name].build(weights), x


def test_saliency_is_torchs(case):
    name, weights, net, x = case
    ours = saliency(net, x, 7).pixels
    theirs = torch_models.saliency(name, weights, x, 7)
    # a near tie of a pool may fall either way in float32 and move single pixels
    far = np.abs(ours - theirs) > 1e-4 * theirs.max()
    assert far.mean() < 1e-3
    assert np.linalg.norm(ours - theirs) < 1e-3 * np.linalg.norm(theirs)


def test_switches_are_torchs(case):
    _, _, net, x = case
    tape = net.run(x)
    pools = net.of_type(MaxPool)
    assert len(pools) >= (1 if case[0] == "resnet18" else 3)
    for pool in pools:
        (source,) = net.nodes[pool].inputs
        options = pool_options(net, pool)
        _, switches = torch_peer.value("max_pool", tape[source], **options)
        np.testing.assert_array_equal(tape.saved[pool].switches, switches)


def pool_options(net: Graph, pool: str) -> dict[str, object]:
    layer = net[pool]
    assert isinstance(layer, MaxPool)
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    return {name: getattr(layer, name) for name in names}
