"""ONNX's own node tests: value, inferred shape and gradient of every known operator."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.test_case import TestCase

from numpy_deconv.arrays import is_float
from numpy_deconv.io.onnx import OnnxContent, import_onnx, parse_onnx
from numpy_deconv.io.onnx.importer import traced
from numpy_deconv.io.onnx.tracing import OPERATORS

Array = npt.NDArray[Any]

LISTED = """
    Abs Add AveragePool BatchNormalization Cast Clip Col2Im Concat Constant
    ConstantOfShape Conv ConvTranspose DepthToSpace Div Dropout Elu Erf Exp Flatten
    Gather Gelu Gemm GlobalAveragePool GlobalMaxPool GroupNormalization HardSigmoid
    HardSwish Identity InstanceNormalization LRN LeakyRelu Log LogSoftmax LpPool MatMul
    MaxPool MaxUnpool Mul Neg PRelu Pad Pow ReduceL1 ReduceL2 ReduceLogSum
    ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
    Relu Reshape Resize Selu Shape Sigmoid Slice Softmax Softplus SpaceToDepth Split
    Sqrt Squeeze Sub Tanh Transpose Unsqueeze Upsample
"""
"""What convolutional networks are made of; more is known than is listed here."""

ALSO = """
    Attention Celu Ceil Cos CumSum Einsum Expand EyeLike Floor GRU GatherElements
    GatherND GlobalLpPool GridSample IsNaN LSTM LpNormalization Max Mean Min Mish
    RMSNormalization RNN Reciprocal Round ScatterElements ScatterND Sign Sin Softsign
    Sum Swish ThresholdedRelu Tile Trilu Where
"""

EXCEPTIONS = {
    "test_batchnorm_example_training_mode": "statistics of the batch: training",
    "test_batchnorm_epsilon_training_mode": "statistics of the batch: training",
    "test_training_dropout_default": "random: training",
    "test_training_dropout_default_mask": "random: training",
    "test_training_dropout": "random: training",
    "test_training_dropout_mask": "random: training",
    "test_training_dropout_zero_ratio": "training",
    "test_training_dropout_zero_ratio_mask": "training",
    "test_identity_sequence": "a sequence is no tensor",
    "test_identity_opt": "an optional value is no tensor",
    "test_maxunpool_export_with_output_shape": "its indices count in the shape that "
    "would be inferred; ONNX Runtime's, torch's and ours in the one that is given",
    "test_resize_downsample_scales_linear_align_corners": "counts in a fractional "
    "length; ONNX Runtime, torch and the text of the standard in the whole one",
    "test_resize_downsample_scales_cubic_align_corners": "the same",
    "test_cast_FLOAT_to_BFLOAT16": "bfloat16 is read as float32, which holds it",
    "test_cast_BFLOAT16_to_FLOAT": "the same",
    "test_celu_bfloat16": "the same",
    "test_lstm_with_peepholes": "cells that the gates see are refused",
    "test_scatter_elements_with_duplicate_indices": "sums where indices meet",
    "test_attention_4d_causal_fp16": "roundings of float16",
    "test_attention_24_qk_matmul_output_mode3_softmax_precision": "the same",
}
UNSUPPORTED = {
    "Attention": ("past", "padded_kv", "nonpad", "ext_cache", "bf16"),
    "Einsum": ("bfloat16",),
    "OneHot": ("onehot",),  # of floats, and so of no constants, in these tests
    "RMSNormalization": ("axis0", "4d_axis_negative_4", "2d_axis_negative_2",
                         "3d_axis_negative_3"),
    "ScatterElements": ("reduction_m",),
    "ScatterND": ("add", "multiply", "max", "min"),
}  # fmt: skip
"""By words in the tests' names: a cache of the past, sums where indices meet,
statistics across the samples of a batch; bfloat16 is read as float32."""
NARROW = ("FLOAT8", "FLOAT4", "INT4", "INT2", "castlike_")
"""In names of tests of Cast: types of less than a byte or as much; CastLike."""

NOT_SMOOTH = {"Cast", "Identity", "Constant", "ConstantOfShape", "Shape", "Dropout"}
"""Without a gradient worth the name, or with that of the identity."""


@functools.cache
def node_tests() -> dict[str, TestCase]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the making of the tests
        from onnx.backend.test.loader import load_model_tests

        found = load_model_tests(kind="node")
    return {
        case.name: case
        for case in found
        if len(case.model.graph.node) == 1
        and case.model.graph.node[0].op_type in OPERATORS
        and not any(word in case.name for word in NARROW)
        and "layer_normalization" not in case.name
    }


def names_of(kind: str) -> list[str]:
    """The names of an operator's tests, exceptions left out."""
    return [
        name
        for name, case in node_tests().items()
        if case.model.graph.node[0].op_type == kind
        and name not in EXCEPTIONS
        and not any(word in name for word in UNSUPPORTED.get(kind, ()))
    ]


every_operator = pytest.mark.parametrize(
    "kind", sorted({*LISTED.split(), *ALSO.split()})
)


def array_of(value: Any) -> Array:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value)


