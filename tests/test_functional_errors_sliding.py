"""What functions with a window refuse, before any work, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv.errors import DTypeError, NumpyDeconvError, OptionError, ShapeError

ROW = np.ones((1, 2, 4))
PLANE = np.ones((1, 2, 4, 5))
WEIGHT = np.ones((2, 2, 3))
WHOLE = np.ones((1, 2, 4), np.int64)
EMPTY = np.ones((1, 2, 0))
VECTOR = np.ones(2)

Refusal = tuple[Callable[[], Any], type[NumpyDeconvError], str]

CONVOLUTION: list[Refusal] = [
    (
        lambda: nd.conv(ROW, np.ones((2, 3, 3))),
        ShapeError,
        r"input has 2 channels, weight expects 3$",
    ),
    (
        lambda: nd.conv(ROW, WEIGHT, groups=2),
        ShapeError,
        r"input has 2 channels, weight expects 4 \(groups=2\)",
    ),
    (
        lambda: nd.conv(ROW, np.ones((2, 2, 3, 3))),
        ShapeError,
        r"weight has shape \(2, 2, 3, 3\), but an input with 1 spatial axes needs a "
        r"weight of 3 axes",
    ),
    (
        lambda: nd.conv(ROW, WEIGHT, np.ones(3)),
        ShapeError,
        r"bias has shape \(3,\), expected \(2,\): one per output channel",
    ),
    (
        lambda: nd.conv_transpose(ROW, np.ones((2, 3, 1)), VECTOR, groups=2),
        ShapeError,
        r"bias has shape \(2,\), expected \(6,\)",
    ),
    (
        lambda: nd.conv_transpose(ROW, np.ones((3, 1, 1))),
        ShapeError,
        "input has 2 channels, weight expects 3",
    ),
    (
        lambda: nd.conv(ROW, WEIGHT, groups=True),
        OptionError,
        "groups must be a whole number of at least 1, got True",
    ),
    (
        lambda: nd.conv_weight_grad(VECTOR, ROW, 3),
        ShapeError,
        r"grad has shape \(2,\) and x \(1, 2, 4\): batch and rank must agree",
    ),
    (
        lambda: nd.conv(ROW, WEIGHT, groups=0),
        OptionError,
        "groups must be a whole number of at least 1, got 0",
    ),
    (
        lambda: nd.conv(ROW, WEIGHT, groups=1.0),
        OptionError,
        "groups must be a whole number of at least 1, got 1.0",
    ),
    (
        lambda: nd.conv(ROW, np.ones((3, 1, 1)), groups=2),
        ShapeError,
        "groups=2 must divide both the 0 input and the 3 output channels",
    ),
    (
        lambda: nd.conv_weight_grad(ROW, np.ones((1, 3, 4)), 1, groups=2),
        ShapeError,
        "groups=2 must divide both the 3 input and the 2 output channels",
    ),
    (
        lambda: nd.conv_weight_grad(ROW, np.ones((2, 2, 4)), 1),
        ShapeError,
        r"grad has shape \(1, 2, 4\) and x \(2, 2, 4\): batch and rank must agree",
    ),
    (
        lambda: nd.conv_input_grad(ROW, WEIGHT, (7,)),
        ShapeError,
        r"grad has shape \(1, 2, 4\), but a convolution over an input of size \(7,\) "
        r"gives \(N, 2, 5\)",
    ),
    (
        lambda: nd.conv_weight_grad(ROW, PLANE[0], 1),
        ShapeError,
        "batch and rank must agree",
    ),
    (
        lambda: nd.conv_transpose(
            ROW, WEIGHT, stride=2, padding="same", output_padding=1
        ),
        OptionError,
        "padding='same' fixes the output at stride times the input: leave output_paddi",
    ),
    (
        lambda: nd.linear(ROW, np.ones((3, 5))),
        ShapeError,
        r"x has shape \(1, 2, 4\) and weight \(3, 5\): weight must be \(out, in\)",
    ),
    (
        lambda: nd.linear(ROW, np.ones((3, 4)), VECTOR),
        ShapeError,
        r"bias has shape \(2,\), expected \(3,\)",
    ),
    (
        lambda: nd.conv(ROW[0], WEIGHT),
        ShapeError,
        r"x has shape \(2, 4\): expected \(N, C, \*spatial\) with 1 to 3 spatial axes; "
        r"add axes with \[None\]",
    ),
    (
        lambda: nd.conv(PLANE[..., None, None], WEIGHT),
        ShapeError,
        r"x has shape \(1, 2, 4, 5, 1, 1\): expected \(N, C, \*spatial\)",
    ),
]

COLUMNS: list[Refusal] = [
    (
        lambda: nd.col2im(PLANE, (4, 5), 1),
        ShapeError,
        r"columns has shape \(1, 2, 4, 5\): expected \(N, C\*prod\(kernel\), L\)",
    ),
    (
        lambda: nd.col2im(ROW, 4, 1),
        ShapeError,
        "output_size=4 does not tell the spatial rank: give a tuple",
    ),
    (
        lambda: nd.col2im(ROW, (5,), 1),
        ShapeError,
        r"image of size \(5,\) has 5 windows \(5,\) of 1 taps: expected \(N, C\*1, 5\)",
    ),
]

POOLING: list[Refusal] = [
    (lambda: nd.lp_pool(ROW, 0, 2), OptionError, "norm_type must be positive, got 0"),
    (
        lambda: nd.lp_pool(ROW, np.inf, 2),
        OptionError,
        r"norm_type must be finite, got inf: the maximum norm is max_pool of abs\(x\)",
    ),
    (
        lambda: nd.max_unpool(ROW, WHOLE, (4,), overlap=np.array(["sum", "max"])),
        OptionError,
        "is not known: use one of",
    ),
    (
        lambda: nd.lp_pool(WHOLE, 2, 2),
        DTypeError,
        "lp_pool is not exact in int64: pass x as float32 or float64",
    ),
    (
        lambda: nd.max_pool(ROW, 2, stride=1, padding=((3, 0),)),
        ShapeError,
        r"with padding \(\(3, 0\),\) and kernel \(2,\) some window over an input of "
        r"size \(4,\) is all padding, and max_pool has no maximum there: use less",
    ),
    (
        lambda: nd.adaptive_max_pool(EMPTY, 1),
        ShapeError,
        r"x has shape \(1, 2, 0\): an empty plane cannot be pooled",
    ),
    (
        lambda: nd.global_avg_pool(EMPTY),
        ShapeError,
        "an empty plane cannot be pooled",
    ),
    (
        lambda: nd.vjp(nd.adaptive_avg_pool, WHOLE, 1),
        DTypeError,
        "the gradient of adaptive_avg_pool is not exact in int64",
    ),
    (
        lambda: nd.max_unpool(ROW, WHOLE, 4, overlap="add"),
        OptionError,
        r"overlap='add' is not known: use one of \('assign', 'sum', 'max', 'mean', 'fi",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), [*CONVOLUTION, *COLUMNS, *POOLING])
def test_refused(
    call: Callable[[], Any], error: type[NumpyDeconvError], text: str
) -> None:
    with pytest.raises(error, match=text):
        call()
