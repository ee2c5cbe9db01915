"""Which rule each layer gets: by type, and for the first ones by themselves."""

from __future__ import annotations

import numpy as np
import pytest
import small_nets

from numpy_deconv import Graph, Node, Sequential, layers
from numpy_deconv.errors import OptionError, RuleError
from numpy_deconv.layers import Conv, Flatten, Linear, Mul, ReLU, Sigmoid
from numpy_deconv.layers.matmul import MatMul
from numpy_deconv.layers.reduction import Reduce
from numpy_deconv.layers.reshaping import Reshape, Transpose
from numpy_deconv.rules import Rules, identity
from numpy_deconv.rules_composites import COMPOSITES, Composite, first_weighted
from numpy_deconv.rules_relevance import epsilon, gamma

FIRST = {
    "overlapping": ["conv1"],
    "fire": ["squeeze"],
    "residual": ["conv1", "short"],
    "inception": ["b1", "b3_in", "b5", "pool_conv"],
    "generator": ["grow"],
}


@pytest.mark.parametrize("name", FIRST)
def test_the_first_layers(name: str) -> None:
    assert first_weighted(small_nets.make(name)) == FIRST[name]


@pytest.mark.parametrize("name", COMPOSITES)
def test_every_layer_gets_its_rule(name: str) -> None:
    made, net = COMPOSITES[name], small_nets.make("residual")
    rules = made.rules(net, -1, 1)
    assert made.name == rules.name == name
    assert rules.for_layer(net["conv2"]) == made.conv
    assert rules.for_layer(net["fc"]) == made.linear
    first = rules.for_layer(net["conv1"]).name
    if made.first is None:
        assert first == made.conv.name
    else:
        assert first == str(made.first)
    assert rules.for_layer(net["relu1"]).name == "identity"
    assert rules.for_layer(net["add"]).name == "epsilon(1e-06)"
    assert rules.for_layer(net["flat"]).name == "gradient"


def test_the_published_ones() -> None:
    shown = {
        name: (made.conv.name, made.linear.name, str(made.first))
        for name, made in COMPOSITES.items()
    }
    assert shown["epsilon_plus"] == ("z_plus", "epsilon(1e-06)", "None")
    assert shown["epsilon_plus_flat"] == ("z_plus", "epsilon(1e-06)", "flat")
    assert shown["epsilon_alpha2_beta1"][0] == "alpha_beta(2, 1)"
    assert shown["epsilon_gamma_box"] == ("gamma(0.25)", "epsilon(1e-06)", "z_box")
    assert shown["lrp_0"][:2] == ("epsilon(0)", "epsilon(0)")


def test_a_box_needs_bounds() -> None:
    message = "epsilon_gamma_box needs the lowest and the highest input there is"
    with pytest.raises(OptionError, match=message):
        COMPOSITES["epsilon_gamma_box"].rules(small_nets.make("fire"), low=0)


@pytest.mark.parametrize("layer", [Mul(), layers.Softmax(), layers.LpPool(2.0, 1)])
def test_what_was_never_published_is_refused(layer: layers.Layer) -> None:
    rules = COMPOSITES["epsilon"].rules(Sequential({"relu": ReLU()}))
    with pytest.raises(RuleError, match="there is no published rule for"):
        rules.for_layer(layer)(layer, (), np.ones(1))


def test_a_layer_of_one_s_own_is_refused_too() -> None:
    class Mine(layers.Layer):
        def forward(self, *xs):  # type: ignore[no-untyped-def]
            return xs[0], None

        def vjp(self, saved, gy):  # type: ignore[no-untyped-def]
            return (gy,)

    net = Sequential({"mine": Mine(), "relu": ReLU()})
    rules = COMPOSITES["epsilon"].rules(net)
    with pytest.raises(
        RuleError, match=r"layer 1 'mine' \(Mine\): there is no publish"
    ):
        net.run(np.ones((1, 2))).project(np.ones((1, 2)), start="relu", rules=rules)
    told = rules.replace({Mine: identity})
    assert (
        net.run(np.ones((1, 2)))
        .project(np.ones((1, 2)), start="relu", rules=told)
        .all()
    )


def test_a_layer_itself_comes_before_its_type() -> None:
    first, second = Sigmoid(), Sigmoid()
    rules = Rules("mine", {Sigmoid: epsilon(), first: gamma()})
    assert rules.for_layer(first) == gamma()
    assert rules.for_layer(second) == epsilon()
    assert rules.replace({second: identity}).for_layer(second) == identity
    assert rules.settings() == {"Sigmoid": "epsilon(1e-06)"}


def test_a_composite_of_one_s_own() -> None:
    rng = np.random.default_rng(0)
    net = Sequential(
        {
            "conv": Conv(rng.normal(size=(2, 1, 2))),
            "flat": Flatten(),
            "fc": Linear(rng.normal(size=(2, 6))),
        }
    )
    made = Composite("mine", gamma(0.1), epsilon(0.3), epsilon(0.7))
    rules = made.rules(net)
    assert rules.for_layer(net["conv"]).name == "epsilon(0.7)"
    assert rules.for_layer(net["fc"]).name == "epsilon(0.3)"


def shared_out(net: Sequential, x: np.ndarray, relevance: np.ndarray) -> np.ndarray:
    rules = COMPOSITES["lrp_0"].rules(net)
    return net.run(x).project(relevance, start=net.output, rules=rules)


@pytest.mark.parametrize("kind", ["sum", "mean"])
def test_sums_share_out(kind: str) -> None:
    x, relevance = np.array([[[1.0, 3.0, -2.0]]]), np.array([[[6.0]]])
    got = shared_out(Sequential({"it": Reduce(kind, (2,))}), x, relevance)
    np.testing.assert_allclose(got, 3 * x, rtol=1e-5)


def test_extremes_hand_to_the_winner() -> None:
    x, relevance = np.array([[[1.0, 3.0, -2.0]]]), np.array([[[6.0]]])
    got = shared_out(Sequential({"it": Reduce("max", (2,))}), x, relevance)
    np.testing.assert_array_equal(got, [[[0, 6, 0]]])
    with pytest.raises(RuleError, match="there is no published rule for Reduce here"):
        shared_out(Sequential({"it": Reduce("l2", (2,))}), x, relevance)


def test_products_with_constants_share_out_those_of_signals_do_not() -> None:
    x, weight = np.array([[[1.0, 2.0]]]), np.array([[3.0], [-1.0]])
    net = Sequential({"it": MatMul((None, weight))})
    got = shared_out(net, x, np.array([[[5.0]]]))
    np.testing.assert_allclose(got, [[[15, -10]]], rtol=1e-5)
    square = Graph({"it": Node(MatMul(), ("input", "input"))})
    rules = COMPOSITES["epsilon"].rules(square)
    tape = square.run(np.ones((1, 2, 2)))
    with pytest.raises(RuleError, match="there is no published rule for MatMul here"):
        tape.project(np.ones((1, 2, 2)), start="it", rules=rules)


def test_reshaping_only_moves_relevance() -> None:
    x = np.arange(1.0, 7.0).reshape(1, 2, 3)
    net = Sequential({"turn": Transpose((0, 2, 1)), "flat": Reshape((6,))})
    relevance = np.arange(6.0)[None]
    want = relevance.reshape(1, 3, 2).transpose(0, 2, 1)
    np.testing.assert_array_equal(shared_out(net, x, relevance), want)
