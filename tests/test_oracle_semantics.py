"""Each flag of a Semantics on the smallest input on which frameworks differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.oracle import SEMANTICS, Semantics

NAN, INF = np.nan, np.inf


def row(*values: float) -> np.ndarray[Any, Any]:
    return np.array([[values]], np.float64)


def reference(op: str, inputs: Any, options: Any, **flags: Any) -> Any:
    return oracle.reference(op, inputs, options, semantics=Semantics(**flags))


def test_ceil_rule() -> None:
    options = {"kernel_size": 2, "stride": 3, "padding": ((0, 2),), "ceil_mode": True}
    y, switches = reference("max_pool", [row(1, 2, 3, 4)], options)
    np.testing.assert_array_equal(y, [[[2, 4]]])
    flags = {"ceil_rule": "keep", "empty_window": "-inf"}
    y, switches = reference("max_pool", [row(1, 2, 3, 4)], options, **flags)
    np.testing.assert_array_equal(y, [[[2, 4, -INF]]])
    np.testing.assert_array_equal(switches, [[[1, 3, -1]]])


def test_a_kept_window_counts_in_means_and_gradients() -> None:
    options = {"kernel_size": 3, "stride": 2, "padding": ((0, 1),), "ceil_mode": True}
    x = row(1, 2, 3, 4)
    dropped = reference("avg_pool", [x], options)
    kept = reference("avg_pool", [x], options, ceil_rule="keep")
    np.testing.assert_array_equal(dropped, kept)
    grad = np.ones_like(dropped)
    np.testing.assert_allclose(
        reference("avg_pool.backward", [grad, x], options),
        reference("avg_pool.backward", [grad, x], options, ceil_rule="keep"),
    )


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


def test_wide_padding() -> None:
    options = {"kernel_size": 2, "padding": 2}
    with pytest.raises(OptionError, match="more than half of the window"):
        reference("avg_pool", [row(1, 2)], options)
    found = reference("avg_pool", [row(1, 2)], options, pad_limit="none")
    np.testing.assert_array_equal(found, [[[0, 1.5, 0]]])
    with pytest.raises(ShapeError, match="is all padding: use less, or semantics with"):
        reference("max_pool", [row(1, 2)], options, pad_limit="none")
    y, _ = reference(
        "max_pool", [row(1, 2)], options, pad_limit="none", empty_window="-inf"
    )
    np.testing.assert_array_equal(y, [[[-INF, 2, -INF]]])


def test_divisor_of_a_window_that_hangs_over() -> None:
    options = {"kernel_size": 3, "stride": 2, "ceil_mode": True}
    x = row(1, 2, 3, 4, 5, 6)
    np.testing.assert_allclose(reference("avg_pool", [x], options), [[[2, 4, 5.5]]])
    whole = reference("avg_pool", [x], options, divisor="window")
    np.testing.assert_allclose(whole, [[[2, 4, 11 / 3]]])
    back = reference("avg_pool.backward", [row(0, 0, 3), x], options, divisor="window")
    np.testing.assert_allclose(back, [[[0, 0, 0, 0, 1, 1]]])


def test_norm_of_a_clipped_window() -> None:
    options = {"norm_type": 2, "kernel_size": 2, "stride": 2, "ceil_mode": True}
    torch_like = reference("lp_pool", [row(1, 1, 1)], options)
    np.testing.assert_allclose(torch_like, [[[2**0.5, 2**0.5]]])
    plain = reference("lp_pool", [row(1, 1, 1)], options, lp_clipped="norm")
    np.testing.assert_allclose(plain, [[[2**0.5, 1]]])


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


def test_response_norm() -> None:
    x = np.array([[[3.0], [4.0], [5.0]]])
    options = {"size": 2, "alpha": 2.0, "beta": 1.0, "k": 0.0}
    before = reference("local_response_norm", [x], options)
    np.testing.assert_allclose(before.ravel(), [3 / 9, 4 / 25, 5 / 41])
    after = reference("local_response_norm", [x], options, lrn_centre="after")
    np.testing.assert_allclose(after.ravel(), [3 / 25, 4 / 41, 5 / 25])
    total = reference("local_response_norm", [x], options, lrn_alpha="sum")
    np.testing.assert_allclose(total.ravel(), [3 / 18, 4 / 50, 5 / 82])


@pytest.mark.parametrize("flags", [{"lrn_centre": "after"}, {"lrn_alpha": "sum"}])
@pytest.mark.parametrize("size", [2, 3])
def test_response_norms_gradient_in_the_same_meaning(flags: Any, size: int) -> None:
    """Against a central difference of the value."""
    rng = np.random.default_rng(0)
    x, grad = rng.normal(size=(1, 5, 2)), rng.normal(size=(1, 5, 2))
    options = {"size": size, "alpha": 0.7}
    found = reference("local_response_norm.backward", [grad, x], options, **flags)
    for at in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[at] = 1e-6
        up = reference("local_response_norm", [x + step], options, **flags)
        down = reference("local_response_norm", [x - step], options, **flags)
        slope = ((up - down) * grad).sum() / 2e-6
        np.testing.assert_allclose(found[at], slope, atol=1e-8)
    bound = oracle.bound(
        "local_response_norm.backward",
        [grad, x],
        options,
        semantics=Semantics(**flags),
    )
    assert (np.abs(found) <= bound.A * (1 + 1e-12)).all()


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


def test_batch_norms_default_eps() -> None:
    inputs = [row(1, 2), np.zeros(1), np.zeros(1)]
    torch_like = oracle.reference("batch_norm", inputs)
    np.testing.assert_allclose(torch_like, row(1, 2) / 1e-5**0.5)
    tf = oracle.reference("batch_norm", inputs, semantics="tf")
    np.testing.assert_allclose(tf, row(1, 2) / 1e-3**0.5)


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
