"""Profiles, and flags of a Semantics where frameworks differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import OptionError
from numpy_deconv.oracle import SEMANTICS, Semantics

NAN, INF = np.nan, np.inf


def row(*values: float) -> np.ndarray[Any, Any]:
    return np.array([[values]], np.float64)


def reference(op: str, inputs: Any, options: Any, **flags: Any) -> Any:
    return oracle.reference(op, inputs, options, semantics=Semantics(**flags))


def test_output_padding() -> None:
    inputs = [np.ones((1, 1, 2)), np.ones((1, 1, 2))]
    options = {"stride": 1, "dilation": 3, "output_padding": 2}
    assert reference("conv_transpose", inputs, options).shape == (1, 1, 7)
    with pytest.raises(
        OptionError, match="output_padding 2 must be smaller than the s"
    ):
        reference("conv_transpose", inputs, options, output_padding="stride")


def test_negative_padding_crops() -> None:
    inputs = [row(1, 2, 3, 4), np.ones((1, 1, 2))]
    options = {"padding": ((-1, 1),)}
    with pytest.raises(OptionError, match="padding must be at least 0, got -1"):
        reference("conv", inputs, options)
    found = reference("conv", inputs, options, negative_padding="crop")
    np.testing.assert_array_equal(found, [[[5, 7, 4]]])


def test_padding_times_an_infinite_weight() -> None:
    x, w = np.ones((1, 1, 3), np.float32), np.array([[[np.inf, 1, 1]]], np.float32)
    options = {"padding": 1}
    for value in (2, NAN):
        got = np.array([[[value, INF, INF]]], np.float32)
        assert oracle.conform(got, "conv", [x, w], options)["y"].ok
        strict = Semantics(strict_padding=True)
        found = oracle.conform(got, "conv", [x, w], options, semantics=strict)
        assert found["y"].ok == np.isnan(value)
    grad = np.array([[[1, np.inf, 1]]], np.float32)
    weight = oracle.bounds("conv.backward", [grad, x, w], options)["weight"]
    np.testing.assert_array_equal(weight.H, 0)
    grad = np.array([[[np.inf, 1, 1]]], np.float32)
    weight = oracle.bounds("conv.backward", [grad, x, w], options)["weight"]
    np.testing.assert_array_equal(np.isinf(weight.H), [[[True, False, False]]])


@pytest.mark.parametrize("name", SEMANTICS)
def test_every_profile_judges_its_own_reference(name: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (2, 3, 5, 6)).astype(np.float32)
    x[0, 0, 0, :2] = np.nan
    options = {"kernel_size": (2, 3), "stride": (2, 1), "padding": (1, 1)}
    got = oracle.reference("max_pool", [x], options, semantics=name)
    reports = oracle.conform(got, "max_pool", [x], options, semantics=name)
    assert all(report.verdict == "PASS" for report in reports.values())
    grad = np.ones(got[0].shape, np.float32)
    back = oracle.reference("max_pool.backward", [grad, x], options, semantics=name)
    assert oracle.conform(
        back, "max_pool.backward", [grad, x], options, semantics=name
    )["x"].ok


def test_the_librarys_own_profile_is_its_own_answer() -> None:
    inputs = [row(5, 6, 7, 8), row(1, 7, 3), np.array([[[0, 0, 2]]])]
    _, pullback = nd.vjp(nd.max_unpool, *inputs[1:], output_size=(4,))
    got = pullback(inputs[0])[0]
    options = {"output_size": (4,)}
    oracle.assert_conforms(
        got, "max_unpool.backward", inputs, options, semantics="numpy_deconv"
    )


def test_unknown_flags_and_profiles() -> None:
    with pytest.raises(OptionError, match="tie='second' is not known: use one of"):
        Semantics(tie="second")
    with pytest.raises(OptionError, match="semantics='caffe' is not known: use one of"):
        oracle.reference("relu", [row(1)], semantics="caffe")
