"""The ONNX project's own node tests, and what changed between its opsets."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest

from numpy_deconv import oracle
from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.oracle.exchange.onnx_node import OPERATORS

COUNTS = {
    "AveragePool": 20,
    "BatchNormalization": 4,
    "Col2Im": 5,
    "Conv": 6,
    "ConvTranspose": 11,
    "GlobalAveragePool": 2,
    "GlobalMaxPool": 2,
    "LRN": 2,
    "LpPool": 8,
    "MaxPool": 19,
    "MaxUnpool": 2,
}
"""How many there are in onnx 1.23; later versions may have more."""
BY_HAND = {"test_averagepool_2d_ceil_last_window_starts_on_pad"}
"""Its expected result is typed with four digits: only the test's own 1e-3 will do."""


@cache
def node_tests() -> dict[str, Any]:
    """Tests of one node that the oracle has an operation for, by name."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        # making the cases of other operators overflows on purpose
        warnings.simplefilter("ignore")
        found = load_model_tests(kind="node")
    return {
        test.name: test
        for test in found
        if test.model is not None
        and len(test.model.graph.node) == 1
        and test.model.graph.node[0].op_type in OPERATORS
    }


def call_of(test: Any, given: Any) -> oracle.NodeCall:
    (node,) = test.model.graph.node
    arrays = dict(zip((i.name for i in test.model.graph.input), given, strict=True))
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    (opset,) = (each.version for each in test.model.opset_import if not each.domain)
    inputs = [arrays.get(name) for name in node.input]
    return oracle.node_call(node.op_type, inputs, attributes, opset=opset)


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_the_official_tests_pass(operator: str) -> None:
    judged = 0
    for name, test in node_tests().items():
        if test.model.graph.node[0].op_type != operator:
            continue
        for given, wanted in test.data_sets:
            call = call_of(test, given)
            for ours, theirs in zip(call.reference(), wanted, strict=False):
                assert ours.shape == theirs.shape, name
                np.testing.assert_allclose(
                    ours, theirs, test.rtol, test.atol, err_msg=name
                )
            # far sharper: their own results are within float32's bounds
            if call.shape is None:
                reports = oracle.conform(
                    tuple(wanted),
                    call.op,
                    call.inputs,
                    call.attrs,
                    semantics=call.semantics,
                )
                right = all(report.ok for report in reports.values())
                assert right == (name not in BY_HAND), (
                    name,
                    *map(str, reports.values()),
                )
            judged += 1
    assert judged >= COUNTS.get(operator, 1)


def row(*values: float) -> np.ndarray[Any, Any]:
    return np.array([[values]], np.float64)


def test_softmax_of_old_opsets_is_over_all_that_follows() -> None:
    x = np.zeros((1, 2, 3))
    (old,) = oracle.node_call("Softmax", [x], opset=12).reference()
    np.testing.assert_allclose(old, np.full((1, 2, 3), 1 / 6))
    (new,) = oracle.node_call("Softmax", [x], opset=13).reference()
    np.testing.assert_allclose(new, np.full((1, 2, 3), 1 / 3))
    (across,) = oracle.node_call("LogSoftmax", [x], {"axis": 1}).reference()
    np.testing.assert_allclose(across, np.log(np.full((1, 2, 3), 1 / 2)))


@pytest.mark.parametrize(
    ("auto_pad", "opset", "expected"),
    [
        # 1 2 spread by a kernel of 3, stride 2: 1 1 3 2 2, of which 4 are kept
        ("SAME_UPPER", 11, [1, 1, 3, 2]),
        ("SAME_LOWER", 11, [1, 3, 2, 2]),
        ("SAME_UPPER", 10, [1, 3, 2, 2]),
        ("NOTSET", 11, [1, 3, 2, 2]),
        ("NOTSET", 10, [1, 1, 3, 2]),
    ],
)
def test_which_end_is_cropped_changed_in_opset_11(
    auto_pad: str, opset: int, expected: list[float]
) -> None:
    attributes: dict[str, Any] = {"strides": [2], "auto_pad": auto_pad}
    if auto_pad == "NOTSET":
        attributes["output_shape"] = [4]
    inputs = [row(1, 2), np.ones((1, 1, 3))]
    call = oracle.node_call("ConvTranspose", inputs, attributes, opset=opset)
    np.testing.assert_array_equal(call.reference()[0], [[expected]])


def test_batch_normalisation_of_each_opset() -> None:
    x = np.array([[[1.0, 5.0]], [[3.0, 7.0]]])
    ones, zeros = np.ones(1), np.zeros(1)
    inputs = [x, ones, zeros, zeros, ones]
    inference = {"epsilon": 0.0}
    (y,) = oracle.node_call("BatchNormalization", inputs, inference).reference()
    np.testing.assert_array_equal(y, x)
    for opset, switch in ((6, {"is_test": 0}), (15, {"training_mode": 1})):
        options = {"epsilon": 0.0, "momentum": 0.75, **switch}
        y, mean, var = oracle.node_call(
            "BatchNormalization", inputs, options, opset=opset
        ).reference()
        np.testing.assert_allclose(y, (x - 4) / 5**0.5)
        np.testing.assert_allclose(mean, [1])
        np.testing.assert_allclose(var, [0.75 + 0.25 * 5])
    each = [x, np.ones(2), np.zeros(2), np.array([1.0, 5.0]), np.ones(2)]
    options = {"spatial": 0, "epsilon": 0.0}
    (y,) = oracle.node_call("BatchNormalization", each, options, opset=7).reference()
    np.testing.assert_array_equal(y, [[[0, 0]], [[2, 2]]])


def test_column_major_indices() -> None:
    x = np.zeros((1, 1, 2, 3))
    x[0, 0, 0, 2] = 1
    for order, index in ((0, 2), (1, 4)):
        attributes = {"kernel_shape": [2, 3], "storage_order": order}
        _, indices = oracle.node_call("MaxPool", [x], attributes).reference()
        assert indices.item() == index


def test_indices_of_unpooling_count_the_inferred_size() -> None:
    inputs = [row(7, 9), np.array([[[1, 3]]]), np.array([1, 1, 6])]
    attributes = {"kernel_shape": [2], "strides": [2]}
    (y,) = oracle.node_call("MaxUnpool", inputs, attributes).reference()
    np.testing.assert_array_equal(y, [[[0, 7, 0, 9, 0, 0]]])
    inputs[2] = np.array([1, 1, 3])
    with pytest.raises(ShapeError, match="MaxUnpool's indices count a plane of"):
        oracle.node_call("MaxUnpool", inputs, attributes)


def test_an_operator_that_is_not_there() -> None:
    with pytest.raises(OptionError, match="the oracle has no ONNX operator 'Gather'"):
        oracle.node_call("Gather", [row(1)])
