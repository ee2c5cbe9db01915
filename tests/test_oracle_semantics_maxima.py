"""Flags of a Semantics about maxima: NaN, ties, switches, and putting them back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numpy_deconv import oracle
from numpy_deconv.oracle import Semantics

NAN, INF = np.nan, np.inf


def row(*values: float) -> np.ndarray[Any, Any]:
    return np.array([[values]], np.float64)


def reference(op: str, inputs: Any, options: Any, **flags: Any) -> Any:
    return oracle.reference(op, inputs, options, semantics=Semantics(**flags))


@pytest.mark.parametrize(
    ("nan", "expected"),
    [("propagate", [NAN, NAN, NAN]), ("drop", [3, 1, NAN])],
)
def test_nan_in_a_maximum(nan: str, expected: list[float]) -> None:
    x = row(NAN, 3, 1, NAN, NAN, NAN)
    y, _ = reference("max_pool", [x], {"kernel_size": 2}, nan=nan)
    np.testing.assert_array_equal(y, [[expected]])


def test_where_frameworks_differ_on_nan_nothing_is_judged() -> None:
    x, options = row(NAN, 3, 1, 2), {"kernel_size": 2}
    for value in (NAN, 3, -7):
        got = (row(value, 2), np.array([[[0, 3]]]))
        either = oracle.conform(
            got, "max_pool", [x], options, semantics=Semantics(nan="any")
        )
        assert either["y"].ok
        assert either["y"].skipped == 1
        assert oracle.conform(got, "max_pool", [x], options)["y"].ok == np.isnan(value)


@pytest.mark.parametrize("named", [1, 3])
def test_any_of_several_nan_may_be_named(named: int) -> None:
    x, options = row(1, NAN, 2, NAN), {"kernel_size": 4}
    got = (row(NAN), np.array([[[named]]]))
    assert oracle.conform(got, "max_pool", [x], options)["switches"].ok
    strict = Semantics(nan_index="first")
    found = oracle.conform(got, "max_pool", [x], options, semantics=strict)
    assert found["switches"].ok == (named == 1)
    wrong = (row(NAN), np.array([[[2]]]))
    assert not oracle.conform(wrong, "max_pool", [x], options)["switches"].ok


def test_the_gradient_of_several_nan_may_go_to_any() -> None:
    x, options, grad = row(1, NAN, 2, NAN), {"kernel_size": 4}, row(5)
    for got in (row(0, 5, 0, 0), row(0, 0, 0, 5)):
        assert oracle.conform(got, "max_pool.backward", [grad, x], options)["x"].ok
    wrong = row(5, 0, 0, 0)
    assert not oracle.conform(wrong, "max_pool.backward", [grad, x], options)["x"].ok


@pytest.mark.parametrize(
    ("tie", "switches"), [("first", [0, 3, 4]), ("last", [1, 4, 5]), ("any", [0, 3, 4])]
)
def test_ties(tie: str, switches: list[int]) -> None:
    x, options = row(2, 2, 1, 3, 3, 3, 0, 0), {"kernel_size": 3, "stride": 2}
    found = reference("max_pool", [x], options, tie=tie)[1]
    np.testing.assert_array_equal(found, [[switches]])


def last_of_equals(
    x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> Any:
    """Switches of the last maximum, by definition."""
    size = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(
            x.shape[2:], kernel, stride, padding, dilation, strict=True
        )
    ]
    switches = np.zeros((*x.shape[:2], *size), np.int64)
    for at in np.ndindex(*switches.shape):
        best = -INF
        for tap in np.ndindex(*kernel):
            place = tuple(
                o * s - p + a * d
                for o, s, p, a, d in zip(
                    at[2:], stride, padding, tap, dilation, strict=True
                )
            )
            inside = all(0 <= i < n for i, n in zip(place, x.shape[2:], strict=True))
            if inside and x[(*at[:2], *place)] >= best:
                best = x[(*at[:2], *place)]
                switches[at] = np.ravel_multi_index(place, x.shape[2:])
    return switches


def test_the_last_of_equals_in_any_geometry() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (2, 3, 5, 7)).astype(np.float64)
    geometry = ((2, 3), (2, 1), (1, 1), (1, 2))
    names = ("kernel_size", "stride", "padding", "dilation")
    options = dict(zip(names, geometry, strict=True))
    found = reference("max_pool", [x], options, tie="last")[1]
    np.testing.assert_array_equal(found, last_of_equals(x, *geometry))


def test_any_tie_is_accepted_with_its_gradient() -> None:
    x, options, flags = row(2, 2, 1), {"kernel_size": 3}, Semantics(tie="any")
    for switch in (0, 1):
        got = (row(2), np.array([[[switch]]]))
        assert oracle.conform(got, "max_pool", [x], options, semantics=flags)[
            "switches"
        ].ok
        grad = np.zeros((1, 1, 3))
        grad[0, 0, switch] = 5
        inputs = [row(5), x]
        assert oracle.conform(
            grad, "max_pool.backward", inputs, options, semantics=flags
        )["x"].ok
    wrong = (row(2), np.array([[[2]]]))
    found = oracle.conform(wrong, "max_pool", [x], options, semantics=flags)
    assert not found["switches"].ok


@pytest.mark.parametrize(
    ("base", "order", "switch"),
    [
        # sample (n, c, h, w) = (1, 2, 3, 4) of (2, 3, 5, 6)
        ("plane", "row", 3 * 6 + 4),
        ("plane", "column", 4 * 5 + 3),
        ("array", "row", (1 * 3 + 2) * 30 + 3 * 6 + 4),
        ("array", "column", (1 * 3 + 2) * 30 + 4 * 5 + 3),
        ("nhwc", "row", (3 * 6 + 4) * 3 + 2),
        ("bnhwc", "row", (30 + 3 * 6 + 4) * 3 + 2),
        # in the window that starts at (2, 3), taps of kernel (3, 2)
        ("window", "row", 1 * 2 + 1),
    ],
)
def test_what_a_switch_counts(base: str, order: str, switch: int) -> None:
    x = np.zeros((2, 3, 5, 6))
    x[1, 2, 3, 4] = 1
    options = {"kernel_size": (3, 2), "stride": (2, 3)}
    flags = {"index_base": base, "storage_order": order}
    _, switches = reference("max_pool", [x], options, **flags)
    assert switches[1, 2, 1, 1] == switch


def test_duplicates_in_unpooling() -> None:
    inputs = [row(1, 7, 3), np.array([[[0, 0, 2]]])]
    options = {"output_size": (4,)}
    last = oracle.bound("max_unpool", inputs, options)
    np.testing.assert_array_equal(last.y, [[[7, 0, 3, 0]]])
    np.testing.assert_array_equal(last.H, 0)
    flags = Semantics(duplicates="any")
    for value in (1, 7):
        got = row(value, 0, 3, 0)
        assert oracle.conform(got, "max_unpool", inputs, options, semantics=flags)[
            "y"
        ].ok
    wrong = row(7, 0, 1, 0)
    assert not oracle.conform(wrong, "max_unpool", inputs, options, semantics=flags)[
        "y"
    ].ok


def test_gradient_of_a_value_that_was_replaced() -> None:
    inputs = [row(5, 6, 7, 8), row(1, 7, 3), np.array([[[0, 0, 2]]])]
    options = {"output_size": (4,)}
    everyone = reference("max_unpool.backward", inputs, options)
    np.testing.assert_array_equal(everyone, [[[5, 5, 7]]])
    winner = reference("max_unpool.backward", inputs, options, unpool_grad="winner")
    np.testing.assert_array_equal(winner, [[[0, 5, 7]]])
