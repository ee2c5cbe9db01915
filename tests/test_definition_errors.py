"""Every refusal of the definitions: an error that names the values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.oracle.definition import DEFINITIONS

X = np.zeros((1, 2, 4))
WEIGHT = np.zeros((2, 2, 3))
PLANE = np.zeros((1, 2, 4, 4))

SHAPES: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("max_pool", (X, (2, 2)), {}, r"kernel_size \(2, 2\) must be one number or a tup"),
    ("max_pool", (X, 2), {"padding": (0, 0)}, r"padding \(0, 0\) must have one entry"),
    ("max_pool", (X, 5), {}, r"window of 5 with dilation 1 does not fit into size 4"),
    ("max_pool", (X, 3), {"dilation": 2}, r"window of 3 with dilation 2 does not fit"),
    ("max_pool", (X, 2), {"padding": ((3, 0),)}, "entirely in the padding"),
    (
        "avg_pool",
        (X, 2),
        {"padding": ((2, 0),), "count_include_pad": False},
        "entirely in the padding",
    ),
    ("conv", (X, np.zeros((2, 1, 3))), {}, r"weight has shape \(2, 1, 3\), but must"),
    ("conv", (X, WEIGHT, np.zeros(3)), {}, r"bias has shape \(3,\), but must have"),
    ("conv_input_grad", (X, WEIGHT, (4,)), {}, r"grad has shape \(1, 2, 4\), but must"),
    ("conv_weight_grad", (X, X, (3,)), {}, r"grad has shape \(1, 2, 4\), but must"),
    ("conv_transpose", (X, np.zeros((3, 1, 2))), {}, "weight has shape"),
    ("conv_transpose", (X, WEIGHT), {"padding": 3}, r"padding \(3, 3\) leaves no out"),
    ("col2im", (X, (4,), 2), {}, r"columns \(1, 2, 4\) must have a multiple of 2 rows"),
    ("col2im", (np.zeros((1, 3, 3)), (4,), 2), {}, "a multiple of 2 rows and 3 col"),
    ("max_unpool", (X, np.zeros((1, 2, 3), int), (4,)), {}, "must have y's shape"),
    ("max_unpool", (X, np.full(X.shape, 4), (4,)), {}, "switch 4 is outside a plane"),
    ("max_unpool", (X, np.full(X.shape, -1), (4,)), {}, "switch -1 is outside a pl"),
    ("prelu", (X, np.zeros(3)), {}, r"prelu's weight has shape \(3,\)"),
    ("batch_norm", (X, np.zeros(3), np.zeros(2)), {}, r"mean must have shape \(2,\)"),
    ("linear", (X, np.zeros((3, 5))), {}, r"weight \(3, 5\) must be \(out, 4\)"),
    ("linear", (X, np.zeros((3, 4)), np.zeros(2)), {}, r"bias \(2,\) must be \(3,\)"),
    ("cross_entropy", (X, np.zeros((1, 2), int)), {}, "must have the shape of logits"),
    ("cross_entropy", (X, np.full((1, 4), 2)), {}, "label 2 is not one of 2"),
    ("mse", (X, PLANE), {}, r"target \(1, 2, 4, 4\) must have x's shape"),
    ("pad", (X, 4, "reflect"), {}, r"padding \(4, 4\) is too large for 'reflect' of 4"),
    ("pad", (X, 5, "circular"), {}, r"padding \(5, 5\) is too large for 'circular'"),
    ("upsample", (X, (2, 2)), {}, r"scale \(2, 2\) must be one number for each axis"),
    ("upsample", (X, 0.1), {}, "scale 0.1 leaves nothing of sizes"),
    ("concat", (X, PLANE[..., 0, :3]), {}, "differ beyond axis 1"),
]

OPTIONS: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("max_pool", (X, 0), {}, "kernel_size 0 must be at least 1"),
    ("max_pool", (X, 2), {"stride": 0}, "stride 0 must be at least 1"),
    ("max_pool", (X, 2), {"dilation": 0}, "dilation 0 must be at least 1"),
    ("max_pool", (X, 2), {"padding": -1}, r"padding -1 must be at least 0"),
    ("max_pool", (X, 2), {"padding": 2}, "padding 2 must be at most 1, half of the"),
    ("max_pool", (X, 2), {"padding": "full"}, "padding 'full' is unknown"),
    ("lp_pool", (X, 0, 2), {}, "norm_type 0 must be positive"),
    ("adaptive_max_pool", (X, 0), {}, "output_size 0 must be at least 1"),
    ("conv", (X, WEIGHT), {"groups": 3}, "groups 3 must divide the channels"),
    ("conv", (X, WEIGHT), {"groups": 0}, "groups 0 must divide the channels"),
    ("conv_transpose", (X, WEIGHT), {"groups": 3}, "groups 3 must divide"),
    (
        "conv_transpose",
        (X, WEIGHT),
        {"stride": 2, "output_padding": 2},
        "output_padding 2 must be smaller than stride 2 or dilation 1",
    ),
    (
        "conv_transpose",
        (X, WEIGHT),
        {"padding": "same", "stride": 2, "output_padding": 1},
        "output_padding must be 0 with padding 'same'",
    ),
    ("max_unpool", (X, np.zeros(X.shape, int), (4,)), {"overlap": "add"}, "'add' must"),
    ("gelu", (X, "erf"), {}, "approximate 'erf' must be 'none' or 'tanh'"),
    ("softmax", (X, 3), {}, "axis 3 must be one of the 3 axes"),
    ("local_response_norm", (X, 0), {}, "size 0 must be at least 1"),
    ("pad", (X, 1, "mirror"), {}, "mode 'mirror' is not a way to pad"),
    ("upsample", (X, 2, "cubic"), {}, "mode 'cubic' must be 'nearest' or 'bilinear'"),
    ("upsample", (X, 0), {}, "scale 0 must be positive"),
    ("flatten", (X, 3), {}, "axis 3 must be one of the 3 axes"),
]


@pytest.mark.parametrize(("name", "arrays", "options", "text"), SHAPES)
def test_shapes_that_do_not_fit(
    name: str, arrays: tuple[Any, ...], options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ShapeError, match=text):
        DEFINITIONS[name](*arrays, **options)


@pytest.mark.parametrize(("name", "arrays", "options", "text"), OPTIONS)
def test_options_outside_their_range(
    name: str, arrays: tuple[Any, ...], options: dict[str, Any], text: str
) -> None:
    with pytest.raises(OptionError, match=text):
        DEFINITIONS[name](*arrays, **options)
