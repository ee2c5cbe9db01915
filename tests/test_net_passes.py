"""ReLUs that the layer above them goes through: the same numbers in fewer steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numpy_deconv import Backend, Graph, Node, Sequential
from numpy_deconv.layers import (
    Add,
    Clip,
    Concat,
    Conv,
    Dropout,
    Identity,
    Layer,
    MaxPool,
    ReLU,
)
from numpy_deconv.net.passes import Pass, masks_itself
from numpy_deconv.rules import (
    DECONVNET,
    GRADIENT,
    GUIDED,
    Rule,
    Rules,
    gradient,
    identity,
    rectify_both,
    rectify_signal,
)

SIDES = (9, 7)


def conv(filters: int, channels: int, kernel: int = 3) -> Conv:
    rng = np.random.default_rng([filters, channels, kernel])
    weight = rng.normal(size=(filters, channels, kernel, kernel)).astype(np.float32)
    return Conv(weight, padding=kernel // 2)


def fire() -> Graph:
    """Two fire modules, a pool on the first, a dropout on the second."""
    return Graph(
        {
            "conv1": Node(conv(4, 2)),
            "relu1": Node(ReLU(), ("conv1",)),
            "pool1": Node(MaxPool(3, 2, ceil_mode=True), ("relu1",)),
            "left1": Node(conv(17, 4, 1), ("pool1",)),
            "relu_left1": Node(ReLU(), ("left1",)),
            "right1": Node(conv(5, 4), ("pool1",)),
            "relu_right1": Node(ReLU(), ("right1",)),
            "both1": Node(Concat(), ("relu_left1", "relu_right1")),
            "squeeze": Node(conv(16, 22, 1), ("both1",)),
            "relu_squeeze": Node(ReLU(), ("squeeze",)),
            "left2": Node(conv(16, 16, 1), ("relu_squeeze",)),
            "relu_left2": Node(ReLU(), ("left2",)),
            "right2": Node(conv(16, 16), ("relu_squeeze",)),
            "relu_right2": Node(ReLU(), ("right2",)),
            "both2": Node(Concat(), ("relu_left2", "relu_right2")),
            "drop": Node(Dropout(), ("both2",)),
            "last": Node(conv(3, 32), ("drop",)),
        }
    )


def branched() -> Graph:
    """A ReLU that a convolution and a sum read, and one that two convolutions do."""
    return Graph(
        {
            "conv1": Node(conv(3, 2)),
            "relu1": Node(ReLU(), ("conv1",)),
            "conv2": Node(conv(3, 3), ("relu1",)),
            "sum": Node(Add(), ("conv2", "relu1")),
            "relu2": Node(ReLU(), ("sum",)),
            "conv3": Node(conv(2, 3), ("relu2",)),
            "conv4": Node(conv(2, 3, 1), ("relu2",)),
            "top": Node(Add(), ("conv3", "conv4")),
        }
    )


def images(batch: int) -> Any:
    x = np.random.default_rng(0).normal(size=(batch, 2, *SIDES))
    return x.astype(np.float32)


def steps(net: Graph, rules: Rules, stop: str = "input", **how: Any) -> dict[str, Pass]:
    given: dict[str, Any] = {"fused": True, "masks": True, "joined": frozenset()}
    found = net.passes(rules, net.output, stop, **{**given, **how})
    return {step.name: step for step in found}


@pytest.mark.parametrize("rules", [GRADIENT, GUIDED, DECONVNET], ids=repr)
@pytest.mark.parametrize("net", [fire(), branched()], ids=["fire", "branched"])
@pytest.mark.parametrize("batch", [1, 2])
def test_together_as_one_after_the_other(
    backend: Backend, net: Graph, rules: Rules, batch: int
) -> None:
    x = images(batch)
    rng = np.random.default_rng(1)
    for tape in (net.run(x), net.run(x, keep=())):
        signal = rng.normal(size=tape.output.shape).astype(np.float32)
        apart = tape.signals(signal, start=net.output, rules=rules)
        for stop in ("input", "relu1", "conv1"):
            got = tape.project(signal, start=net.output, rules=rules, stop=stop)
            np.testing.assert_allclose(got, apart[stop], rtol=1e-4, atol=1e-4)


def test_many_signals_for_one_sample(backend: Backend) -> None:
    net = fire()
    tape = net.run(images(1), keep=())
    signals = np.random.default_rng(1).normal(size=(3, *tape.output.shape[1:]))
    got = tape.project(signals, start=net.output)
    each = [tape.project(s[None], start=net.output)[0] for s in signals]
    np.testing.assert_allclose(got, each, rtol=1e-4, atol=1e-4)


def test_who_masks_for_whom() -> None:
    found = steps(fire(), GRADIENT)
    assert found["left2"].masks == ("relu_squeeze",)
    assert found["right2"].masks == ("relu_squeeze",)
    assert found["relu_squeeze"].rule is identity
    assert found["both2"].masks == ("relu_left2", "relu_right2")
    assert found["pool1"].masks == ("relu1",)
    assert found["last"].masks == ()  # a dropout is between


def test_a_sum_is_masked_by_its_parts_but_not_rectified_by_them() -> None:
    found = steps(branched(), GRADIENT)
    assert found["conv3"].masks == found["conv4"].masks == ("relu2",)
    assert found["relu1"].rule is gradient  # an Add hands on to it too
    found = steps(branched(), GUIDED)
    assert found["conv3"].masks == ()
    assert found["relu2"].rule is rectify_both


def test_guided_backprop_masks_and_rectifies_at_once() -> None:
    net = Sequential({"a": conv(3, 2), "relu": ReLU(), "b": conv(2, 3)})
    found = steps(net, GUIDED)
    assert found["b"].masks == ("relu",)
    assert found["b"].rectifies
    assert found["relu"].rule is identity
    assert not steps(net, GRADIENT)["b"].rectifies


def test_what_lies_in_one_piece_is_one_large_relu() -> None:
    found = steps(fire(), GRADIENT, joined=frozenset({"both1", "both2"}))
    assert found["squeeze"].masks == ("both1",)
    assert found["both1"].masks == ()
    assert found["relu_left1"].rule is found["relu_right1"].rule is identity
    assert found["both2"].masks == ("relu_left2", "relu_right2")  # below a dropout


def test_a_signal_that_is_wanted_is_not_changed() -> None:
    net = fire()
    assert steps(net, GRADIENT, stop="relu1")["pool1"].masks == ()
    assert steps(net, GRADIENT, masks=False)["pool1"].masks == ()
    assert all(not step.masks for step in steps(net, GRADIENT, fused=False).values())
    above = steps(net, GRADIENT, stop="relu_left1", joined=frozenset({"both1"}))
    assert above["squeeze"].masks == ()


def test_another_gradient_is_respected() -> None:
    class Doubled(Conv):
        def vjp(self, saved: Any, gy: Any) -> Any:
            (gx,) = super().vjp(saved, gy)
            return (2 * gx,)

    top = conv(2, 3)
    net = Sequential({"a": conv(3, 2), "relu": ReLU(), "b": Doubled(top.weight)})
    assert not masks_itself(net["b"])
    assert masks_itself(top)
    assert steps(net, GRADIENT)["b"].masks == ()
    own = Rule("own", lambda layer, saved, gy: layer.vjp(saved, gy))
    plain = Sequential({"a": conv(3, 2), "relu": ReLU(), "b": top})
    assert steps(plain, GRADIENT.replace({ReLU: own}))["b"].masks == ()
    assert steps(plain, GRADIENT.replace({top: own}))["b"].masks == ()


def test_answers_are_remembered_for_these_rules_only() -> None:
    net = fire()
    how: dict[str, Any] = {"fused": True, "masks": True, "joined": frozenset()}
    first = net.passes(GRADIENT, net.output, "input", **how)
    assert net.passes(GRADIENT, net.output, "input", **how) is first
    for number in range(100):  # more than are kept
        changed = GRADIENT.replace({Layer: identity}, f"rules {number}")
        assert net.passes(changed, net.output, "input", **how)[0].rule is identity


def half(made: Graph) -> Graph:
    """The same net in float16."""
    nodes = {}
    for name, node in made.nodes.items():
        layer = node.layer
        if isinstance(layer, Conv):
            layer = Conv(layer.weight.astype(np.float16), padding=layer.padding)
        nodes[name] = Node(layer, node.inputs)
    return Graph(nodes)


@pytest.mark.parametrize("rules", [GRADIENT, GUIDED], ids=repr)
def test_half_precision(backend: Backend, rules: Rules) -> None:
    net = half(fire())
    x = images(1).astype(np.float16)
    for tape in (net.run(x), net.run(x, keep=())):
        signal = np.full_like(tape.output, 1 / 64)
        apart = tape.signals(signal, start=net.output, rules=rules)["input"]
        got = tape.project(signal, start=net.output, rules=rules)
        assert got.dtype == np.float16
        scale = float(np.abs(apart).max())
        np.testing.assert_allclose(got, apart, rtol=0, atol=0.02 * scale)


def test_a_rectification_is_not_lost_below_a_masked_relu(backend: Backend) -> None:
    one = Conv(np.ones((1, 1, 1)))
    net = Sequential({"clip": Clip(-9, 9), "relu": ReLU(), "conv": one})
    tape, signal = net.run(np.ones((1, 1, 1))), -np.ones((1, 1, 1))
    rules = Rules("mixed", {Clip: rectify_signal})
    assert tape.project(signal, start="conv", rules=rules) == 0
    upper = ReLU()
    net = Sequential({"lower": ReLU(), "upper": upper, "conv": one})
    tape = net.run(np.ones((1, 1, 1)))
    rules = DECONVNET.replace({upper: gradient})
    assert tape.project(signal, start="conv", rules=rules) == 0


def test_a_pool_with_a_way_of_its_own_is_respected(backend: Backend) -> None:
    class Last(MaxPool):
        def unpool(self, saved: Any, gy: Any, overlap: str) -> Any:
            return super().unpool(saved, gy, "assign")

    net = Sequential({"a": conv(3, 2), "relu": ReLU(), "pool": Last(3, 2)})
    tape = net.run(images(1))
    signal = np.random.default_rng(0).normal(size=tape.output.shape)
    signal = signal.astype(np.float32)
    apart = tape.signals(signal, start="pool")["input"]
    got = tape.project(signal, start="pool")
    np.testing.assert_allclose(got, apart, rtol=1e-4, atol=1e-4)


def test_a_signal_of_another_precision_than_the_relu_below(backend: Backend) -> None:
    class Wide(Identity):
        def vjp(self, saved: Any, gy: Any) -> Any:
            return (gy.astype(np.float64),)

    net = Sequential(
        {"a": conv(3, 2), "relu": ReLU(), "pool": MaxPool(3, 2), "wide": Wide()}
    )
    tape = net.run(images(1))
    signal = np.random.default_rng(0).normal(size=tape.output.shape)
    apart = tape.signals(signal, start="wide", stop="a")["a"]
    got = tape.project(signal, start="wide", stop="a")
    np.testing.assert_allclose(got, apart, rtol=1e-12, atol=1e-12)
