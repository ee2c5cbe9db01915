"""Tapes: gradients against autograd, and that nothing can be spoiled."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from itertools import pairwise

import numpy as np
import pytest
import small_nets
import torch_nets
from agreement import assert_agrees

from numpy_deconv import Graph, Node, Sequential, Tape
from numpy_deconv.errors import DTypeError, NetError, ShapeError
from numpy_deconv.layers import Conv, LogSoftmax, MaxPool, MaxUnpool, Mul, ReLU, Sigmoid
from numpy_deconv.rules import DECONVNET, GUIDED

every_net = pytest.mark.parametrize("name", small_nets.NETS)


def run(name: str, seed: int = 0, count: int = 2) -> tuple[Graph, np.ndarray, Tape]:
    net, x = small_nets.make(name, seed), small_nets.images(seed, count)
    return net, x, net.run(x)


def signal_for(tape: Tape, layer: str, seed: int = 0) -> np.ndarray:
    signal = np.random.default_rng([seed, 2]).normal(size=tape[layer].shape)
    signal.setflags(write=False)
    return signal


@every_net
def test_gradients_from_every_layer_are_torch_s(name: str) -> None:
    net, x, tape = run(name)
    for start in net:
        signal = signal_for(tape, start)
        got = tape.project(signal, start=start)
        assert_agrees(got, torch_nets.gradient(net, x, signal, start=start), 1e-10)


@every_net
def test_gradients_at_every_layer_are_torch_s(name: str) -> None:
    net, x, tape = run(name, seed=1)
    signal = signal_for(tape, net.output)
    for stop in net:
        got = tape.project(signal, start=net.output, stop=stop)
        want = torch_nets.gradient(net, x, signal, start=net.output, stop=stop)
        assert_agrees(got, want, 1e-10)


@every_net
def test_param_grads_are_torch_s(name: str) -> None:
    net, x, tape = run(name, seed=2)
    signal = signal_for(tape, net.output)
    got = tape.param_grads(signal)
    want = torch_nets.param_grads(net, x, signal, start=net.output)
    assert got.keys() == want.keys() == net.params.keys()
    for key, value in want.items():
        assert_agrees(got[key], value, 1e-10)


def test_param_grads_below_an_inner_layer() -> None:
    net, x, tape = run("residual")
    signal = signal_for(tape, "relu1")
    got = tape.param_grads(signal, start="relu1")
    want = torch_nets.param_grads(net, x, signal, start="relu1")
    assert {key.partition(".")[0] for key in got} == {"conv1", "bn1"}
    for key, value in got.items():
        assert_agrees(value, want[key], 1e-10)


def test_shares_of_a_shared_layer_sum_to_its_gradient() -> None:
    """In one dimension: F(w) = w*w*w*x has the gradient 3*w*w*x."""
    conv = Conv(np.array([[[2.0]]]))
    net = Sequential([("a", conv), ("b", conv), ("c", conv)])
    grads = net.run(np.array([[[5.0]]])).param_grads(np.ones((1, 1, 1)))
    assert sum(float(g.item()) for g in grads.values()) == 3 * 2 * 2 * 5


@every_net
def test_signals_are_the_gradient_at_each_layer(name: str) -> None:
    net, _, tape = run(name)
    signal = signal_for(tape, net.output)
    signals = tape.signals(signal, start=net.output)
    assert signals.keys() == {*net, "input"}
    for stop, value in signals.items():
        want = tape.project(signal, start=net.output, stop=stop)
        np.testing.assert_array_equal(value, want)


def test_signals_end_at_stop() -> None:
    _, _, tape = run("inception")
    signals = tape.signals(signal_for(tape, "b3_relu"), start="b3_relu", stop="b3_in")
    assert list(signals) == ["b3_relu", "b3", "b3_in_relu", "b3_in"]


def test_signals_leave_out_what_does_not_lead_to_stop() -> None:
    _, _, tape = run("inception")
    signals = tape.signals(signal_for(tape, "join"), start="join", stop="b3")
    assert list(signals) == ["join", "b3_relu", "b3"]


def test_the_layer_at_stop_is_not_asked_for_its_rule() -> None:
    net = Sequential({"gate": Sigmoid(), "relu": ReLU()})
    tape = net.run(np.ones((1, 1, 2)))
    down = tape.project([[[3.0, -4.0]]], start="relu", stop="gate", rules=DECONVNET)
    np.testing.assert_array_equal(down, [[[3.0, 0.0]]])


def test_projecting_in_two_steps_is_projecting_in_one() -> None:
    net, _, tape = run("overlapping")
    signal = signal_for(tape, "fc")
    for rules in (GUIDED, DECONVNET):
        whole = tape.project(signal, start="fc", rules=rules)
        step = signal
        for start, stop in pairwise([*reversed(list(net)), "input"]):
            step = tape.project(step, start=start, stop=stop, rules=rules)
        np.testing.assert_array_equal(step, whole)


@every_net
def test_one_sample_serves_many_signals(name: str) -> None:
    net, x, tape = run(name, count=1)
    rng = np.random.default_rng(5)
    signals = rng.normal(size=(4, *tape.output.shape[1:]))
    together = tape.project(signals, start=net.output)
    repeated = net.run(np.repeat(x, 4, axis=0))
    assert_agrees(together, repeated.project(signals, start=net.output), 1e-13)
    for got, signal in zip(together, signals, strict=True):
        assert_agrees(got, tape.project(signal[None], start=net.output)[0], 1e-13)


@every_net
def test_projecting_changes_nothing(name: str) -> None:
    net, x, tape = run(name)
    signal = signal_for(tape, net.output)
    kept = {layer: tape[layer].copy() for layer in ("input", *net)}
    seed, image = signal.copy(), x.copy()
    first = tape.project(signal, start=net.output)
    tape.param_grads(signal)
    np.testing.assert_array_equal(tape.project(signal, start=net.output), first)
    for layer, value in kept.items():
        np.testing.assert_array_equal(tape[layer], value)
    np.testing.assert_array_equal(signal, seed)
    np.testing.assert_array_equal(x, image)


def test_a_tape_cannot_be_changed() -> None:
    _, _, tape = run("shared")
    with pytest.raises(TypeError, match="does not support item assignment"):
        tape.values["step1"] = tape["step2"]  # type: ignore[index]
    with pytest.raises(TypeError, match="does not support item assignment"):
        tape.saved["step1"] = None  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        tape.last = "step1"  # type: ignore[misc]


def test_start_may_be_stop() -> None:
    _, _, tape = run("shared")
    signal = signal_for(tape, "relu1")
    got = tape.project(signal, start="relu1", stop="relu1")
    np.testing.assert_array_equal(got, signal)


def test_a_layer_read_twice_by_one_gets_both_shares() -> None:
    net = Graph({"square": Node(Mul(), ("input", "input"))})
    tape = net.run(np.array([[[3.0, -4.0]]]))
    down = tape.project(np.array([[[1.0, 2.0]]]), start="square")
    np.testing.assert_array_equal(down, [[[6.0, -16.0]]])


def test_nothing_goes_down_where_nothing_came_from() -> None:
    _, _, tape = run("inception")
    with pytest.raises(
        NetError, match="'b3' does not depend on 'b1': nothing to project"
    ):
        tape.project(signal_for(tape, "b3"), start="b3", stop="b1")
    with pytest.raises(NetError, match="'b1' does not depend on 'b3': nothing"):
        tape.project(signal_for(tape, "b1"), start="b1", stop="b3")


def test_switches_alone_carry_no_signal() -> None:
    net = Graph(
        {
            "pool": Node(MaxPool(2)),
            "other": Node(MaxPool(2)),
            "unpool": Node(MaxUnpool(2), ("other", "pool:switches")),
        }
    )
    tape = net.run(np.arange(4.0).reshape(1, 1, 4))
    signal = np.ones((1, 1, 4))
    with pytest.raises(NetError, match="'unpool' does not depend on 'pool': nothing"):
        tape.project(signal, start="unpool", stop="pool")
    down = tape.project(signal, start="unpool")
    np.testing.assert_array_equal(down, [[[0.0, 1.0, 0.0, 1.0]]])


def test_a_signal_must_fit() -> None:
    net, _, tape = run("shared")
    shape = tape["relu1"].shape
    for wrong in ((3, *shape[1:]), (2, 3, *shape[2:]), shape[1:]):
        with pytest.raises(
            ShapeError, match=r"signal has shape .* but 'relu1' put out"
        ):
            tape.project(np.zeros(wrong), start="relu1")
    with pytest.raises(
        DTypeError, match="signal is int64, but 'relu1' put out float64"
    ):
        tape.project(np.zeros(shape, np.int64), start="relu1")
    for ask in ({"start": "nowhere"}, {"start": "relu1", "stop": "nowhere"}):
        with pytest.raises(NetError, match="there is no layer 'nowhere'"):
            tape.project(np.zeros(shape), **ask)
    short = net.run(small_nets.images(0), until="relu1")
    with pytest.raises(NetError, match="layer 'step2' was not run"):
        short.project(np.zeros(shape), start="step2")


def test_a_float_signal_takes_the_net_s_dtype() -> None:
    conv = Conv(np.ones((1, 1, 2), np.float32))
    tape = Sequential({"conv": conv}).run(np.ones((1, 1, 3), np.float32))
    down = tape.project(np.ones((1, 1, 2)), start="conv")
    assert down.dtype == np.float32
    np.testing.assert_array_equal(down, [[[1, 2, 1]]])


def test_integer_nets_project_in_integers() -> None:
    conv = Conv(np.array([[[2, -1]]]))
    net = Sequential({"conv": conv, "relu": ReLU(), "pool": MaxPool(2, 1)})
    tape = net.run(np.array([[[3, 1, 4, 5]]]))
    np.testing.assert_array_equal(tape["pool"], [[[5, 3]]])
    down = tape.project(np.array([[[1, 10]]]), start="pool")
    assert down.dtype == np.int64
    np.testing.assert_array_equal(down, [[[2, -1, 20, -10]]])


def test_errors_on_the_way_down_name_the_layer() -> None:
    net = Sequential({"gate": Sigmoid(), "score": LogSoftmax()})
    tape = net.run(np.zeros((1, 2, 3)))
    with pytest.raises(
        ValueError, match=r"^layer 2 'score' \(LogSoftmax\): there is no"
    ):
        tape.project(np.zeros((1, 2, 3)), start="score", rules=GUIDED)
