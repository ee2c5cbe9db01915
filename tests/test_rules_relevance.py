"""Relevance rules against their definitions, from every single contribution."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from numpy_deconv import Sequential, rules_relevance
from numpy_deconv.errors import OptionError
from numpy_deconv.layers import AvgPool, Conv, ConvTranspose, Layer, Linear
from numpy_deconv.rules import Rule, Rules
from numpy_deconv.rules_relevance import (
    alpha_beta,
    epsilon,
    flat,
    gamma,
    w_square,
    z_box,
    z_plus,
)

Array = npt.NDArray[Any]
E = 1e-6
LOW, HIGH = -4.0, 5.0


def dense(layer: Any, x: Array) -> tuple[Array, Array]:
    """The layer as a matrix ``(outputs, inputs)``, and its bias at each output."""
    plain = replace(layer, bias=None) if hasattr(layer, "bias") else layer
    units = np.eye(x[0].size).reshape(-1, *x.shape[1:])
    matrix = plain.forward(units)[0].reshape(len(units), -1).T
    nothing = layer.forward(np.zeros_like(x[:1]))[0].reshape(-1)
    return matrix, nothing


def stable(z: float, amount: float = E) -> float:
    return z + (amount if z >= 0 else -amount)


def by_definition(rule: str, w: Array, b: Array, x: Array, r: Array) -> Array:
    """Relevance of each input of ``z_j = sum_i w_ji x_i + b_j``, one by one."""
    found = np.zeros(len(x))
    for j, row in enumerate(w):
        parts = row * x
        plus, minus = np.maximum(parts, 0), np.minimum(parts, 0)
        b_plus, b_minus = max(b[j], 0), min(b[j], 0)
        reads = row != 0
        if rule == "epsilon":
            found += parts / stable(parts.sum() + b[j], 0.5) * r[j]
        elif rule == "gamma":
            z = parts.sum() + b[j]
            extra, b_extra = (plus, b_plus) if z > 0 else (minus, b_minus)
            weighed = parts + 0.3 * extra
            found += weighed / stable(weighed.sum() + b[j] + 0.3 * b_extra) * r[j]
        elif rule == "alpha_beta":
            found += 3 * plus / stable(plus.sum() + b_plus) * r[j]
            found -= 2 * minus / stable(minus.sum() + b_minus) * r[j]
        elif rule == "z_plus":
            found += plus / stable(plus.sum() + b_plus) * r[j]
        elif rule == "flat":
            found += reads / stable(reads.sum()) * r[j]
        elif rule == "w_square":
            found += row**2 / stable((row**2).sum() + b[j] ** 2) * r[j]
        else:
            box = parts - LOW * np.maximum(row, 0) - HIGH * np.minimum(row, 0)
            found += box / stable(box.sum()) * r[j]
    return found


RULES: dict[str, Rule] = {
    "epsilon": epsilon(0.5),
    "gamma": gamma(0.3),
    "alpha_beta": alpha_beta(3, 2),
    "z_plus": z_plus(),
    "flat": flat(),
    "w_square": w_square(),
    "z_box": z_box(LOW, HIGH),
}


def layers(rng: np.random.Generator) -> dict[str, tuple[Layer, tuple[int, ...]]]:
    def draw(*shape: int) -> Array:
        return rng.normal(size=shape)

    return {
        "linear": (Linear(draw(4, 5), draw(4)), (5,)),
        "conv": (
            Conv(draw(4, 1, 3, 2), draw(4), (2, 1), ((1, 0), (0, 2)), (1, 2), 2),
            (2, 6, 5),
        ),
        "unbiased": (Conv(draw(3, 2, 2)), (2, 6)),
        "transposed": (ConvTranspose(draw(2, 2, 3), draw(4), 2, groups=2), (2, 4)),
    }


@pytest.mark.parametrize("sign", ["both", "positive"])
@pytest.mark.parametrize("kind", ["linear", "conv", "unbiased", "transposed"])
@pytest.mark.parametrize("rule", RULES)
def test_by_definition(rule: str, kind: str, sign: str) -> None:
    rng = np.random.default_rng(3)
    layer, shape = layers(rng)[kind]
    x = rng.normal(size=(2, *shape))
    x = np.abs(x) if sign == "positive" else x
    tape = Sequential({"it": layer}).run(x)
    relevance = rng.normal(size=tape.output.shape)
    rules = Rules("it", {Layer: RULES[rule]})
    got = tape.project(relevance, start="it", rules=rules)
    matrix, bias = dense(layer, x)
    for sample in range(2):
        flat_x, flat_r = x[sample].reshape(-1), relevance[sample].reshape(-1)
        want = by_definition(rule, matrix, bias, flat_x, flat_r)
        np.testing.assert_allclose(got[sample].reshape(-1), want, rtol=1e-9, atol=1e-12)


def test_averages_share_out_what_they_average() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1, 2, 5, 6))
    layer = AvgPool((2, 3), 1)
    tape = Sequential({"mean": layer}).run(x)
    relevance = rng.normal(size=tape.output.shape)
    rules = Rules("it", {AvgPool: epsilon(0.5)})
    got = tape.project(relevance, start="mean", rules=rules)
    matrix, bias = dense(layer, x)
    want = by_definition("epsilon", matrix, bias, x.reshape(-1), relevance.reshape(-1))
    np.testing.assert_allclose(got.reshape(-1), want, atol=1e-12)


def test_without_a_stabiliser_nothing_comes_from_zero() -> None:
    net = Sequential({"sum": Linear(np.array([[1.0, -1.0], [2.0, 0.0]]))})
    tape = net.run(np.array([[3.0, 3.0]]))
    rules = Rules("zero", {Linear: epsilon(0)})
    got = tape.project(np.array([[5.0, 7.0]]), start="sum", rules=rules)
    np.testing.assert_array_equal(got, [[7, 0]])


def test_zero_is_moved_to_the_positive_side() -> None:
    net = Sequential({"sum": Linear(np.array([[1.0, 1.0]]))})
    tape = net.run(np.array([[3.0, -3.0]]))
    rules = Rules("zero", {Linear: epsilon(0.5)})
    got = tape.project(np.array([[2.0]]), start="sum", rules=rules)
    np.testing.assert_array_equal(got, [[12, -12]])


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_many_signals_for_one_sample(rule: Rule) -> None:
    rng = np.random.default_rng(7)
    layer, shape = layers(rng)["conv"]
    tape = Sequential({"it": layer}).run(rng.normal(size=(1, *shape)))
    relevance = rng.normal(size=(3, *tape.output.shape[1:]))
    rules = Rules("it", {Layer: rule})
    got = tape.project(relevance, start="it", rules=rules)
    for n in range(3):
        one = tape.project(relevance[n : n + 1], start="it", rules=rules)
        np.testing.assert_allclose(got[n : n + 1], one, atol=1e-13)


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_float32_stays_float32(rule: Rule) -> None:
    rng = np.random.default_rng(9)
    layer = Conv(rng.normal(size=(2, 3, 3)).astype(np.float32))
    tape = Sequential({"it": layer}).run(rng.normal(size=(1, 3, 8)).astype(np.float32))
    got = tape.project(tape.output, start="it", rules=Rules("it", {Conv: rule}))
    assert got.dtype == np.float32


def test_inputs_of_one_sign_cost_half() -> None:
    calls: list[Any] = []

    class Counted(Conv):
        def forward(self, *xs: Array) -> tuple[Array, Any]:
            calls.append(xs)
            return super().forward(*xs)

    x = np.random.default_rng(0).normal(size=(1, 2, 5))
    for values, count in ((x, 2), (np.abs(x), 1)):
        tape = Sequential({"it": Counted(np.ones((1, 2, 2)))}).run(values)
        calls.clear()
        tape.project(tape.output, start="it", rules=Rules("it", {Conv: z_plus()}))
        assert len(calls) == count


def test_rules_are_told_by_name() -> None:
    assert [rule.name for rule in RULES.values()] == [
        "epsilon(0.5)",
        "gamma(0.3)",
        "alpha_beta(3, 2)",
        "z_plus",
        "flat",
        "w_square",
        "z_box",
    ]
    assert all(rule.of_inputs and not rule.local for rule in RULES.values())
    assert rules_relevance.STABILISER == E


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: epsilon(-1), "epsilon must not be negative, got -1"),
        (lambda: gamma(-0.5), "gamma must not be negative, got -0.5"),
        (lambda: gamma(1, -1), "stabiliser must not be negative, got -1"),
        (lambda: alpha_beta(2, 2), "alpha - beta must be 1 and beta not negative"),
        (lambda: alpha_beta(0, -1), "got 0 and -1"),
        (lambda: epsilon("small"), "epsilon must be a real number, got 'small'"),
    ],
)
def test_wrong_numbers(make: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()
