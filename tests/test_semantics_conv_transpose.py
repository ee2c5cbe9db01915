"""SEMANTICS: transposed convolution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch_peer
from small_arrays import row, whole

from numpy_deconv import conv_transpose, vjp
from numpy_deconv.errors import OptionError, ShapeError

pytestmark = pytest.mark.usefixtures("backend")


def same_as_torch(*arrays: np.ndarray, **options: Any) -> np.ndarray:
    y = conv_transpose(*arrays, **options)
    theirs = torch_peer.value("conv_transpose", *arrays, **options)
    np.testing.assert_array_equal(y, theirs)
    return y


def test_e24_same_of_a_transposed_convolution_is_stride_times_input() -> None:
    x, weight = row(1, 1), row(1, 2, 3)  # in full 1 2 4 2 3
    same = conv_transpose(x, weight, stride=2, padding="same")
    assert same.tolist() == [[[1, 2, 4, 2]]]
    lower = conv_transpose(x, weight, stride=2, padding="same_lower")
    assert lower.tolist() == [[[2, 4, 2, 3]]]


def test_e24_same_leaves_no_output_padding() -> None:
    with pytest.raises(OptionError, match="padding='same' fixes the output at stride"):
        conv_transpose(row(1.0), row(1.0), stride=2, padding="same", output_padding=1)


def test_e21_output_padding_still_receives_contributions() -> None:
    x, weight = row(1, 1), row(1, 2, 3)  # in full 1 2 4 2 3
    y = same_as_torch(x, weight, stride=2, padding=1)
    assert y.tolist() == [[[2, 4, 2]]]
    options = {"stride": 2, "padding": 1, "output_padding": 1}
    y = same_as_torch(x, weight, **options)
    assert y.tolist() == [[[2, 4, 2, 3]]]


def test_defect_output_padding_of_a_stride_below_the_dilation() -> None:
    # the ONNX reference evaluator crashes and ONNX Runtime rejects it
    x, weight = row(1, 1), row(1, 2)
    y = same_as_torch(x, weight, dilation=2, output_padding=1)
    assert y.tolist() == [[[1, 1, 2, 2, 0]]]
    _, pullback = vjp(conv_transpose, x, weight, dilation=2, output_padding=1)
    for_x, for_weight = pullback(row(1, 10, 100, 1000, 10000))
    assert for_x.tolist() == [[[201, 2010]]]
    assert for_weight.tolist() == [[[11, 1100]]]


def test_e21_output_padding_is_below_the_stride_or_the_dilation() -> None:
    with pytest.raises(
        OptionError, match=r"output_padding 2 on spatial axis 0 must .* so at most 1"
    ):
        conv_transpose(row(1.0), row(1, 2), stride=2, output_padding=2)


def test_e22_padding_crops_the_output() -> None:
    x, weight = row(1, 1), row(1, 2, 3)
    full = conv_transpose(x, weight, stride=2)
    assert full.tolist() == [[[1, 2, 4, 2, 3]]]
    cropped = conv_transpose(x, weight, stride=2, padding=((2, 1),))
    assert cropped.tolist() == [[[4, 2]]]
    with pytest.raises(ShapeError, match=r"grows to 5 .* and padding \(3, 3\) crops a"):
        conv_transpose(x, weight, stride=2, padding=3)


def test_e22_stride_and_dilation_together() -> None:
    x, weight = whole(0, 2, 2, 3, 4), whole(1, 2, 3, 2, 3)
    options = {"stride": (3, 2), "dilation": (2, 3), "padding": (1, 2)}
    same_as_torch(x, weight, whole(2, 3), **options)


def test_e23_groups_of_a_transposed_convolution() -> None:
    # 4 channels in 2 groups, weight (C, K/G, *k), one bias per output channel
    x = np.array([[[1.0], [10], [100], [1000]]])
    weight = np.array([[[1.0]], [[2]], [[3]], [[4]]])
    bias = np.array([0.5, 0.25])
    y = same_as_torch(x, weight, bias, groups=2)
    assert y.ravel().tolist() == [21.5, 4300.25]


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("groups", [2, 3])
def test_defect_grouped_transposed_convolution(rank: int, groups: int) -> None:
    # the ONNX reference evaluator gets 0 of 132 right
    x = whole(0, 2, 2 * groups, *(4, 3, 5)[:rank])
    weight = whole(1, 2 * groups, 3, *(2, 3, 1)[:rank])
    bias = whole(2, 3 * groups)
    stride, output_padding = (2, 3, 1)[:rank], (1, 2, 0)[:rank]
    same_as_torch(
        x,
        weight,
        bias,
        stride=stride,
        output_padding=output_padding,
        groups=groups,
    )
