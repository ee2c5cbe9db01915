"""Objectives: values by hand, gradients by central differences, refusals by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from central_differences import assert_is_gradient
from small_models import small_batch, small_net

from numpy_deconv.errors import NetError, OptionError, ShapeError
from numpy_deconv.layers import Conv, Flatten, Linear, ReLU
from numpy_deconv.methods.ascent import (
    Channel,
    ClassScore,
    Direction,
    FeatureDistance,
    GramDistance,
    LayerEnergy,
    Neuron,
    Objective,
    gram,
)
from numpy_deconv.methods.ascent.slope import Slope
from numpy_deconv.net import Graph, Node, Sequential


def target(layer: str) -> np.ndarray:
    other = np.random.default_rng(8).normal(size=small_batch().shape)
    return small_net().run(other)[layer]


VECTOR = np.random.default_rng(9).normal(size=8)

OBJECTIVES = {
    "class": ClassScore(2),
    "channel": Channel("conv1", 3),
    "channel of a linear layer": Channel("fc", 1),
    "neuron": Neuron("conv2", 4),
    "neuron somewhere": Neuron("conv2", 4, (0, 5)),
    "direction": Direction("conv1", VECTOR),
    "direction by cosine": Direction("conv1", VECTOR, cosine_power=2),
    "direction by a half": Direction("conv1", VECTOR, 0.5, (3, 2)),
    "layer": LayerEnergy("conv2"),
    "features": FeatureDistance("conv2", target("conv2"), 0.3),
    "gram": GramDistance("conv1", target_gram := gram(target("conv1")), 2.0),
    "sum": ClassScore(1) - 0.5 * Channel("conv2", 2) + LayerEnergy("conv2") / 7,
    "features and grams": -FeatureDistance("conv2", target("conv2"))
    - 3 * GramDistance("conv1", target_gram),
}


def value(objective: Objective, x: np.ndarray) -> float:
    return float(Slope(small_net(), objective)(x)[0].sum())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients(name: str) -> None:
    objective, x = OBJECTIVES[name], small_batch()
    _, gradient = Slope(small_net(), objective)(x)
    assert_is_gradient(lambda at: value(objective, at), x, gradient)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_one_value_and_one_gradient_per_sample(name: str) -> None:
    slope = Slope(small_net(), OBJECTIVES[name])
    x = small_batch(3)
    values, gradients = slope(x)
    assert values.shape == (3,)
    for sample in range(3):
        alone, gradient = slope(x[sample : sample + 1])
        np.testing.assert_allclose(alone[0], values[sample], rtol=1e-10)
        np.testing.assert_allclose(gradient[0], gradients[sample], atol=1e-10)


def test_values_by_hand() -> None:
    x = small_batch()
    tape = small_net().run(x)
    conv2 = tape["conv2"]
    height, width = conv2.shape[2:]
    assert value(ClassScore(2), x) == pytest.approx(tape["fc"][0, 2])
    assert value(Channel("conv2", 4), x) == pytest.approx(conv2[0, 4].mean())
    middle = conv2[0, 4, height // 2, width // 2]
    assert value(Neuron("conv2", 4), x) == pytest.approx(middle)
    assert value(LayerEnergy("conv2"), x) == pytest.approx((conv2**2).sum() / 2)
    along = np.tensordot(VECTOR, tape["conv1"][0], 1).mean()
    assert value(Direction("conv1", VECTOR), x) == pytest.approx(along)
    one = np.eye(8)[3]
    assert value(Direction("conv1", one), x) == pytest.approx(
        value(Channel("conv1", 3), x)
    )


def test_a_gram_by_hand() -> None:
    maps = np.arange(12.0).reshape(1, 2, 2, 3)
    flat = maps.reshape(2, 6)
    np.testing.assert_allclose(gram(maps)[0], flat @ flat.T / 12)


def test_the_class_score_is_taken_before_the_softmax() -> None:
    x = small_batch()
    found = Slope(small_net(softmax=True), ClassScore(2))(x)
    expected = Slope(small_net(), ClassScore(2))(x)
    np.testing.assert_array_equal(found[1], expected[1])


def test_the_score_of_a_fully_convolutional_net_is_summed() -> None:
    weight = np.random.default_rng(2).normal(size=(5, 3, 3, 3))
    net, x = Sequential({"conv": Conv(weight)}), small_batch()
    values, gradient = Slope(net, ClassScore(4))(x)
    np.testing.assert_allclose(values, net(x)[:, 4].sum())
    assert_is_gradient(lambda at: float(net(at)[:, 4].sum()), x, gradient)


def test_combinations() -> None:
    x = small_batch()
    one, two = ClassScore(1), Channel("conv2", 2)
    a, b = value(one, x), value(two, x)
    assert value(one + two, x) == pytest.approx(a + b)
    assert value(one - two, x) == pytest.approx(a - b)
    assert value(-(2 * one - two / 4), x) == pytest.approx(b / 4 - 2 * a)
    assert value((one + two) * 3, x) == pytest.approx(3 * a + 3 * b)
    assert repr(one - 0.5 * two) == (
        "ClassScore(target=1, layer=None) + -0.5 * Channel(layer='conv2', index=2)"
    )


@pytest.mark.parametrize("other", [1, "relu", None])
def test_only_objectives_add_up_and_only_numbers_scale(other: Any) -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        ClassScore(1) + other
    with pytest.raises(TypeError, match="unsupported operand"):
        ClassScore(1) - other
    with pytest.raises(TypeError, match=r"can't multiply|unsupported operand"):
        ClassScore(1) * ClassScore(2)


def test_layers_side_by_side_in_a_graph() -> None:
    rng = np.random.default_rng(1)
    net = Graph(
        {
            "left": Node(Conv(rng.normal(size=(4, 3, 3, 3)))),
            "right": Node(Conv(rng.normal(size=(2, 3, 5, 5)))),
            "objective": Node(ReLU(), ("left",)),
        }
    )
    aim = Channel("left", 1) + LayerEnergy("right") - Channel("objective", 2)
    x = small_batch()
    slope = Slope(net, aim)
    _, gradient = slope(x)
    assert_is_gradient(lambda at: float(slope(at)[0].sum()), x, gradient)


def test_nothing_of_the_net_is_changed() -> None:
    net = small_net()
    before = {name: array.copy() for name, array in net.params.items()}
    x = small_batch()
    x.setflags(write=False)
    Slope(net, ClassScore(1) + LayerEnergy("conv1"))(x)
    assert list(net) == list(small_net())
    for name, array in net.params.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("objective", "error", "message"),
    [
        (ClassScore(6), OptionError, "class 6 does not exist: the net has classes 0"),
        (Channel("nowhere", 1), NetError, "there is no layer 'nowhere'"),
        (Channel("conv1", 8), NetError, "no map 8: it has maps 0 to 7"),
        (Channel("conv1", -1), NetError, "no map -1"),
        (Neuron("conv1", 1, (99, 0)), NetError, r"has no unit \(1, 99, 0\)"),
        (Direction("conv1", np.ones(3)), ShapeError, r"'conv1' has 8 maps: give \(8,"),
        (Direction("conv1", VECTOR, 0, (0, 99)), NetError, "has no unit"),
        (FeatureDistance("conv1", np.ones((1, 2))), ShapeError, "pictures of one size"),
    ],
)
def test_what_there_is_not(
    objective: Objective, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Slope(small_net(), objective)(small_batch())


def test_a_class_score_off_a_net_has_no_layer() -> None:
    with pytest.raises(NetError, match=r"call \.on\(net\) first"):
        _ = ClassScore(1).layers


def test_a_value_that_is_not_finite_is_an_error() -> None:
    net = Sequential(
        {
            "flat": Flatten(),
            "fc": Linear(np.full((2, 3), np.inf)),
        }
    )
    with pytest.raises(NetError, match="the objective is not finite"):
        Slope(net, ClassScore(0))(np.ones((1, 3, 1, 1)))
