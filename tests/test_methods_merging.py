"""Merging batch norms: the same net with fewer steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import small_nets

from numpy_deconv import Graph, Node, Sequential
from numpy_deconv.layers import BatchNorm, Conv, ConvTranspose, Identity, Linear, ReLU
from numpy_deconv.methods.merging import merged_norms

Rng = np.random.Generator


def norm(rng: Rng, channels: int, affine: bool = True) -> BatchNorm:
    mean, gain, bias = rng.normal(size=(3, channels))
    var = rng.uniform(0.01, 2, channels)
    return BatchNorm(mean, var, *((gain, bias) if affine else ()), eps=0.03)


LAYERS = {
    "conv": lambda rng: (Conv(rng.normal(size=(6, 2, 3, 2)), groups=2), 6),
    "biased": lambda rng: (Conv(rng.normal(size=(6, 4, 1, 1)), rng.normal(size=6)), 6),
    "transposed": lambda rng: (
        ConvTranspose(rng.normal(size=(4, 3, 2, 3)), rng.normal(size=6), 2, groups=2),
        6,
    ),
}


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("kind", LAYERS)
def test_values_stay(kind: str, affine: bool) -> None:
    rng = np.random.default_rng(0)
    layer, channels = LAYERS[kind](rng)
    net = Sequential(
        {"first": layer, "norm": norm(rng, channels, affine), "relu": ReLU()}
    )
    x = rng.normal(size=(2, 4, 7, 6))
    got, merged = merged_norms(net)
    assert merged == ["norm"]
    assert isinstance(got["norm"], Identity)
    assert list(got) == list(net)
    np.testing.assert_allclose(got(x), net(x), atol=1e-12)


def test_linear_layers_too() -> None:
    rng = np.random.default_rng(1)
    net = Sequential({"fc": Linear(rng.normal(size=(5, 3))), "norm": norm(rng, 5)})
    x = rng.normal(size=(4, 3))
    got, merged = merged_norms(net)
    assert merged == ["norm"]
    np.testing.assert_allclose(got(x), net(x), atol=1e-12)


def test_residual_nets() -> None:
    net, x = small_nets.make("residual"), small_nets.images(0)
    got, merged = merged_norms(net)
    assert merged == ["bn1", "bn2"]
    np.testing.assert_allclose(got(x), net(x), atol=1e-12)


def test_what_is_read_by_others_stays() -> None:
    rng = np.random.default_rng(2)
    conv = Conv(rng.normal(size=(2, 2, 1)))
    nodes: dict[str, Any] = {
        "start": Node(norm(rng, 2)),
        "conv": Node(conv, ("start",)),
        "norm": Node(norm(rng, 2), ("conv",)),
        "relu": Node(ReLU(), ("conv",)),
    }
    net = Graph(nodes)
    got, merged = merged_norms(net)
    assert got is net
    assert merged == []


def test_shared_layers_are_merged_apart() -> None:
    rng = np.random.default_rng(3)
    conv = Conv(rng.normal(size=(2, 2, 1)))
    pairs = [("a", conv), ("na", norm(rng, 2)), ("b", conv), ("nb", norm(rng, 2))]
    net = Sequential(pairs)
    x = rng.normal(size=(1, 2, 5))
    got, merged = merged_norms(net)
    assert merged == ["na", "nb"]
    np.testing.assert_allclose(got(x), net(x), atol=1e-12)
