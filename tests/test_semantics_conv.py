"""SEMANTICS: convolution and its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch_peer
from small_arrays import row, whole

from numpy_deconv import (
    conv,
    conv_input_grad,
    conv_transpose,
    conv_weight_grad,
    linear,
    vjp,
)
from numpy_deconv.errors import DTypeError, OptionError, ShapeError

pytestmark = pytest.mark.usefixtures("backend")


def same_as_torch(name: str, *arrays: np.ndarray, **options: Any) -> np.ndarray:
    functions = {f.__name__: f for f in (conv, conv_input_grad)}
    y = functions[name](*arrays, **options)
    np.testing.assert_array_equal(y, torch_peer.value(name, *arrays, **options))
    return y


def test_e25_same_puts_the_odd_sample_at_the_end() -> None:
    x, weight = row(1, 2, 3, 4, 5), row(1, 1)
    assert conv(x, weight, padding="same").tolist() == [[[3, 5, 7, 9, 5]]]
    assert conv(x, weight, padding="same_lower").tolist() == [[[1, 3, 5, 7, 9]]]


def test_e25_same_with_a_stride_beyond_the_kernel_pads_nothing() -> None:
    y = conv(row(1, 2, 3, 4, 5, 6), row(1.0), stride=3, padding="same")
    assert y.tolist() == [[[1, 4]]]


def test_e25_same_with_dilation() -> None:
    y = conv(row(1, 2, 3), row(1, 10, 100), dilation=2, padding="same")
    assert y.tolist() == [[[310, 20, 31]]]


def test_e26_padding_is_begin_and_end_per_axis() -> None:
    x, weight = np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2))
    y = same_as_torch("conv", x, weight, padding=((1, 0), (0, 2)))
    assert y[0, 0].tolist() == [[2, 1, 0], [4, 2, 0]]


def test_e27_groups_with_a_stride() -> None:
    grad = np.array([[[1.0, 2], [3, 4]]])
    weight = np.array([[[1.0, 10]], [[100, 1000]]])
    options = {"input_size": (4,), "stride": 2, "groups": 2}
    for_x = same_as_torch("conv_input_grad", grad, weight, **options)
    assert for_x[0].tolist() == [[1, 10, 2, 20], [300, 3000, 400, 4000]]
    x = np.array([[[1.0, 2, 3, 4], [5, 6, 7, 8]]])
    for_weight = conv_weight_grad(grad, x, 2, stride=2, groups=2)
    assert for_weight.tolist() == [[[7, 10]], [[43, 50]]]


def test_e27_a_kernel_as_large_as_the_input() -> None:
    x, weight = whole(0, 2, 4, 17, 13), whole(1, 6, 2, 17, 13)
    y = same_as_torch("conv", x, weight, groups=2)
    assert y.shape == (2, 6, 1, 1)


def test_e28_depthwise_with_dilation() -> None:
    x = np.array([[[1.0, 2, 3], [4, 5, 6]]])
    weight = np.array([[[1.0, 1]], [[1, -1]]])
    y = same_as_torch("conv", x, weight, dilation=2, groups=2)
    assert y.tolist() == [[[4], [-2]]]


def test_e29_samples_that_no_window_read_have_gradient_0() -> None:
    grad, weight = row(1, 2, 3), row(1.0)
    for length, expected in ((5, [1, 0, 2, 0, 3]), (6, [1, 0, 2, 0, 3, 0])):
        for_x = conv_input_grad(grad, weight, (length,), stride=2)
        assert for_x.tolist() == [[expected]]


def test_a_batch_may_be_walked_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = whole(0, 5, 4, 6), whole(1, 6, 2, 3)
    results = []
    for _ in range(2):
        y, pullback = vjp(conv, x, weight, stride=2, groups=2)
        results.append((y, *pullback(y)))
        monkeypatch.setattr("numpy_deconv.reference.convolution.COLUMN_BYTES", 1)
    for whole_batch, one_by_one in zip(*results, strict=True):
        np.testing.assert_array_equal(whole_batch, one_by_one)


def test_e30_convolution_is_correlation() -> None:
    assert conv(row(1, 2, 3), row(1, 10)).tolist() == [[[21, 32]]]


def test_e35_an_empty_batch_has_weight_gradient_0() -> None:
    x, weight, bias = np.zeros((0, 2, 4, 5)), np.ones((3, 2, 2, 3)), np.ones(3)
    y, pullback = vjp(conv, x, weight, bias, padding=1)
    assert y.shape == (0, 3, 5, 5)
    for_x, for_weight, for_bias = pullback(y)
    assert for_x.shape == x.shape
    assert not for_weight.any()
    assert not for_bias.any()
    assert for_weight.shape == weight.shape
    y, pullback = vjp(conv_transpose, np.zeros((0, 3, 4)), np.ones((3, 2, 2)))
    assert y.shape == (0, 2, 5)
    assert not pullback(y)[1].any()


def test_e36_no_input_channels_leave_the_bias() -> None:
    y = conv(np.zeros((2, 0, 3)), np.zeros((2, 0, 2)), np.array([1.0, 2]))
    assert y.tolist() == [[[1, 1], [2, 2]]] * 2
    assert conv(np.zeros((1, 2, 3)), np.zeros((0, 2, 2))).shape == (1, 0, 2)
    for_x = conv_input_grad(np.zeros((1, 0, 2)), np.zeros((0, 2, 2)), (3,))
    assert for_x.tolist() == [[[0, 0, 0]] * 2]


@pytest.mark.parametrize(("inputs", "outputs"), [(0, 2), (2, 0), (0, 0)])
def test_e36_gradients_without_channels(inputs: int, outputs: int) -> None:
    arrays = {
        conv: ((2, inputs, 3), (outputs, inputs, 2)),
        conv_transpose: ((2, inputs, 3), (inputs, outputs, 2)),
        linear: ((2, inputs), (outputs, inputs)),
    }
    for function, shapes in arrays.items():
        y, pullback = vjp(function, *map(np.zeros, shapes))
        assert tuple(g.shape for g in pullback(y)) == shapes


def test_e36_an_empty_kernel_is_an_error() -> None:
    with pytest.raises(OptionError, match="kernel_size must be at least 1, got 0"):
        conv(row(1, 2), np.zeros((1, 1, 0)))


def test_e37_an_output_of_size_0_is_an_error() -> None:
    with pytest.raises(
        ShapeError,
        match=r"window spans 5 \(kernel 3, dilation 2\) on spatial axis 1, more than "
        r"the input of 4 padded by 0 \+ 0: use a smaller kernel",
    ):
        conv(np.ones((1, 1, 9, 4)), np.ones((1, 1, 3, 3)), dilation=2)
    with pytest.raises(ShapeError, match="more than the input of 0 padded by 0"):
        conv(np.ones((1, 1, 0)), row(1.0))


def test_e38_negative_padding_is_an_error() -> None:
    for padding in (-1, (-1,), ((0, -1),)):
        for function in (conv, conv_transpose):
            with pytest.raises(OptionError, match="padding must be at least 0, got -1"):
                function(row(1, 2, 3), row(1.0), padding=padding)


def test_defect_infinity_that_a_dilated_window_steps_over() -> None:
    # a kernel stuffed with zeros (ONNX reference evaluator) would make 0 * inf = NaN
    y = conv(row(1, np.inf, 5), row(1, 1), dilation=2)
    assert y.tolist() == [[[6]]]


def test_e40_non_finite_values_stay_in_their_windows() -> None:
    x, weight = row(1, np.inf, 2, 3, np.nan, 4, 5), row(1.0, 1)
    with np.errstate(invalid="ignore"):
        y = conv(x, weight)
    np.testing.assert_array_equal(y, row(np.inf, np.inf, 5, np.nan, np.nan, 9))
    with np.errstate(invalid="ignore"):
        y = conv(row(np.inf, 1, 2), row(1, 1), stride=1)
    np.testing.assert_array_equal(y, row(np.inf, 3))


def test_e42_subnormal_numbers_are_kept() -> None:
    for dtype, tiny in ((np.float32, 1e-40), (np.float64, 1e-310)):
        x = row(tiny, tiny, dtype=dtype)
        assert conv(x, row(1.0, dtype=dtype)).tolist() == x.tolist()


def test_e44_halves_are_summed_in_float32() -> None:
    # in float16, 2048 + 1 is 2048 again
    x, weight = row(2048, 1, 1, dtype=np.float16), row(1, 1, 1, dtype=np.float16)
    y = conv(x, weight)
    assert y.dtype == np.float16
    assert y.item() == 2050
    grad = conv_weight_grad(x, row(1, 1, 1, dtype=np.float16), 1)
    assert grad.item() == 2050
    assert linear(x[0], weight[0]).item() == 2050


@pytest.mark.parametrize(
    ("dtype", "wide"),
    [
        (np.int8, np.int32),
        (np.uint8, np.int32),
        (np.int16, np.int64),
        (np.int32, np.int64),
        (np.uint32, np.int64),
        (np.int64, np.int64),
    ],
)
def test_e45_integers_are_summed_in_wider_ones(dtype: type, wide: type) -> None:
    top = min(np.iinfo(dtype).max, 2**31 - 1)
    x, weight = row(top, top, dtype=dtype), row(top, 1, dtype=dtype)
    for y, expected in (
        (conv(x, weight), top * top + top),
        (linear(x[0], weight[0]), top * top + top),
        (conv_weight_grad(x, x, 1), 2 * top * top),
    ):
        assert y.dtype == wide
        assert y.item() == expected
    y = conv_transpose(x, weight)
    assert (y.dtype, y.ravel().tolist()) == (wide, [top * top, top * top + top, top])


def test_e45_integers_mix() -> None:
    x, weight = row(200, 100, dtype=np.uint8), row(-1, -1, dtype=np.int8)
    y = conv(x, weight)
    assert (y.dtype, y.item()) == (np.int32, -300)


def test_e45_uint64_is_refused() -> None:
    x = row(1, 2, dtype=np.uint64)
    with pytest.raises(
        DTypeError, match="sums of uint64 may not fit: convert to int64"
    ):
        conv(x, x)


def test_e46_a_pullback_may_be_used_twice_and_inputs_stay() -> None:
    x, weight = whole(0, 2, 3, 5), whole(1, 4, 3, 2)
    before = x.copy(), weight.copy()
    y, pullback = vjp(conv, x, weight, stride=2)
    once, again = pullback(y), pullback(y)
    for first, second in zip(once, again, strict=True):
        np.testing.assert_array_equal(first, second)
        assert not np.may_share_memory(first, second)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(weight, before[1])


def test_e48_the_bias_of_its_channel_is_added_once() -> None:
    x, weight, bias = np.zeros((2, 4, 3, 3)), np.zeros((6, 2, 2, 2)), np.arange(6.0)
    y = conv(x, weight, bias, groups=2, padding=1)
    np.testing.assert_array_equal(y, np.broadcast_to(bias[:, None, None], y.shape))
    y = conv_transpose(x, np.zeros((4, 3, 2, 2)), bias, groups=2)
    np.testing.assert_array_equal(y, np.broadcast_to(bias[:, None, None], y.shape))


def test_e48_the_gradient_of_the_bias_counts_every_output_once() -> None:
    x, weight = np.zeros((2, 4, 3, 3)), np.zeros((6, 2, 2, 2))
    y, pullback = vjp(conv, x, weight, np.zeros(6), groups=2)
    assert pullback(np.ones_like(y))[2].tolist() == [8] * 6
