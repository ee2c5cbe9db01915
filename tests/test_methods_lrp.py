"""Relevance propagation against Captum's, and by what must be conserved."""

from __future__ import annotations

from typing import Any

import captum_peer
import numpy as np
import pytest
import small_nets
from agreement import assert_agrees
from small_models import CLASSES, small_batch, small_model, small_net

from numpy_deconv import Sequential
from numpy_deconv.errors import OptionError, RuleError
from numpy_deconv.layers import (
    AvgPool,
    Conv,
    Flatten,
    Layer,
    Linear,
    MaxPool,
    Mul,
    ReLU,
    Sigmoid,
)
from numpy_deconv.methods import gradient_times_input, integrated_gradients, lrp
from numpy_deconv.rules import gradient
from numpy_deconv.rules_composites import COMPOSITES, Composite
from numpy_deconv.rules_relevance import alpha_beta, epsilon, flat, gamma, z_plus


def chain(seed: int = 0, bias: float = 1.0) -> Sequential:
    """A chain of what Captum's LRP knows, 3x18x17 pixels."""
    draw = np.random.default_rng(seed).normal
    return Sequential(
        {
            "conv1": Conv(draw(size=(6, 3, 3, 4)), bias * draw(size=6), (2, 1), (1, 2)),
            "relu1": ReLU(),
            "pool1": MaxPool(3, 2, ceil_mode=True),
            "conv2": Conv(
                draw(size=(8, 3, 3, 2)), bias * draw(size=8), dilation=(1, 2), groups=2
            ),
            "relu2": ReLU(),
            "mean": AvgPool(2, 1),
            "flat": Flatten(),
            "fc1": Linear(draw(size=(7, 48)), bias * draw(size=7)),
            "relu3": ReLU(),
            "fc2": Linear(draw(size=(5, 7)), bias * draw(size=5)),
        }
    )


def noise(seed: int, count: int = 3) -> Any:
    return np.random.default_rng([seed, 9]).normal(size=(count, 3, 18, 17))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("amount", [1e-9, 0.25])
def test_it_is_captum_s(amount: float, seed: int) -> None:
    net, x = chain(seed), noise(seed)
    want = captum_peer.lrp(net, x, [1, 4, 0], amount)
    everywhere = COMPOSITES["epsilon"].rules(net)
    rule = epsilon(amount)
    kinds: tuple[type[Layer], ...] = (Conv, Linear, AvgPool, MaxPool)
    rules = everywhere.replace(dict.fromkeys(kinds, rule))
    got = lrp(net, x, [1, 4, 0], composite=rules)
    assert want.any()
    largest = np.abs(want).max()
    assert_agrees(got.pixels / largest, want / largest, 1e-10)


def test_in_float32_too() -> None:
    net, x = small_net(dtype="float32"), small_batch(2, "float32")
    wide, same = small_net(), small_batch(2, "float32").astype(float)
    for name in COMPOSITES:
        got = lrp(net, x, [1, 3], composite=name, low=-9, high=9)
        want = lrp(wide, same, [1, 3], composite=name, low=-9, high=9)
        assert got.pixels.dtype == np.float32
        largest = np.abs(want.pixels).max()
        assert np.abs(got.pixels - want.pixels).max() < 1e-3 * largest, name


@pytest.mark.parametrize("name", small_nets.CLASSIFIERS)
def test_without_biases_relevance_is_conserved(name: str) -> None:
    """LRP-0 and the epsilon rule are the score; so is each rule that counts shares."""
    net, x = small_nets.make(name), np.abs(small_nets.images(1, count=2))
    bare = _unbiased(net)
    for composite in (
        Composite("0", epsilon(0), epsilon(0)),
        Composite("gamma", gamma(0.3, 1e-12), epsilon(1e-12)),
        Composite("gamma flat", gamma(0.3, 1e-12), epsilon(1e-12), flat(1e-12)),
    ):
        got = lrp(bare, x, [1, 3], composite=composite)
        np.testing.assert_allclose(
            got.pixels.sum(axis=(1, 2, 3)), got.scores, rtol=2e-5
        )
        np.testing.assert_allclose(got.residual, 0, atol=2e-5)


def _unbiased(net: Any) -> Any:
    from dataclasses import replace

    from numpy_deconv import Graph, Node
    from numpy_deconv.layers import BatchNorm

    def bare(layer: Any) -> Any:
        if isinstance(layer, BatchNorm):
            return replace(layer, mean=layer.mean * 0, bias=None)
        return (
            replace(layer, bias=None)
            if getattr(layer, "bias", None) is not None
            else layer
        )

    return Graph({n: Node(bare(d.layer), d.inputs) for n, d in net.nodes.items()})


