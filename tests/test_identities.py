"""What must hold between forward passes, ways back and methods, whatever the numbers.

Whole numbers wherever an identity is exact, so that "equal" needs no tolerance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from whole_numbers import inner, whole

from numpy_deconv import Sequential, layers
from numpy_deconv.layers import AvgPool, Conv, Flatten, Linear, MaxPool, ReLU
from numpy_deconv.rules import DECONVNET, DESALINET, GRADIENT, GUIDED

Array = npt.NDArray[Any]
Rng = np.random.Generator

METHODS = (GRADIENT, DECONVNET, GUIDED, DESALINET)


def net_of(
    rng: Rng, low: int = -3, *, relu: bool, pool: bool, bias: bool
) -> Sequential:
    """Three convolutions and a linear layer of whole numbers on ``(N, 2, 11, 9)``."""

    def conv(channels: int, filters: int, *kernel: int, **options: Any) -> Conv:
        weight = whole(rng, filters, channels, *kernel, low=low, high=3)
        return Conv(weight, whole(rng, filters, low=low) if bias else None, **options)

    parts: dict[str, layers.Layer] = {
        "conv1": conv(2, 4, 3, 2, padding=(1, 0)),
        "relu1": ReLU(),
        "pool1": MaxPool(3, 2, ceil_mode=True),
        "conv2": conv(4, 3, 2, 3, stride=(1, 2), padding=(0, 2)),
        "relu2": ReLU(),
        "pool2": MaxPool((2, 1), 1),
        "conv3": conv(3, 3, 1, 2),
        "relu3": ReLU(),
        "flat": Flatten(),
    }
    for name in list(parts):
        if (not relu and "relu" in name) or (not pool and "pool" in name):
            del parts[name]
    shape = Sequential(parts).run(np.zeros((1, 2, 11, 9), np.int64)).output.shape
    weight = whole(rng, 4, shape[1], low=low)
    parts["fc"] = Linear(weight, whole(rng, 4, low=low) if bias else None)
    return Sequential(parts)


def pixels(net: Sequential, x: Array, signal: Array, rules: Any) -> Array:
    return np.asarray(net.run(x).project(signal, start=net.output, rules=rules))


SEEDS = pytest.mark.parametrize("seed", range(6))


@SEEDS
def test_without_relu_all_methods_are_the_gradient(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = net_of(rng, relu=False, pool=True, bias=True)
    x, signal = whole(rng, 2, 2, 11, 9), whole(rng, 2, 4)
    want = pixels(net, x, signal, GRADIENT)
    assert want.any()
    for rules in METHODS[1:]:
        np.testing.assert_array_equal(pixels(net, x, signal, rules), want)


@SEEDS
def test_only_pooling_makes_a_deconvnet_depend_on_the_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other, signal = (*whole(rng, 2, 1, 2, 11, 9), whole(rng, 1, 4, low=1))
    for pool in (False, True):
        net = net_of(rng, relu=True, pool=pool, bias=True)
        differs = {
            rules.name: bool(
                (
                    pixels(net, one, signal, rules) != pixels(net, other, signal, rules)
                ).any()
            )
            for rules in METHODS
        }
        assert differs["deconvnet"] == pool
        assert differs["gradient"]


@SEEDS
def test_without_negative_weights_guided_is_the_gradient(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = net_of(rng, low=0, relu=True, pool=True, bias=False)
    x, signal = whole(rng, 2, 2, 11, 9), whole(rng, 2, 4, low=0)
    want = pixels(net, x, signal, GRADIENT)
    np.testing.assert_array_equal(pixels(net, x, signal, GUIDED), want)
    positive = net_of(rng, low=1, relu=True, pool=True, bias=True)
    x = np.abs(x) + 1  # then every pre-activation is above 0
    want = pixels(positive, x, signal, GRADIENT)
    assert want.any()
    for rules in METHODS[1:]:
        np.testing.assert_array_equal(pixels(positive, x, signal, rules), want)


@SEEDS
def test_at_one_relu_guided_is_the_rectified_gradient(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = Sequential(
        {
            "conv": Conv(whole(rng, 3, 2, 2, 2), whole(rng, 3)),
            "relu": ReLU(),
            "pool": AvgPool(1),
            "flat": Flatten(),
            "fc": Linear(whole(rng, 4, 3 * 10 * 8)),
        }
    ).nodes
    float_net = Sequential({name: as_float(node.layer) for name, node in net.items()})
    tape = float_net.run(whole(rng, 1, 2, 11, 9).astype(float))
    signal = whole(rng, 1, 4).astype(float)
    down = {
        rules.name: tape.project(signal, start="fc", stop="conv", rules=rules)
        for rules in METHODS
    }
    gradient = down["gradient"]
    assert (gradient < 0).any()
    np.testing.assert_array_equal(down["guided_backprop"], np.maximum(gradient, 0))


def as_float(layer: layers.Layer) -> layers.Layer:
    params = {name: value.astype(float) for name, value in layer.params.items()}
    return type(layer)(**(vars(layer) | params))


@SEEDS
def test_methods_scale_with_positive_seeds_only(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = net_of(rng, relu=True, pool=True, bias=True)
    x, signal = whole(rng, 1, 2, 11, 9), whole(rng, 1, 4)
    for rules in METHODS:
        once = pixels(net, x, signal, rules)
        np.testing.assert_array_equal(pixels(net, x, 7 * signal, rules), 7 * once)
        odd = (pixels(net, x, -signal, rules) == -once).all()
        assert odd == (rules is GRADIENT)


@SEEDS
def test_a_net_without_biases_is_its_gradient_times_its_input(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = net_of(rng, relu=True, pool=True, bias=False)
    x = whole(rng, 3, 2, 11, 9)
    tape = net.run(x)
    for unit, one in enumerate(np.eye(4, dtype=np.int64)):
        signal = np.repeat(one[None], 3, axis=0)
        gradient = tape.project(signal, start="fc")
        for n in range(3):
            assert inner(gradient[n], x[n]) == tape.output[n, unit]
        # the gradient is the same all the way from 0: integrated, it is itself
        for alpha in (2, 3, 50):
            scaled = pixels(net, alpha * x, signal, GRADIENT)
            np.testing.assert_array_equal(scaled, gradient)
    biased = net_of(rng, relu=True, pool=True, bias=True)
    tape = biased.run(x)
    gradient = tape.project(np.repeat(np.eye(1, 4, dtype=np.int64), 3, 0), start="fc")
    sums = [inner(gradient[n], x[n]) for n in range(3)]
    assert sums != tape.output[:, 0].tolist()


def test_lrp_0_is_gradient_times_input_without_biases() -> None:
    """Relevance ``R_i = x_i * sum_j w_ji * R_j / z_j`` down a ReLU net."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=s) for s in ((6, 5), (7, 6), (3, 7))]
    parts: dict[str, layers.Layer] = {}
    for number, weight in enumerate(weights):
        parts[f"fc{number}"] = Linear(weight)
        if number < 2:
            parts[f"relu{number}"] = ReLU()
    net, x = Sequential(parts), rng.normal(size=(1, 5))
    tape = net.run(x)
    signal = np.array([[0.0, 1.0, 0.0]])
    relevance = signal * tape.output
    for number in (2, 1, 0):
        below = tape[f"relu{number - 1}"] if number else x
        share = relevance / tape[f"fc{number}"]
        relevance = below * (share @ weights[number])
    want = x * tape.project(signal, start="fc2")
    np.testing.assert_allclose(relevance, want, rtol=1e-12, atol=1e-14)


