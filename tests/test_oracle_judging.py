"""Verdicts on outputs that are right, slightly wrong, or wrong in a special way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import ShapeError
from numpy_deconv.oracle import Numerics, Semantics

f4 = np.float32


@pytest.fixture
def call() -> tuple[np.ndarray[Any, Any], list[np.ndarray[Any, Any]]]:
    """A correct output, and its inputs."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 7, 8)), rng.normal(size=(4, 3, 3, 2))
    inputs = [x.astype(f4), w.astype(f4)]
    return nd.conv(*inputs), inputs


def test_a_correct_kernel_passes(call: Any) -> None:
    got, inputs = call
    report = oracle.assert_conforms(got, "conv", inputs)
    assert report.ok
    assert report.verdict == "PASS"
    assert report.checked == got.size
    assert 0 < report.worst_hard < 1
    assert "conv: output 'y': PASS: within its bounds" in str(report)


def test_one_wrong_element_is_named(call: Any) -> None:
    got, inputs = call
    bound = oracle.bound("conv", inputs)
    got[1, 2, 3, 4] = bound.y[1, 2, 3, 4] + 1.01 * bound.H[1, 2, 3, 4]
    report = oracle.conform(got, "conv", inputs)["y"]
    assert (report.verdict, report.bad, report.index) == ("FAIL", 1, (1, 2, 3, 4))
    assert report.got == got[1, 2, 3, 4]
    assert report.want == bound.y[1, 2, 3, 4]
    assert report.allowed == bound.H[1, 2, 3, 4]
    with pytest.raises(AssertionError, match=r"1 of 280 elements are wrong, the"):
        oracle.assert_conforms(got, "conv", inputs)
    got[1, 2, 3, 4] = bound.y[1, 2, 3, 4] + 0.99 * bound.H[1, 2, 3, 4]
    assert oracle.conform(got, "conv", inputs)["y"].ok


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_special_value_where_none_belongs(call: Any, value: float) -> None:
    got, inputs = call
    got[0, 0, 0, 0] = value
    report = oracle.conform(got, "conv", inputs)["y"]
    assert report.verdict == "FAIL"
    assert report.worst_hard == np.inf
    assert "must be" in report.reason


@pytest.mark.parametrize(
    ("got", "ok"),
    [
        ([np.inf, np.nan], True),
        ([-np.inf, np.nan], False),
        ([np.nan, np.nan], False),
        ([3e38, np.nan], False),
        ([np.inf, 1.0], False),
        ([np.inf, np.inf], False),
    ],
)
def test_special_truths_demand_the_same(got: list[float], ok: bool) -> None:
    x = np.array([[[np.inf, 1, np.nan]]], f4)
    w = np.ones((1, 1, 2), f4)
    found = np.array([[got]], f4)
    assert oracle.conform(found, "conv", [x, w])["y"].ok == ok


def test_a_wrong_shape_and_a_wrong_dtype(call: Any) -> None:
    got, inputs = call
    report = oracle.conform(got[..., 1:], "conv", inputs)["y"]
    assert report.reason == "it has shape (2, 4, 5, 6), not (2, 4, 5, 7)"
    bound = oracle.bound("conv", inputs)
    complex_one = oracle.judge(got.astype(np.complex64), bound)
    assert complex_one.reason == "its dtype is complex64"
    assert not complex_one.ok


def test_the_sign_of_zero_counts_if_asked() -> None:
    x = np.array([[[-1, 2]]], f4)
    got = np.array([[[-0.0, 2]]], f4)
    assert oracle.conform(got, "relu", [x])["y"].ok
    strict = Semantics(strict_sign=True)
    assert not oracle.conform(got, "relu", [x], semantics=strict)["y"].ok
    assert oracle.conform(np.abs(got), "relu", [x], semantics=strict)["y"].ok


def long_call() -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(3)
    x, w = rng.random((1, 40, 9, 9)), rng.random((4, 40, 3, 3))
    return [x.astype(f4), w.astype(f4)]


