"""Bounds against their formulas, worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numpy_deconv import oracle
from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.oracle import FFT, Bound, Numerics, Winograd

U = 2.0**-24
f4 = np.float32


def gamma(n: float, u: float = U) -> float:
    return n * u / (1 - n * u)


def pair(*values: float) -> np.ndarray[Any, Any]:
    return np.array([[values]], f4)


def conv_of(x: Any, w: Any, **options: Any) -> Bound:
    return oracle.bound("conv", [x, w], **options)


def test_a_sum_of_products_is_gamma_n_times_its_magnitude() -> None:
    bound = conv_of(pair(3, -5), pair(7, 2))
    assert bound.y == 11
    assert bound.A == 31
    assert bound.n == 2
    np.testing.assert_allclose(bound.H, gamma(2) * 31, rtol=1e-6)


def test_terms_are_fewer_at_the_border() -> None:
    x, w = np.ones((1, 3, 4, 5), f4), np.ones((2, 3, 3, 3), f4)
    bias = np.ones(2, f4)
    bound = oracle.bound("conv", [x, w, bias], {"padding": (1, 0)})
    np.testing.assert_array_equal(bound.n[0, 0, :, 0], [19, 28, 28, 19])
    np.testing.assert_array_equal(bound.A, bound.n)


@pytest.mark.parametrize(
    ("profile", "u_in"), [("tf32", 2.0**-11), ("bf16", 2.0**-8), ("f32", 0.0)]
)
def test_rounded_factors(profile: str, u_in: float) -> None:
    bound = conv_of(pair(3, -5), pair(7, 2), numerics=profile)
    factor = (1 + u_in) ** 2 * (1 + gamma(2)) - 1
    np.testing.assert_allclose(bound.H, factor * 31, rtol=1e-6)


def test_truncated_factors_are_twice_as_far_off() -> None:
    near = conv_of(pair(3), pair(7), numerics=Numerics(inp="tf32")).H
    far = conv_of(pair(3), pair(7), numerics=Numerics(inp="tf32", truncate=True)).H
    np.testing.assert_allclose(far / near, 2, rtol=1e-3)


def test_a_narrow_result_is_rounded_once_more() -> None:
    bound = conv_of(pair(3, -5), pair(7, 2), numerics="f16-out")
    error = gamma(2) * 31
    np.testing.assert_allclose(bound.H, error + 2.0**-11 * (11 + error), rtol=1e-6)


def test_half_arrays_are_summed_in_single_precision() -> None:
    x, w = pair(3, -5).astype(np.float16), pair(7, 2).astype(np.float16)
    error = gamma(2) * 31
    np.testing.assert_allclose(
        conv_of(x, w).H, error + 2.0**-11 * (11 + error), rtol=1e-6
    )


def test_chunks_bound_a_long_sum_in_half_precision() -> None:
    x, w = np.ones((1, 64, 8, 8), f4), np.ones((1, 64, 8, 8), f4)
    with pytest.raises(OptionError, match="4096 roundings in f16 have no bound: dec"):
        conv_of(x, w, numerics="f16-acc")
    bound = conv_of(x, w, numerics=Numerics(acc="f16", chunk=32))
    within, across = gamma(32, 2.0**-11), gamma(128)
    expected = 4096 * (within + across + within * across)
    np.testing.assert_allclose(bound.H, expected, rtol=1e-5)


def test_the_statistical_bound_grows_with_the_root() -> None:
    x, w = np.ones((1, 64, 3, 3), f4), np.ones((1, 64, 3, 3), f4)
    bound = conv_of(x, w)
    np.testing.assert_allclose(bound.P, 6 * 24 * U * 576 + U * 576, rtol=1e-6)
    assert bound.P < bound.H
    small = conv_of(pair(1, 2), pair(1, 2))
    np.testing.assert_array_equal(small.P, small.H)


def test_nothing_but_zero_is_right_where_all_terms_are_zero() -> None:
    bound = conv_of(pair(0, 0, 1), pair(5, 5))
    np.testing.assert_array_equal(bound.H == 0, [[[True, False]]])


def test_an_overflow_on_the_way_is_not_judged() -> None:
    bound = conv_of(pair(3e38, 3e38, -3e38), pair(1, 1, 1))
    assert np.inf == bound.H
    assert np.isfinite(bound.y)


def test_a_copy_of_the_largest_number_is_judged() -> None:
    x = np.full((1, 1, 3), np.finfo(f4).max, f4)
    bound = oracle.bound("im2col", [x], {"kernel_size": 2})
    np.testing.assert_array_equal(bound.H, 0)


def test_subnormal_results_may_be_flushed_only_if_declared() -> None:
    x, w = pair(1e-30), pair(1e-12)
    assert conv_of(x, w).H < 1e-44
    assert conv_of(x, w, numerics=Numerics(ftz=True)).H > 1e-38


def test_special_values_are_the_truths_own() -> None:
    x = pair(1, np.inf, 2, np.nan, 3, -np.inf, np.inf)
    bound = conv_of(x, pair(1, 1))
    inf, nan = np.inf, np.nan
    np.testing.assert_array_equal(bound.y, [[[inf, inf, nan, nan, -inf, nan]]])
    np.testing.assert_array_equal(bound.H, 0)


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
def test_a_line_with_nan_leaves_the_others_judged(op: str) -> None:
    largest = np.finfo(f4).max
    x = np.array([[-largest, 2, np.nan], [-largest, 1, 1]], f4)
    grad = np.array([[0, 3, 1], [0.5, -1, np.nan]], f4)
    bound = oracle.bound(f"{op}.backward", [grad, x], {"axis": 0})
    alone = oracle.bound(f"{op}.backward", [grad[:, 1:2], x[:, 1:2]], {"axis": 0})
    np.testing.assert_allclose(bound.y[:, 1:2], alone.y)
    assert (bound.H[:, 1:2] < 2 * alone.H + 1e-30).all()
    assert np.isnan(bound.y[:, 2]).all()


def test_specials_may_spread_in_a_tile_but_not_beyond() -> None:
    x = np.ones((1, 1, 14), f4)
    x[0, 0, 0] = np.inf
    numerics = Numerics(algo=Winograd(4, 3))
    bound = conv_of(x, np.ones((1, 1, 3), f4), numerics=numerics)
    np.testing.assert_array_equal(np.isinf(bound.H[0, 0]), [True] * 4 + [False] * 8)
    everywhere = conv_of(x, np.ones((1, 1, 3), f4), numerics=Numerics(algo=FFT()))
    assert np.isinf(everywhere.H).all()


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
def test_integers_are_exact(dtype: Any) -> None:
    x, w = np.arange(100, 106).astype(dtype)[None, None], np.ones((1, 1, 3), dtype)
    bound = conv_of(x, w)
    assert bound.y.dtype == np.int64
    np.testing.assert_array_equal(bound.y, [[[303, 306, 309, 312]]])
    np.testing.assert_array_equal(bound.H, 0)


def test_an_addition_without_overlap_is_exact() -> None:
    columns = np.random.default_rng(0).normal(size=(1, 6, 4)).astype(f4)
    options = {"output_size": (8,), "kernel_size": 2, "stride": 2}
    apart = oracle.bound("col2im", [columns], options)
    np.testing.assert_array_equal(apart.H, 0)
    rows = np.ones((1, 2, 3), f4)
    overlapping = oracle.bound(
        "col2im", [rows], {"output_size": (4,), "kernel_size": 2}
    )
    np.testing.assert_array_equal(overlapping.H > 0, [[[False, True, True, False]]])


def test_a_mean_has_two_more_roundings_than_its_sum() -> None:
    bound = oracle.bound("avg_pool", [pair(1, 2, 4)], {"kernel_size": 3})
    np.testing.assert_allclose(bound.H, gamma(4) * 7 / 3, rtol=1e-6)


def test_a_fill_value_that_no_float32_is() -> None:
    padded = oracle.bound("pad", [pair(1)], {"padding": 1, "value": 0.1})
    np.testing.assert_array_equal(padded.H > 0, [[[True, False, True]]])
    assert abs(float(f4(0.1)) - 0.1) <= padded.H[0, 0, 0]


def test_all_outputs_of_a_gradient_by_name() -> None:
    x, w = np.ones((2, 1, 4), f4), np.ones((3, 1, 2), f4)
    grad = np.ones((2, 3, 3), f4)
    found = oracle.bounds("conv.backward", [grad, x, w, np.ones(3, f4)])
    assert list(found) == ["x", "weight", "bias"]
    np.testing.assert_array_equal(found["x"].n[0, 0], [3, 6, 6, 3])
    np.testing.assert_array_equal(found["weight"].n, 6)
    np.testing.assert_array_equal(found["bias"].n, 6)
    np.testing.assert_allclose(found["bias"].H, gamma(5) * 6, rtol=1e-6)
    assert list(oracle.bounds("conv.backward", [grad, x, w])) == ["x", "weight"]
    one = oracle.bound("conv.backward", [grad, x, w], output="weight")
    np.testing.assert_array_equal(one.y, found["weight"].y)


def test_an_output_that_is_not_there() -> None:
    x, w = np.ones((2, 1, 4), f4), np.ones((3, 1, 2), f4)
    grad = np.ones((2, 3, 3), f4)
    with pytest.raises(OptionError, match=r"conv.backward has no output 'b': it has"):
        oracle.bound("conv.backward", [grad, x, w], output="b")
    with pytest.raises(OptionError, match="no output 'bias' without its input of that"):
        oracle.bound("conv.backward", [grad, x, w], output="bias")


def test_wrong_inputs() -> None:
    x, w = np.ones((1, 1, 4), f4), np.ones((1, 1, 2), f4)
    with pytest.raises(OptionError, match="no operation 'cnov': did you mean conv"):
        oracle.bound("cnov", [x, w])
    with pytest.raises(OptionError, match="no operation 'qqqqqq': one of"):
        oracle.bound("qqqqqq", [x, w])
    with pytest.raises(ShapeError, match="conv takes 3 arrays"):
        oracle.bound("conv", [x, w, w[:, 0, 0], w])
    with pytest.raises(ShapeError, match="conv needs the array 'weight'"):
        oracle.bound("conv", {"x": x})
    with pytest.raises(OptionError, match="conv has no input 'kernel': its arrays are"):
        oracle.bound("conv", {"x": x, "weight": w, "kernel": w})
    with pytest.raises(OptionError, match="conv has no attribute 'strides': it has"):
        oracle.bound("conv", [x, w], {"strides": 2})
    with pytest.raises(OptionError, match="max_pool needs the attribute 'kernel_size'"):
        oracle.bound("max_pool", [x])
    with pytest.raises(ShapeError, match="concat needs at least one array"):
        oracle.bound("concat", [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inp": "f8"}, "inp='f8' is not known: use one of"),
        ({"algo": "fast"}, "algo='fast' is not known: use one of"),
        ({"chunk": 0}, "chunk must be at least 1 term, got 0"),
    ],
)
def test_wrong_numerics(options: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Numerics(**options)


def test_an_unknown_profile() -> None:
    with pytest.raises(OptionError, match="numerics='f33' is not known: use one of"):
        conv_of(pair(1), pair(1), numerics="f33")


@pytest.mark.parametrize("op", ["sigmoid", "softmax", "tanh", "elu", "log_softmax"])
def test_a_nan_leaves_no_other_line_open(op: str) -> None:
    x = np.array([[0.5, np.nan], [1.0, -2.0]], f4)
    bound = oracle.bound(op, [x])
    assert np.isfinite(bound.H[1]).all()
    assert np.isnan(bound.y[0, 1])


def test_the_truth_is_rounded_as_well_and_that_counts_in_float64() -> None:
    """Each addition here rounds a tie up, and the exact sum is a tie rounded down: four
    half units apart, where three roundings explain three."""
    u = 2.0**-53
    values = np.array([1 + 2 * u, u, 3 * u, 3 * u])
    columns = np.zeros((1, 4, 4))
    columns[0, [3, 2, 1, 0], [0, 1, 2, 3]] = values
    attrs = {"output_size": (1,), "kernel_size": 4, "padding": 3}
    one_by_one = ((values[0] + values[1]) + values[2]) + values[3]
    (truth,) = oracle.reference("col2im", [columns], attrs)
    assert abs(one_by_one - truth.item()) == 4 * u
    got = np.full((1, 1, 1), one_by_one)
    oracle.assert_conforms(got, "col2im", [columns], attrs)
    with pytest.raises(AssertionError):
        oracle.assert_conforms(got + 2 * u, "col2im", [columns], attrs)
