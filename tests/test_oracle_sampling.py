"""Outputs that are only sampled, and wrong in one place."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import OptionError
from numpy_deconv.oracle.call import bind
from numpy_deconv.oracle.sampling import sampled_places

f4 = np.float32


@pytest.fixture
def inputs() -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    x, w, b = (
        rng.normal(size=(2, 8, 30, 33)),
        rng.normal(size=(12, 4, 3, 3)),
        rng.normal(size=12),
    )
    return [x.astype(f4), w.astype(f4), b.astype(f4)]


OPTIONS = {"groups": 2, "stride": (1, 2), "padding": 1}


def test_a_correct_output_passes(inputs: Any) -> None:
    got = nd.conv(*inputs, **OPTIONS)
    report = oracle.spotcheck(got, "conv", inputs, OPTIONS, k=200)
    assert report.verdict == "PASS"
    assert report.checked == 200
    assert 0 < report.worst_hard < 1


def test_one_element_that_was_not_sampled_is_found_by_the_projection(
    inputs: Any,
) -> None:
    got = nd.conv(*inputs, **OPTIONS)
    missed = set(np.ndindex(*got.shape)) - set(sampled_places(got.shape, 50))
    at = sorted(missed)[4321]
    got[at] += 1
    report = oracle.spotcheck(got, "conv", inputs, OPTIONS, k=50)
    assert report.verdict == "FAIL"
    group = at[1] // 6
    assert report.index == (at[0], group, *at[2:])


@pytest.mark.parametrize("at", [(0, 0, 0, 0), (-1, -1, -1, -1), (0, -1, 0, -1)])
def test_corners_are_always_sampled(inputs: Any, at: tuple[int, ...]) -> None:
    got = nd.conv(*inputs, **OPTIONS)
    got[at] *= 1.001
    report = oracle.spotcheck(got, "conv", inputs, OPTIONS, k=20)
    assert report.verdict == "FAIL"
    assert "rounding explains at most" in report.reason


@pytest.mark.parametrize(
    ("op", "output"),
    [
        ("conv.backward", "x"),
        ("conv.backward", "weight"),
        ("conv.backward", "bias"),
    ],
)
def test_gradients(inputs: Any, op: str, output: str) -> None:
    y, pullback = nd.vjp(nd.conv, *inputs, **OPTIONS)
    grad = np.random.default_rng(1).normal(size=y.shape).astype(f4)
    got = dict(zip(("x", "weight", "bias"), pullback(grad), strict=True))[output]
    arrays = [grad, *inputs]
    assert oracle.spotcheck(got, op, arrays, OPTIONS, 60, output=output).ok
    wrong = got.copy()
    wrong[(-1,) * got.ndim] += 1
    assert not oracle.spotcheck(wrong, op, arrays, OPTIONS, 60, output=output).ok


def test_linear_and_its_projection() -> None:
    rng = np.random.default_rng(0)
    x, w, b = (rng.normal(size=s).astype(f4) for s in [(50, 64), (40, 64), (40,)])
    got = nd.linear(x, w, b)
    assert oracle.spotcheck(got, "linear", [x, w, b], k=30).ok
    got[33, 21] += 0.1
    report = oracle.spotcheck(got, "linear", [x, w, b], k=10)
    assert (report.verdict, report.index) == ("FAIL", (33,))


def test_integers_project_exactly() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 9, (1, 4, 9, 9)).astype(f4)
    w = rng.integers(-8, 9, (6, 4, 3, 3)).astype(f4)
    call = bind("conv", [x, w])
    error, magnitude = oracle.freivalds(nd.conv(x, w), call)
    np.testing.assert_array_equal(error, 0)
    assert (magnitude > 0).all()


def test_a_declared_precision_is_allowed_for(inputs: Any) -> None:
    bf16 = [(a.view(np.uint32) & np.uint32(0xFFFF0000)).view(f4) for a in inputs]
    got = nd.conv(bf16[0], bf16[1], inputs[2], **OPTIONS)
    assert not oracle.spotcheck(got, "conv", inputs, OPTIONS, 50).ok
    numerics = oracle.Numerics(inp="bf16", truncate=True)
    assert oracle.spotcheck(got, "conv", inputs, OPTIONS, 50, numerics=numerics).ok


def test_places_are_distinct_and_inside() -> None:
    shape = (2, 3, 40, 70)
    places = sampled_places(shape, 300)
    assert len(set(places)) == 300
    assert all(0 <= i < n for at in places for i, n in zip(at, shape, strict=True))
    assert set(itertools.product((0, 1), (0, 2), (0, 39), (0, 69))) <= set(places)
    assert any(at[3] in (63, 64, 65) for at in places)
    assert sampled_places((0, 3), 5) == []
    assert len(sampled_places((2, 2), 50)) == 4


def test_what_cannot_be_sampled() -> None:
    x = np.ones((1, 1, 4), f4)
    with pytest.raises(
        OptionError, match="relu cannot be sampled: use assert_conforms"
    ):
        oracle.spotcheck(x, "relu", [x])
    with pytest.raises(OptionError, match="k must be at least 1 element, got 0"):
        oracle.spotcheck(x, "conv", [x, x], k=0)
    with pytest.raises(OptionError, match="freivalds is for conv and linear, not relu"):
        oracle.freivalds(x, bind("relu", [x]))