def test_beyond_the_statistical_bound_is_a_warning() -> None:
    inputs = long_call()
    bound = oracle.bound("conv", inputs)
    got = bound.y + 1.5 * bound.P * np.where(np.arange(7) % 2, 1, -1)
    report = oracle.conform(got, "conv", inputs)["y"]
    assert report.verdict == "WARN"
    assert "larger than rounding in the declared precision explains" in report.reason
    assert report.ok
    assert oracle.conform(got, "conv", inputs, strict=True)["y"].verdict == "FAIL"


def truncated_sum(terms: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Sums along axis 0 in float32, every addition rounded towards zero."""
    total = np.zeros(terms.shape[1:], f4)
    for term in terms:
        exact = total.astype(np.float64) + term
        near = exact.astype(f4)
        over = np.abs(near.astype(np.float64)) > np.abs(exact)
        total = np.where(over, np.nextafter(near, f4(0)), near)
    return total


def test_a_truncating_accumulator_is_biased() -> None:
    rng = np.random.default_rng(5)
    x, w = rng.random((300, 40)).astype(f4), rng.random((5, 40)).astype(f4)
    products = np.moveaxis(x[:, None] * w, 2, 0)  # (40, 300, 5)
    report = oracle.conform(truncated_sum(products), "linear", [x, w])["y"]
    assert report.verdict == "WARN"
    assert "lean to one side, as of truncation" in report.reason
    assert report.bias < -6
    rounded = oracle.conform(nd.linear(x, w), "linear", [x, w])["y"]
    assert (rounded.verdict, rounded.bias) == ("PASS", 0)


def test_several_outputs_are_judged_by_name() -> None:
    x = np.random.default_rng(0).normal(size=(1, 2, 6)).astype(f4)
    y, switches = nd.max_pool(x, 2)
    options = {"kernel_size": 2}
    both = oracle.conform((y, switches), "max_pool", [x], options)
    assert [(r.output, r.verdict) for r in both.values()] == [
        ("y", "PASS"),
        ("switches", "PASS"),
    ]
    assert list(oracle.conform((y, None), "max_pool", [x], options)) == ["y"]
    assert list(oracle.conform({"switches": switches}, "max_pool", [x], options)) == [
        "switches"
    ]
    wrong = oracle.conform((y, switches + 1), "max_pool", [x], options)
    assert wrong["switches"].verdict == "FAIL"
    with pytest.raises(AssertionError, match="output 'switches': FAIL"):
        oracle.assert_conforms((y, switches + 1), "max_pool", [x], options)


def test_outputs_that_do_not_exist(call: Any) -> None:
    got, inputs = call
    with pytest.raises(ShapeError, match=r"max_pool has the outputs .*, got 3 of them"):
        oracle.conform((got,) * 3, "max_pool", [got], {"kernel_size": 2})
    with pytest.raises(ShapeError, match="conv has no result 'z' here"):
        oracle.conform({"z": got}, "conv", inputs)


def test_an_empty_output() -> None:
    x, w = np.ones((0, 1, 4), f4), np.ones((2, 1, 3), f4)
    report = oracle.assert_conforms(np.ones((0, 2, 2), f4), "conv", [x, w])
    assert (report.verdict, report.checked, report.index) == ("PASS", 0, None)


def test_inputs_are_not_written_to(call: Any) -> None:
    got, inputs = call
    for array in (got, *inputs):
        array.flags.writeable = False
    oracle.assert_conforms(got, "conv", inputs, numerics=Numerics(inp="tf32"))


@pytest.mark.parametrize("order", ["F", "reversed", "offset"])
def test_layouts_make_no_difference(call: Any, order: str) -> None:
    got, (x, w) = call
    if order == "F":
        x, w = np.asfortranarray(x), np.asfortranarray(w)
    elif order == "reversed":
        x = x[:, :, ::-1].copy()[:, :, ::-1]
    else:
        x = np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 0)))[:, :, 1:-1, 2:]
    assert oracle.assert_conforms(got, "conv", [x, w]).ok