def test_lrp_0_is_gradient_times_input_is_integrated_gradients() -> None:
    """On a net of ReLUs and max pools without biases (METHODS, absolute test 6)."""
    net, x = small_net(bias=False), small_batch(2)
    got = lrp(net, x, [1, 3], composite="lrp_0").pixels
    np.testing.assert_allclose(
        got, gradient_times_input(net, x, [1, 3]).pixels, atol=1e-12
    )
    integral = integrated_gradients(net, x, [1, 3], steps=3).pixels
    np.testing.assert_allclose(got, integral, atol=1e-12)


def test_a_bias_keeps_its_share() -> None:
    net = Sequential({"sum": Linear(np.array([[2.0, 2.0]]), np.array([4.0]))})
    got = lrp(net, np.array([[1.0, 1.0]]), composite="lrp_0")
    np.testing.assert_array_equal(got.pixels, [[2, 2]])
    assert got.residual == [4.0]
    assert got.scores == [8.0]


def test_z_plus_keeps_relevance_positive() -> None:
    """For a positive score, whatever the signs of weights and inputs."""
    net, x = chain(2), noise(1)
    target = net(x).argmax(axis=1).tolist()
    assert net(x).max(axis=1).min() > 0
    got = lrp(net, x, target, composite=Composite("z+", z_plus(), z_plus()))
    assert got.pixels.min() >= 0
    mixed = lrp(net, x, target, composite="alpha2_beta1")
    assert mixed.pixels.min() < 0


def test_batch_norms_are_merged_first() -> None:
    net, x = small_nets.make("residual"), small_nets.images(1)
    got = lrp(net, x, 2)
    assert got.settings["merged"] == ["bn1", "bn2"]
    assert got.settings["rule.conv1"] == got.settings["rule.short"] == "flat"
    assert got.settings["rule.Conv"] == "z_plus"
    np.testing.assert_allclose(got.scores, net(x)[:, 2], rtol=1e-12)


def test_a_model_knows_the_bounds_of_its_inputs() -> None:
    model, x = small_model(), small_batch(dtype="float32")
    low, high = model.preprocess.bounds
    got = lrp(model, x, 1, composite="epsilon_gamma_box")
    told = lrp(model.net, x, 1, composite="epsilon_gamma_box", low=low, high=high)
    np.testing.assert_array_equal(got.pixels, told.pixels)
    other = lrp(model, x, 1, composite="epsilon_gamma_box", high=2 * high)
    assert np.abs(other.pixels - got.pixels).max() > 0


def test_memory_and_the_batch_change_nothing() -> None:
    net, x = small_net(), small_batch(3)
    want = lrp(net, x, [1, 2, 3])
    small = lrp(net, x, [1, 2, 3], memory=1)
    alone = lrp(net, x[1:2], 2)
    np.testing.assert_allclose(small.pixels, want.pixels, atol=1e-12)
    np.testing.assert_allclose(alone.pixels, want.pixels[1:2], atol=1e-12)


def test_scores_at_several_positions_add_up() -> None:
    rng = np.random.default_rng(0)
    net = Sequential({"conv": Conv(rng.normal(size=(3, 2, 2, 2)))})
    x = rng.normal(size=(1, 2, 4, 5))
    got = lrp(net, x, 1, composite="lrp_0")
    np.testing.assert_allclose(got.pixels.sum(), net(x)[0, 1].sum(), rtol=1e-12)


def test_interruption_returns_finished_samples() -> None:
    def stop(done: int, total: int) -> None:
        assert total == 3
        if done == 2:
            raise KeyboardInterrupt

    got = lrp(small_net(), small_batch(3), 1, memory=1, progress=stop)
    assert got.settings["interrupted_at"] == len(got.pixels) == len(got.residual) == 2


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(channels: int) -> None:
    net, x = small_net(channels=channels), small_batch(channels=channels)
    got = lrp(net, x)
    assert got.pixels.shape == x.shape
    assert got.image().size == (24, 20)


def test_gates_are_refused_until_told() -> None:
    net, x = small_nets.make("squeeze_excite"), small_nets.images(0)
    with pytest.raises(
        RuleError, match=r"layer 8 'mul' \(Mul\): there is no published"
    ):
        lrp(net, x, 1)
    rules = COMPOSITES["epsilon"].rules(net).replace({Mul: gradient, Sigmoid: gradient})
    assert lrp(net, x, 1, composite=rules).pixels.any()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"composite": "delta"},
            OptionError,
            "composite='delta' is not known: use one",
        ),
        ({"composite": "epsilon_gamma_box"}, OptionError, "give low= and high="),
        ({"target": CLASSES}, OptionError, "class 6 does not exist"),
    ],
)
def test_wrong_options(options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        lrp(small_net(), small_batch(), **options)


def test_alpha_and_beta_weigh_the_two_sides() -> None:
    net, x = small_net(), small_batch()
    more = Composite("3, 2", alpha_beta(3, 2), epsilon())
    one, other = (lrp(net, x, 1, composite=c) for c in ("epsilon_alpha2_beta1", more))
    assert np.abs(one.pixels - other.pixels).max() > 1e-3
