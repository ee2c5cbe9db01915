"""What functions without a window refuse, before any work, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv.errors import DTypeError, NumpyDeconvError, OptionError, ShapeError

ROW = np.ones((1, 2, 4))
PLANE = np.ones((1, 2, 4, 5))
HALF = np.ones((1, 2, 4), np.float16)
WHOLE = np.ones((1, 2, 4), np.int64)
EMPTY = np.ones((1, 2, 0))
VECTOR = np.ones(2)

Refusal = tuple[Callable[[], Any], type[NumpyDeconvError], str]

ELEMENTS: list[Refusal] = [
    (
        lambda: nd.clip(WHOLE, 0.5, 2),
        OptionError,
        "integers cannot be clipped to 0.5 and 2: give whole numbers, or convert x to",
    ),
    (
        lambda: nd.clip(WHOLE, None, np.inf),
        OptionError,
        "integers cannot be clipped to None and inf",
    ),
    (
        lambda: nd.gelu(ROW, approximate="erf"),
        OptionError,
        "approximate='erf' is not known: 'none' or 'tanh'",
    ),
    (
        lambda: nd.sigmoid(WHOLE),
        DTypeError,
        "sigmoid is not exact in int64: pass x as float32 or float64",
    ),
    (
        lambda: nd.prelu(ROW, np.ones(3)),
        ShapeError,
        r"weight has shape \(3,\): expected \(1,\) or \(2,\) for x of shape \(1, 2, 4",
    ),
    (lambda: nd.softmax(ROW, 3), ShapeError, "axis 3 does not exist: x has 3 axes"),
    (lambda: nd.log_softmax(ROW, -4), ShapeError, "axis -4 does not exist"),
]

OPTIONS: list[Refusal] = [
    (
        lambda: nd.leaky_relu(ROW, "0.1"),
        OptionError,
        "slope must be a real number, got '0.1'",
    ),
    (
        lambda: nd.elu(ROW, np.ones(2)),
        OptionError,
        r"alpha must be a real number, got array\(\[1., 1.\]\)",
    ),
    (
        lambda: nd.softplus(ROW, True),
        OptionError,
        "beta must be a real number, got True",
    ),
    (lambda: nd.clip(ROW, np.nan), OptionError, "low must be a number, got NaN"),
    (
        lambda: nd.clip(ROW, 0, 10**400),
        OptionError,
        "high is beyond any float: use a smaller one",
    ),
    (lambda: nd.gelu(ROW, np.array(["a", "b"])), OptionError, "is not known: 'none'"),
    (
        lambda: nd.batch_norm(ROW, VECTOR, VECTOR, eps=1j),
        OptionError,
        "eps must be a real number, got 1j",
    ),
    (
        lambda: nd.local_response_norm(ROW, 2.5),
        OptionError,
        "size must be a whole number, got 2.5",
    ),
    (
        lambda: nd.local_response_norm(ROW, 3, k=np.nan),
        OptionError,
        "k must be a number, got NaN",
    ),
    (
        lambda: nd.softmax(ROW, 1.0),
        OptionError,
        "axis must be a whole number, got 1.0",
    ),
    (
        lambda: nd.concat(ROW, axis=None),
        OptionError,
        "axis must be a whole number, got None",
    ),
    (
        lambda: nd.flatten(ROW, "1"),
        OptionError,
        "start_axis must be a whole number, got '1'",
    ),
    (
        lambda: nd.pad(ROW, 1, mode=["reflect"]),
        OptionError,
        r"mode=\['reflect'\] is not known",
    ),
    (
        lambda: nd.pad(WHOLE, 1, value=0.5),
        OptionError,
        "int64 cannot hold value=0.5: give a whole number in its range, or convert x",
    ),
    (
        lambda: nd.pad(WHOLE.astype("u1"), 1, value=256),
        OptionError,
        "uint8 cannot hold value=256",
    ),
    (
        lambda: nd.pad(WHOLE, 1, value=-np.inf),
        OptionError,
        "int64 cannot hold value=-inf",
    ),
    (
        lambda: nd.upsample(ROW, np.inf),
        OptionError,
        "scale must be finite, got inf",
    ),
    (
        lambda: nd.upsample(PLANE, (2, "2")),
        OptionError,
        "scale must be a real number, got '2'",
    ),
]

NORMALISATION: list[Refusal] = [
    (
        lambda: nd.batch_norm(VECTOR, VECTOR, VECTOR),
        ShapeError,
        r"x has shape \(2,\): expected \(N, C, ...\)",
    ),
    (
        lambda: nd.batch_norm(ROW, VECTOR, np.ones(3)),
        ShapeError,
        r"var has shape \(3,\), expected \(2,\): one per channel",
    ),
    (
        lambda: nd.batch_norm(ROW, VECTOR, VECTOR.astype("f4")),
        DTypeError,
        "x is float64, mean is float64, var is float32, .* to one dtype, nothing is pr",
    ),
    (
        lambda: nd.local_response_norm(VECTOR, 3),
        ShapeError,
        r"x has shape \(2,\): expected \(N, C, ...\)",
    ),
    (
        lambda: nd.local_response_norm(ROW, 0),
        OptionError,
        "size must be at least 1 channel, got 0",
    ),
]

RESAMPLING: list[Refusal] = [
    (
        lambda: nd.pad(ROW, 1, mode="mirror"),
        OptionError,
        r"mode='mirror' is not known: use one of \('constant', 'reflect', 'replicate'",
    ),
    (
        lambda: nd.pad(ROW, ((0, 4),), mode="reflect"),
        ShapeError,
        r"reflect padding of \(0, 4\) on spatial axis 0 needs more samples than the 4 "
        r"there are: use at most 3",
    ),
    (
        lambda: nd.pad(ROW, 5, mode="circular"),
        ShapeError,
        r"circular padding of \(5, 5\) .* use at most 4",
    ),
    (
        lambda: nd.pad(EMPTY, 1, mode="replicate"),
        ShapeError,
        "spatial axis 0 is empty: nothing to replicate",
    ),
    (
        lambda: nd.upsample(ROW, 2, mode="cubic"),
        OptionError,
        r"mode='cubic' is not known: use one of \('nearest', 'bilinear'\)",
    ),
    (
        lambda: nd.upsample(WHOLE, 2, mode="bilinear"),
        DTypeError,
        "linear upsampling is not exact in int64",
    ),
    (
        lambda: nd.upsample(PLANE, (2, 2, 2)),
        ShapeError,
        r"scale=\(2, 2, 2\) has 3 entries, but x has 2 spatial axes",
    ),
    (
        lambda: nd.upsample(ROW, 0.2),
        OptionError,
        "scale 0.2 leaves nothing of an axis of 4: use more",
    ),
    (lambda: nd.upsample(ROW, -1), OptionError, "scale -1 leaves nothing"),
]

COMBINING: list[Refusal] = [
    (lambda: nd.concat(), ShapeError, "concat needs at least one array"),
    (
        lambda: nd.concat(ROW, ROW, axis=3),
        ShapeError,
        "axis 3 does not exist: the arrays have 3 axes",
    ),
    (
        lambda: nd.concat(ROW, EMPTY),
        ShapeError,
        r"arrays of shapes \(1, 2, 4\), \(1, 2, 0\) cannot be joined along axis 1: the",
    ),
    (
        lambda: nd.concat(ROW, HALF),
        DTypeError,
        "array 0 is float64, array 1 is float16: convert them to one dtype",
    ),
    (
        lambda: nd.flatten(ROW, 3),
        ShapeError,
        "start_axis 3 does not exist: x has 3 axes",
    ),
    (
        lambda: nd.cross_entropy(VECTOR[None], VECTOR[:1]),
        DTypeError,
        "labels must be integers, got float64",
    ),
    (
        lambda: nd.cross_entropy(VECTOR[None], [0, 1]),
        ShapeError,
        r"logits has shape \(1, 2\) and labels \(2,\): expected \(N, C, ...\) and",
    ),
    (
        lambda: nd.cross_entropy(np.ones((0, 2)), np.zeros(0, int)),
        ShapeError,
        "cross_entropy of no labels at all has no mean",
    ),
    (
        lambda: nd.cross_entropy(VECTOR[None], [2]),
        ShapeError,
        "labels reach from 2 to 2, but there are 2 classes: 0 to 1",
    ),
    (
        lambda: nd.mse(ROW, VECTOR),
        ShapeError,
        r"x has shape \(1, 2, 4\) and target \(2,\): they must be equal and not empty",
    ),
]

DIFFERENTIATION: list[Refusal] = [
    (
        lambda: nd.vjp(np.sin, ROW),
        OptionError,
        "vjp does not know sin: it differentiates the array functions of numpy_deconv",
    ),
    (
        lambda: nd.vjp(nd.relu, ROW, slope=1),
        OptionError,
        "relu: got an unexpected keyword argument 'slope'",
    ),
    (
        lambda: nd.vjp(nd.relu, ROW)[1](VECTOR),
        ShapeError,
        r"grad has shape \(2,\), but the value has shape \(1, 2, 4\)",
    ),
    (
        lambda: nd.vjp(nd.relu, WHOLE)[1](ROW),
        DTypeError,
        "grad is float64, but the value is int64",
    ),
]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [*ELEMENTS, *OPTIONS, *NORMALISATION, *RESAMPLING, *COMBINING, *DIFFERENTIATION],
)
def test_refused(
    call: Callable[[], Any], error: type[NumpyDeconvError], text: str
) -> None:
    with pytest.raises(error, match=text):
        call()


def test_pad_refuses_the_paddings_of_windows() -> None:
    with pytest.raises(OptionError, match="padding='same' fits windows"):
        nd.pad(np.ones((1, 1, 4)), "same")
