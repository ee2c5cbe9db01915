"""The definitions against answers worked out by hand, one per rule of the semantics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from numpy_deconv.oracle.definition import DEFINITIONS, GRADIENTS

NAN = math.nan


def line(*values: float) -> np.ndarray[Any, Any]:
    """A plane of rank 1: shape ``(1, 1, L)``."""
    return np.array([[values]])


def value(name: str, *arrays: Any, **options: Any) -> Any:
    """What the definition of ``name`` returns."""
    return DEFINITIONS[name](*arrays, **options)


def test_conv_is_a_correlation_with_each_axis_its_own() -> None:
    x = np.arange(1, 16).reshape(1, 1, 3, 5)
    weight = np.array([[[[1, 10]], [[100, 1000]]]]).reshape(1, 1, 2, 2)
    y = value(
        "conv", x, weight, stride=(1, 2), dilation=(1, 2), padding=((0, 0), (1, 0))
    )
    # taps (r, c), (r, c+2), (r+1, c), (r+1, c+2) with c = -1, 1
    first = [0 + 20 + 0 + 7000, 2 + 40 + 700 + 9000]
    second = [0 + 70 + 0 + 12000, 7 + 90 + 1200 + 14000]
    assert y.tolist() == [[[first, second]]]
    assert y.dtype == np.int64


def test_conv_groups_see_only_their_own_channels() -> None:
    x = np.array([[[1], [10], [100], [1000]]])
    weight = np.array([[[1], [2]], [[3], [4]]])
    y = value("conv", x, weight, np.array([7, 8]), groups=2)
    assert y.tolist() == [[[1 + 20 + 7], [300 + 4000 + 8]]]


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        # 4 elements, kernel 3, stride 2: "same" pads 1, at the end or at the start
        ("same", [1 + 2 + 4, 4 + 8]),
        ("same_lower", [1 + 2, 2 + 4 + 8]),
        ("valid", [1 + 2 + 4]),
        (1, [1 + 2, 2 + 4 + 8]),
        ((1,), [1 + 2, 2 + 4 + 8]),
        (((2, 1),), [1, 1 + 2 + 4, 4 + 8]),
    ],
)
def test_padding_spellings(padding: Any, expected: list[int]) -> None:
    y = value("conv", line(1, 2, 4, 8), line(1, 1, 1), stride=2, padding=padding)
    assert y.tolist() == [[expected]]


def test_conv_of_no_channels_is_the_bias() -> None:
    x, weight = np.zeros((1, 0, 3)), np.zeros((2, 0, 2))
    y = value("conv", x, weight, np.array([5.0, 6.0]))
    assert y.tolist() == [[[5, 5], [6, 6]]]


def test_gradients_of_an_empty_batch_are_zero() -> None:
    x, weight, bias = np.zeros((0, 1, 3)), np.ones((1, 1, 2)), np.ones(1)
    gx, gw, gb = GRADIENTS["conv"](np.zeros((0, 1, 2)), x, weight, bias)
    assert gx.shape == (0, 1, 3)
    assert gw.tolist() == [[[0, 0]]]
    assert gb.tolist() == [0]


def test_conv_transpose_output_padding_still_receives() -> None:
    # full: 1 2 3+10 20 30 0; padding (1, 2) crops, output_padding gives one back
    y = value(
        "conv_transpose",
        line(1, 10),
        line(1, 2, 3),
        stride=2,
        padding=((1, 2),),
        output_padding=1,
    )
    assert y.tolist() == [[[2, 13, 20]]]


def test_conv_transpose_same_multiplies_the_size() -> None:
    wide = value("conv_transpose", line(1, 10), line(1, 2, 3), stride=2, padding="same")
    assert wide.tolist() == [[[1, 2, 13, 20]]]
    narrow = value("conv_transpose", line(1, 10), line(1), stride=3, padding="same")
    assert narrow.tolist() == [[[1, 0, 0, 10, 0, 0]]]


def test_conv_transpose_groups() -> None:
    x, weight = np.array([[[1], [10]]]), np.array([[[1], [2]], [[3], [4]]])
    y = value("conv_transpose", x, weight, np.array([0, 0, 0, 5]), groups=2)
    assert y.tolist() == [[[1], [2], [30], [45]]]


def test_im2col_rows_are_channels_then_taps() -> None:
    x = np.array([[[1, 2, 3], [4, 5, 6]]])
    columns = value("im2col", x, 2, padding=((1, 0),))
    assert columns.tolist() == [[[0, 1, 2], [1, 2, 3], [0, 4, 5], [4, 5, 6]]]
    image = value("col2im", columns, (3,), 2, padding=((1, 0),))
    assert image.tolist() == [[[2, 4, 3], [8, 10, 6]]]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("constant", [7, 7, 1, 2, 3, 7]),
        ("reflect", [3, 2, 1, 2, 3, 2]),
        ("replicate", [1, 1, 1, 2, 3, 3]),
        ("circular", [2, 3, 1, 2, 3, 1]),
    ],
)
def test_pad(mode: str, expected: list[int]) -> None:
    y = value("pad", line(1, 2, 3), ((2, 1),), mode, 7)
    assert y.tolist() == [[expected]]


def test_upsample() -> None:
    x = line(0.0, 4.0)
    assert value("upsample", x, 1.5).tolist() == [[[0, 0, 4]]]
    assert value("upsample", x, 2, "bilinear").tolist() == [[[0, 1, 3, 4]]]
    # a size that stays: the nearest is still i / scale, the linear blend copies
    assert value("upsample", x, 1.25).tolist() == [[[0, 0]]]
    assert value("upsample", x, 1.25, "bilinear").tolist() == [[[0, 4]]]


def test_relu_keeps_nan_and_stops_at_zero() -> None:
    x = line(-1.0, 0.0, NAN, 2.0)
    np.testing.assert_array_equal(value("relu", x), line(0, 0, NAN, 2))
    (gx,) = GRADIENTS["relu"](line(5.0, 5.0, 5.0, 5.0), x)
    assert gx.tolist() == [[[0, 0, 5, 5]]]


def test_clip_passes_the_gradient_at_its_bounds() -> None:
    (gx,) = GRADIENTS["clip"](line(1, 1, 1, 1), line(-1, 0, 6, 7), 0, 6)
    assert gx.tolist() == [[[0, 1, 1, 0]]]


@pytest.mark.parametrize(
    ("size", "weights"),
    [(3, (1, 1, 0, 0)), (2, (1, 0, 0, 0)), (4, (1, 1, 0, 0)), (5, (1, 1, 1, 0))],
)
def test_local_response_norm_window_starts_half_a_size_below(
    size: int, weights: tuple[int, ...]
) -> None:
    # channel 0 sees itself and (size - 1) // 2 channels above
    x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1)
    y = value("local_response_norm", x, size, alpha=size, beta=1.0, k=0.0)
    assert y[0, 0, 0] == 1 / sum(w * v**2 for w, v in zip(weights, x.flat, strict=True))


def test_an_integer_beyond_int64_is_not_wrapped() -> None:
    big = np.full((1, 1, 2), 2**62)
    assert value("conv", big, line(2, 2)).tolist() == [[[2**64]]]
