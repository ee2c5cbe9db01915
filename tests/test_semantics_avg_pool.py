"""SEMANTICS: the pools that average. Hand-computed answers first, then PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch_peer

from numpy_deconv import avg_pool, lp_pool, vjp
from numpy_deconv.errors import DTypeError, OptionError, ShapeError

pytestmark = pytest.mark.usefixtures("backend")

X = np.array([[[6.0, 12, 18, 24]]])


def averaged(x: np.ndarray, kernel_size: Any, **options: Any) -> list:
    y = avg_pool(x, kernel_size, **options)
    theirs = torch_peer.value("avg_pool", x, kernel_size=kernel_size, **options)
    np.testing.assert_allclose(y, theirs, rtol=1e-15)
    return y[0, 0].tolist()


def spread(
    x: np.ndarray, gradient: list[float], kernel_size: Any, **options: Any
) -> list:
    grad, options = np.array([[gradient]]), options | {"kernel_size": kernel_size}
    _, pullback = vjp(avg_pool, x, **options)
    (for_x,) = pullback(grad)
    (theirs,) = torch_peer.gradients("avg_pool", grad, x, **options)
    np.testing.assert_allclose(for_x, theirs, rtol=1e-15)
    return for_x[0, 0].tolist()


def test_e01_ceil_mode_last_window() -> None:
    assert averaged(X, 3, stride=2, ceil_mode=True) == [12, 21]
    assert averaged(X, 2, stride=5, padding=1, ceil_mode=True) == [3]


def test_e02_a_window_wider_than_the_input() -> None:
    assert averaged(X[..., :3], 5, stride=3, ceil_mode=True) == [12]
    with pytest.raises(ShapeError, match="the window spans 5"):
        avg_pool(X[..., :3], 5, stride=3)


def test_e03_the_overhang_never_counts() -> None:
    # the ONNX reference evaluator splits an overhang of 2 and finds [9, 18]
    assert averaged(X, 3, stride=3, ceil_mode=True) == [12, 24]


def test_e03_padding_counts_and_the_overhang_does_not() -> None:
    options = {"stride": 2, "padding": 1, "ceil_mode": True}
    assert averaged(X, 3, **options) == [6, 18, 12]
    assert averaged(X, 3, **options, count_include_pad=False) == [9, 18, 24]


def test_e04_the_gradient_has_the_divisor_of_the_value() -> None:
    options = {"stride": 2, "padding": 1, "ceil_mode": True}
    assert spread(X, [3, 3, 2], 3, **options) == [1, 2, 1, 2]
    options["count_include_pad"] = False
    assert spread(X, [2, 3, 1], 3, **options) == [1, 2, 1, 2]


def test_e05_the_gradient_does_not_depend_on_the_layout() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 5, 4))
    options = {"stride": (2, 1), "padding": (1, 0), "ceil_mode": True}
    y, pullback = vjp(avg_pool, x, (3, 2), **options)
    grad = rng.normal(size=y.shape)
    channels_last = np.ascontiguousarray(grad.transpose(0, 2, 3, 1))
    (plain,), (other,) = pullback(grad), pullback(channels_last.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(plain, other)


def test_e06_padding_in_numbers_is_at_most_half_the_window() -> None:
    with pytest.raises(OptionError, match="padding 2 on spatial axis 0 is more than"):
        avg_pool(X, 3, padding=2)


def test_e06_a_window_of_padding_only() -> None:
    wide = {"stride": 1, "padding": ((2, 0),)}
    assert avg_pool(X[..., :1], 2, **wide).tolist() == [[[0, 3]]]
    with pytest.raises(ShapeError, match="all padding, and avg_pool has no mean"):
        avg_pool(X[..., :1], 2, **wide, count_include_pad=False)


def test_e25_same_averages_with_its_padding() -> None:
    assert avg_pool(X[..., :3], 2, stride=1, padding="same").tolist() == [[[9, 15, 9]]]
    lower = avg_pool(X[..., :3], 2, stride=1, padding="same_lower")
    assert lower.tolist() == [[[3, 9, 15]]]


def test_e45_integers_truncate_towards_zero() -> None:
    x = np.array([[[1, 2, -1, -2]]])
    assert averaged(x, 2) == [1, -1]
    assert avg_pool(x.astype(np.int8), 2).dtype == np.int8
    with pytest.raises(DTypeError, match="the gradient of avg_pool is not exact in in"):
        vjp(avg_pool, x, 2)


def test_e45_integers_are_summed_in_a_wide_accumulator() -> None:
    x = np.full((1, 1, 4), 100, np.int8)
    assert avg_pool(x, 4).tolist() == [[[100]]]


def test_e35_an_empty_batch() -> None:
    y, pullback = vjp(avg_pool, np.zeros((0, 2, 4, 5)), 2)
    assert y.shape == (0, 2, 2, 2)
    assert pullback(y)[0].shape == (0, 2, 4, 5)


ONES = np.ones((1, 1, 3))


def test_defect_lp_pool_scales_a_clipped_window_up_as_torch_does() -> None:
    y = lp_pool(ONES, 1, 2, ceil_mode=True)
    assert y.tolist() == [[[2, 2]]]
    theirs = torch_peer.value(
        "lp_pool", ONES, norm_type=1, kernel_size=2, ceil_mode=True
    )
    assert theirs.tolist() == [[[2, 2]]]


def test_defect_lp_pool_takes_the_plain_norm_if_asked() -> None:
    y = lp_pool(ONES, 1, 2, ceil_mode=True, rescale_clipped=False)
    assert y.tolist() == [[[2, 1]]]


def test_defect_lp_pool_scales_the_gradient_alike() -> None:
    for rescale, last in ((True, 2), (False, 1)):
        _, pullback = vjp(lp_pool, ONES, 1, 2, ceil_mode=True, rescale_clipped=rescale)
        assert pullback(np.ones((1, 1, 2)))[0].tolist() == [[[1, 1, last]]]


def test_lp_pool_of_negative_values_is_a_norm() -> None:
    assert lp_pool(np.array([[[-3.0, 4]]]), 2, 2).tolist() == [[[5]]]
    assert lp_pool(np.array([[[-3.0, 4]]]), 1, 2).tolist() == [[[7]]]
