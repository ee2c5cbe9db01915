"""The poolings' definitions against answers worked out by hand, one per rule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from numpy_deconv.oracle.definition import DEFINITIONS, GRADIENTS

NAN, INF = math.nan, math.inf


def line(*values: float) -> np.ndarray[Any, Any]:
    """A plane of rank 1: shape ``(1, 1, L)``."""
    return np.array([[values]])


def value(name: str, *arrays: Any, **options: Any) -> Any:
    """What the definition of ``name`` returns."""
    return DEFINITIONS[name](*arrays, **options)


def test_same_padding_is_never_negative() -> None:
    y = value("max_pool", line(1, 2, 3, 4, 5, 6), 1, stride=3, padding="same")
    assert y[0].tolist() == [[[1, 4]]]


@pytest.mark.parametrize(
    ("x", "options", "y", "switches"),
    [
        (line(1, 3, 3, 2), {}, [3, 3], [1, 2]),
        (line(0, 0, 0, 0), {"stride": 1}, [0, 0, 0], [0, 1, 2]),
        (line(1, NAN, NAN, INF), {"stride": 1}, [NAN] * 3, [1, 1, 2]),
        (line(-INF, -INF), {"padding": 1}, [-INF, -INF], [0, 1]),
        (line(-5, -7, -6), {"padding": 1}, [-5, -6], [0, 2]),
        (line(1, 2, 3), {"ceil_mode": True}, [2, 3], [1, 2]),
        # a third window would start in the padding after the end
        (line(1, 2, 3), {"ceil_mode": True, "padding": 1}, [1, 3], [0, 2]),
        (line(9, 8, 7, 6, 5), {"dilation": 3, "stride": 1}, [9, 8], [0, 1]),
    ],
)
def test_max_pool(x: Any, options: Any, y: list[float], switches: list[int]) -> None:
    got, at = value("max_pool", x, 2, **options)
    np.testing.assert_array_equal(got, [[y]])
    assert at.tolist() == [[switches]]


def test_switches_count_the_unpadded_plane_row_by_row() -> None:
    x = np.array([[[[1, 2, 3], [4, 9, 5]]]])
    assert value("max_pool", x, (2, 1), padding=(1, 0), stride=1)[1].tolist() == [
        [[[0, 1, 2], [3, 4, 5], [3, 4, 5]]]
    ]


def test_ceil_mode_keeps_one_window_larger_than_the_input() -> None:
    y = value("avg_pool", line(3.0, 4.0, 5.0), 5, stride=3, ceil_mode=True)
    assert y.tolist() == [[[4]]]


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        # with padding 1 the windows are [. 6 12] and [18 24 .]
        (True, [(6 + 12) / 3, (18 + 24) / 3]),
        (False, [(6 + 12) / 2, (18 + 24) / 2]),
    ],
)
def test_avg_pool_divisor(include: bool, expected: list[float]) -> None:
    x = line(6.0, 12.0, 18.0, 24.0)
    y = value("avg_pool", x, 3, padding=1, count_include_pad=include)
    assert y.tolist() == [[expected]]


def test_avg_pool_overhang_never_counts_forward_or_backward() -> None:
    x, options = line(6.0, 12.0, 18.0, 24.0), {"ceil_mode": True}
    assert value("avg_pool", x, 3, **options).tolist() == [[[12, 24]]]
    (gx,) = GRADIENTS["avg_pool"](line(3.0, 5.0), x, 3, **options)
    assert gx.tolist() == [[[1, 1, 1, 5]]]


def test_integer_means_truncate_towards_zero() -> None:
    assert value("avg_pool", line(-3, 0, 3, 0), 2).tolist() == [[[-1, 1]]]
    assert value("global_avg_pool", line(-3, 0)).tolist() == [[[-1]]]


def test_lp_pool_rescales_a_clipped_window_only_if_asked() -> None:
    x, options = line(3.0, 4.0, 5.0), {"ceil_mode": True}
    rescaled = value("lp_pool", x, 2, 2, **options)
    np.testing.assert_allclose(rescaled, [[[5, math.sqrt(50)]]])
    plain = value("lp_pool", x, 2, 2, **options, rescale_clipped=False)
    np.testing.assert_allclose(plain, [[[5, 5]]])


def test_lp_pool_of_zeros_has_no_gradient() -> None:
    (gx,) = GRADIENTS["lp_pool"](line(1.0), line(0.0, 0.0), 2, 2)
    assert gx.tolist() == [[[0, 0]]]


def test_adaptive_parts_overlap_by_one() -> None:
    y, switches = value("adaptive_max_pool", line(1, 2, 9, 3, 4), 2)
    assert y.tolist() == [[[9, 9]]]
    assert switches.tolist() == [[[2, 2]]]
    assert value("adaptive_avg_pool", line(1, 2, 9, 3, 3), 2).tolist() == [[[4, 5]]]


@pytest.mark.parametrize(
    ("overlap", "out", "gy"),
    [
        ("assign", [0, 5, 7], [0, 0, 10, 100]),
        ("first", [0, 3, 7], [10, 0, 0, 100]),
        ("max", [0, 6, 7], [0, 10, 0, 100]),
        ("sum", [0, 14, 7], [10, 10, 10, 100]),
        ("mean", [0, 14 / 3, 7], [10 / 3, 10 / 3, 10 / 3, 100]),
    ],
)
def test_max_unpool_overlaps(overlap: str, out: list[float], gy: list[float]) -> None:
    y, switches = line(3.0, 6.0, 5.0, 7.0), line(1, 1, 1, 2)
    got = value("max_unpool", y, switches, (3,), overlap=overlap)
    np.testing.assert_allclose(got, [[out]])
    grads = GRADIENTS["max_unpool"](
        line(1.0, 10.0, 100.0), y, switches, (3,), overlap=overlap
    )
    np.testing.assert_allclose(grads[0], [[gy]])
    assert grads[1] is None


def test_max_unpool_of_equal_maxima_credits_the_first() -> None:
    y, switches = line(6.0, 6.0), line(0, 0)
    gy, _ = GRADIENTS["max_unpool"](line(1.0), y, switches, (1,), overlap="max")
    assert gy.tolist() == [[[1, 0]]]