def opened(case: TestCase) -> tuple[OnnxContent, dict[str, Array], dict[str, Array]]:
    """The model, and its inputs and outputs by name."""
    content = parse_onnx(case.model.SerializeToString())
    ((inputs, outputs),) = case.data_sets
    names = [value.name for value in case.model.graph.input]
    fed = dict(zip(names, map(array_of, inputs), strict=True))
    wanted = dict(zip(content.outputs, map(array_of, outputs), strict=True))
    return content, fed, {name: value for name, value in wanted.items() if name}


def live_input(fed: dict[str, Array]) -> str | None:
    """The input that becomes the net's: the first one of floats."""
    floating = (name for name, value in fed.items() if is_float(value.dtype))
    return next(floating, None)


def test_every_listed_operator_is_known() -> None:
    assert set(OPERATORS) >= set(LISTED.split())
    assert set(EXCEPTIONS) <= set(node_tests())
    assert all(names_of(kind) for kind in LISTED.split() if kind != "Upsample")
    assert sum(len(names_of(kind)) for kind in OPERATORS) > 500


@every_operator
def test_value_and_shape(kind: str) -> None:
    for name in names_of(kind):
        with noted(name):
            _check_value_and_shape(node_tests()[name])


@contextmanager
def noted(name: str) -> Iterator[None]:
    """Say in a failure which of an operator's tests it was."""
    try:
        yield
    except Exception as error:
        error.add_note(name)
        raise


def _check_value_and_shape(case: TestCase) -> None:
    content, fed, wanted = opened(case)
    live = live_input(fed)
    if live is None:
        _check_constants(case, content, fed, wanted)
        return
    others = {key: value for key, value in fed.items() if key != live}
    for output, want in wanted.items():
        shape = fed[live].shape
        trace, *_ = traced(content, shape, others, output, None, {})
        known = trace.value(output)
        assert known.shape == want.shape
        if known.array is not None:
            got: Any = known.array
        else:
            got = import_onnx(content, inputs=others, output=output, floats=None)
            got = got.net(fed[live])
        assert got.shape == want.shape
        assert got.dtype == want.dtype == known.dtype
        np.testing.assert_allclose(got, want, rtol=case.rtol, atol=case.atol)


def _check_constants(
    case: TestCase,
    content: OnnxContent,
    fed: dict[str, Array],
    wanted: dict[str, Array],
) -> None:
    """Of integers and truth values, all of which are constants, beside an input."""
    model = onnx.ModelProto.FromString(case.model.SerializeToString())
    model.graph.input.add().CopyFrom(
        onnx.helper.make_tensor_value_info("live", onnx.TensorProto.FLOAT, [1])
    )
    for output, want in wanted.items():
        beside = onnx.ModelProto.FromString(model.SerializeToString())
        node = onnx.helper.make_node("Cast", [output], ["cast"], to=1)
        total = onnx.helper.make_node("Add", ["cast", "live"], ["total"])
        beside.graph.node.extend([node, total])
        del beside.graph.output[:]
        beside.graph.output.add(name="total")
        widened = parse_onnx(beside.SerializeToString())
        trace, *_ = traced(widened, (1,), fed, "total", None, {})
        got = trace.value(output).array
        assert got is not None and got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
    assert content.operators


def has_gradient(name: str) -> bool:
    case = node_tests()[name]
    inputs, outputs = ([array_of(v) for v in each] for each in case.data_sets[0])
    fed = dict(enumerate(inputs))
    live = live_input({str(key): value for key, value in fed.items()})
    return (
        live is not None
        and fed[int(live)].size > 0
        and outputs[0].ndim > 0
        and outputs[0].size > 0
        and is_float(outputs[0].dtype)
        and bool(np.isfinite(outputs[0]).all())
    )


@every_operator
def test_gradient_is_the_slope(kind: str) -> None:
    """Along a random direction, in float64, by central differences."""
    if kind not in NOT_SMOOTH:
        for name in filter(has_gradient, names_of(kind)):
            with noted(name):
                _check_gradient(name)


def _check_gradient(name: str) -> None:
    content, fed, wanted = opened(node_tests()[name])
    live = live_input(fed)
    assert live is not None
    others = {key: value for key, value in fed.items() if key != live}
    output = next(iter(wanted))
    rng = np.random.default_rng(3)
    imported = import_onnx(content, inputs=others, output=output, floats=np.float64)
    net = imported.net
    x = fed[live].astype(np.float64)
    x = x + rng.uniform(1e-3, 2e-3, x.shape)  # away from kinks and from equal values
    tape = net.run(x)
    signal = rng.normal(size=tape.output.shape)
    signals = tape.signals(signal, start=net.output)
    step = 1e-6 * rng.normal(size=x.shape)
    ends = [float((net(x + sign * step) * signal).sum()) for sign in (1, -1)]
    slope = float((signals["input"] * step).sum())
    scale = float(np.abs(signals["input"] * step).sum()) + 1e-12
    assert abs((ends[0] - ends[1]) / 2 - slope) < 2e-4 * scale + 1e-13