def test_the_gap_of_integrated_gradients_vanishes_but_not_steadily() -> None:
    """``sum(IG) - (F(x) - F(0))`` is small for many steps; ten may beat fifty."""
    worse_with_more = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        net = net_of(rng, relu=True, pool=True, bias=True)
        net = Sequential({n: as_float(node.layer) for n, node in net.nodes.items()})
        x = whole(rng, 1, 2, 11, 9).astype(float)
        change = float((net(x) - net(0 * x))[0, 0])
        gaps = []
        for steps in (10, 50, 2000):
            alphas = (np.arange(steps) + 0.5) / steps
            tape = net.run(alphas[:, None, None, None] * x)
            signal = np.repeat(np.eye(1, 4), steps, axis=0)
            gradient = tape.project(signal, start="fc").mean(axis=0)
            gaps.append(abs(float((gradient * x).sum()) - change) / abs(change))
        assert gaps[2] < 2e-3
        worse_with_more += gaps[0] < gaps[1]
    assert 0 < worse_with_more < 8


def test_the_golden_deconvnet() -> None:
    """conv of ones with biases -50 and -75 on 0..15, then weights 1 and -1."""
    conv = Conv(np.ones((2, 1, 3, 3), int), np.array([-50, -75]))
    net = Sequential(
        {
            "conv": conv,
            "relu": ReLU(),
            "flat": Flatten(),
            "fc": Linear(np.array([[1] * 5 + [-1] * 3] * 4)),
            "out": ReLU(),
        }
    )
    tape = net.run(np.arange(16).reshape(1, 1, 4, 4))
    np.testing.assert_array_equal(tape["relu"].ravel(), [0, 4, 31, 40, 0, 0, 6, 15])
    np.testing.assert_array_equal(tape.output, [[54] * 4])
    one = [[1, 0, 0, 0]]
    want = {
        "deconvnet": [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]],
        # three windows of the first map less the two below of the second
        "gradient": [[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]],
        "guided_backprop": [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]],
    }
    for rules in (DECONVNET, GRADIENT, GUIDED):
        got = tape.project(one, start="out", rules=rules)
        np.testing.assert_array_equal(got, [[want[rules.name]]])
