"""SEMANTICS: max pooling. Hand-computed answers first, then PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch_peer
from small_arrays import row

from numpy_deconv import adaptive_max_pool, max_pool, vjp
from numpy_deconv.errors import OptionError, ShapeError

pytestmark = pytest.mark.usefixtures("backend")

INF, NAN = np.inf, np.nan


def pooled(x: np.ndarray, kernel_size: Any, **options: Any) -> tuple[list, list]:
    y, switches = max_pool(x, kernel_size, **options)
    theirs = torch_peer.value("max_pool", x, kernel_size=kernel_size, **options)
    np.testing.assert_array_equal(y, theirs[0])
    np.testing.assert_array_equal(switches, theirs[1])
    return y[0, 0].tolist(), switches[0, 0].tolist()


def test_e01_ceil_mode_last_window_hangs_over_the_end() -> None:
    x = row(1, 2, 3, 4, 5)
    assert pooled(x, 2, ceil_mode=True) == ([2, 4, 5], [1, 3, 4])
    assert pooled(x, 2) == ([2, 4], [1, 3])


def test_e01_ceil_mode_last_window_must_start_inside() -> None:
    # ceil((4 + 2 - 2) / 5) + 1 is 2, but the second would start at 4 = L
    x = row(1, 2, 3, 4)
    assert pooled(x, 2, stride=5, padding=1, ceil_mode=True) == ([1], [0])


def test_e01_ceil_mode_per_axis() -> None:
    x = np.arange(20.0).reshape(1, 1, 4, 5)
    values, switches = pooled(x, (3, 2), stride=(3, 2), ceil_mode=True)
    assert values == [[11, 13, 14], [16, 18, 19]]
    assert switches == [[11, 13, 14], [16, 18, 19]]


def test_e02_a_window_wider_than_the_input() -> None:
    x = row(1, 3, 2)
    assert pooled(x, 5, stride=3, ceil_mode=True) == ([3], [1])
    with pytest.raises(ShapeError, match=r"window spans 5 .* on spatial axis 0, more"):
        max_pool(x, 5, stride=3)


def test_e06_padding_in_numbers_is_at_most_half_the_window() -> None:
    with pytest.raises(
        OptionError, match=r"padding 2 on spatial axis 0 is more than half .*at most 1"
    ):
        max_pool(row(1, 2, 3), 2, padding=2)
    assert pooled(row(1, 2, 3), 2, stride=1, padding=1)[0] == [1, 2, 3, 3]


def test_e06_padding_in_pairs_may_be_wider() -> None:
    y, switches = max_pool(row(1, 2, 3), 3, stride=1, padding=((2, 2),))
    assert y[0, 0].tolist() == [1, 2, 3, 3, 3]
    assert switches[0, 0].tolist() == [0, 1, 2, 2, 2]


def test_e06_a_window_of_padding_only_is_an_error() -> None:
    with pytest.raises(ShapeError, match="all padding, and max_pool has no maximum"):
        max_pool(row(1.0), 2, stride=1, padding=((2, 2),))


def test_e07_padding_never_wins_over_negative_values() -> None:
    x = row(-3, -1, -2)
    assert pooled(x, 2, stride=1, padding=1) == ([-3, -1, -1, -2], [0, 1, 1, 2])


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8])
def test_e07_padding_never_wins_in_integers(dtype: type) -> None:
    least = np.iinfo(dtype).min
    x = row(least, least, dtype=dtype)
    assert pooled(x, 2, stride=1, padding=1) == ([least] * 3, [0, 0, 1])


def test_e08_minus_infinity_wins_over_padding() -> None:
    x = row(-INF, -INF, -INF)
    assert pooled(x, 2, stride=1, padding=1) == ([-INF] * 4, [0, 0, 1, 2])


def test_e09_nan_propagates() -> None:
    y, switches = max_pool(row(1, NAN, 3), 2, stride=1)
    assert np.isnan(y).all()
    assert switches[0, 0].tolist() == [1, 1]
    y, switches = max_pool(row(INF, 2, NAN), 3)
    assert np.isnan(y).all()
    assert switches[0, 0].tolist() == [2]


def test_e09_nan_stays_in_its_own_windows() -> None:
    y, switches = max_pool(row(1, NAN, 3, 4), 2)
    np.testing.assert_array_equal(y[0, 0], [NAN, 4])
    assert switches[0, 0].tolist() == [1, 3]


def test_e10_of_several_nan_the_switch_names_one() -> None:
    # PyTorch names the last and NumPy the first: any is right, ours is the first
    x = row(NAN, 1, NAN, 2)
    y, switches = max_pool(x, 4)
    assert np.isnan(y).all()
    assert switches[0, 0].tolist() == [0]
    assert torch_peer.value("max_pool", x, kernel_size=4)[1][0, 0].tolist() == [2]
    assert adaptive_max_pool(x, 1)[1][0, 0].tolist() == [0]


def test_e11_the_first_of_equals_wins() -> None:
    x = np.zeros((1, 1, 4, 4))
    assert pooled(x, 2)[1] == [[0, 2], [8, 10]]
    assert pooled(row(1, 2, 2, 1), 4)[1] == [1]


def test_e11_the_gradient_goes_to_one_winner() -> None:
    _, pullback = vjp(max_pool, np.zeros((1, 1, 2, 2)), 2)
    (grad,) = pullback(np.full((1, 1, 1, 1), 5.0))
    assert grad.tolist() == [[[[5, 0], [0, 0]]]]


def test_e12_the_first_of_both_zeros_wins_with_its_sign() -> None:
    for first, second in ((-0.0, 0.0), (0.0, -0.0)):
        y, switches = max_pool(row(first, second), 2)
        assert switches.item() == 0
        assert np.signbit(y.item()) == np.signbit(first)


def test_e13_switches_count_within_each_plane() -> None:
    x = np.arange(24.0).reshape(2, 2, 2, 3)
    y, switches = max_pool(x, (2, 3))
    assert switches.ravel().tolist() == [5, 5, 5, 5]
    assert y.ravel().tolist() == [5, 11, 17, 23]
    volume = np.arange(24.0).reshape(1, 1, 2, 3, 4)
    assert max_pool(volume, (1, 3, 2))[1].ravel().tolist() == [9, 11, 21, 23]


def test_e14_switches_ignore_the_padding() -> None:
    x = np.arange(6.0).reshape(1, 1, 2, 3)
    values, switches = pooled(x, 2, stride=(1, 2), padding=(1, 1))
    assert values == switches == [[0, 2], [3, 5], [3, 5]]


def test_e14_switches_ignore_the_padding_of_same() -> None:
    x = row(1, 2, 3, 4, 5)
    y, switches = max_pool(x, 2, padding="same_lower")
    assert (y[0, 0].tolist(), switches[0, 0].tolist()) == ([1, 3, 5], [0, 2, 4])


def test_e16_switches_are_int64_and_reach_beyond_a_byte() -> None:
    x = np.arange(256.0).reshape(1, 1, 16, 16)
    y, switches = max_pool(x, 16)
    assert switches.dtype == np.int64
    assert (y.item(), switches.item()) == (255, 255)
    wide = np.zeros((1, 1, 1, 70_000), np.float32)
    wide[..., -1] = 1
    assert max_pool(wide, (1, 70_000))[1].item() == 69_999


def test_e17_dilation_per_axis_forwards_and_backwards() -> None:
    x = np.arange(15.0).reshape(1, 1, 3, 5)
    options = {"stride": 1, "dilation": (1, 2)}
    values, switches = pooled(x, 2, **options)
    assert values == switches == [[7, 8, 9], [12, 13, 14]]
    _, pullback = vjp(max_pool, x, 2, **options)
    (grad,) = pullback(np.array([[[[1.0, 2, 3], [4, 5, 6]]]]))
    assert grad[0, 0].tolist() == [[0] * 5, [0, 0, 1, 2, 3], [0, 0, 4, 5, 6]]


def test_e17_a_dilated_window_looks_past_what_lies_between() -> None:
    assert pooled(row(1, 9, 2, 9, 3), 3, dilation=2) == ([3], [4])


def test_e25_same_puts_the_odd_sample_at_the_end() -> None:
    x = row(1, 2, 3, 4, 5)
    assert max_pool(x, 2, padding="same")[0][0, 0].tolist() == [2, 4, 5]
    # ONNX's meaning of SAME_LOWER, which its own evaluator gets wrong (53 cases of 71)
    assert max_pool(x, 2, padding="same_lower")[0][0, 0].tolist() == [1, 3, 5]


def test_e25_same_with_a_stride_beyond_the_window_pads_nothing() -> None:
    # a negative padding (ONNX Runtime) would give [2, 5]
    x = row(1, 2, 3, 4, 5, 6)
    assert max_pool(x, 1, stride=3, padding="same")[0][0, 0].tolist() == [1, 4]


def test_e35_an_empty_batch() -> None:
    y, switches = max_pool(np.zeros((0, 2, 4, 5)), 2)
    assert y.shape == switches.shape == (0, 2, 2, 2)
    y, switches = adaptive_max_pool(np.zeros((0, 2, 4, 5)), (1, 3))
    assert y.shape == switches.shape == (0, 2, 1, 3)


def test_e36_no_channels() -> None:
    y, switches = max_pool(np.zeros((2, 0, 4)), 2)
    assert y.shape == switches.shape == (2, 0, 2)
    assert adaptive_max_pool(np.zeros((2, 0, 4)), 2)[1].shape == (2, 0, 2)


def test_e36_an_empty_kernel_is_an_error() -> None:
    with pytest.raises(OptionError, match="kernel_size must be at least 1, got 0"):
        max_pool(row(1, 2), 0)


def test_e38_negative_padding_is_an_error() -> None:
    with pytest.raises(OptionError, match="padding must be at least 0, got -1"):
        max_pool(row(1, 2, 3), 2, padding=-1)
    with pytest.raises(OptionError, match="padding must be at least 0, got -1"):
        max_pool(row(1, 2, 3), 2, padding=((0, -1),))


def test_defect_switches_of_stride_and_dilation_1() -> None:
    # the ONNX reference evaluator is wrong, or raises, in 11 cases of 11
    x = np.array([[[[1.0, 5, 2], [7, 0, 3], [4, 6, 8]]]])
    values, switches = pooled(x, 2, stride=1)
    assert values == [[7, 5], [7, 8]]
    assert switches == [[3, 1], [3, 8]]
