"""What is written as ONNX: ONNX Runtime computes the same, and it comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from case_onnx_export import CASES, PLANE, Array, drawn
from onnx_nets import many_layers

from numpy_deconv import layers
from numpy_deconv.io.onnx import export_onnx, import_onnx, parse_onnx
from numpy_deconv.io.onnx.writing import WRITERS
from numpy_deconv.layers import Layer, arithmetic, reshaping
from numpy_deconv.layers.function import Function
from numpy_deconv.layers.quantisation import ByteRange, QuantizeBy
from numpy_deconv.layers.reduction import Reduce
from numpy_deconv.net import Graph, Node, Sequential

OF_TWO = (layers.Add, layers.Mul, arithmetic.Sub, arithmetic.Maximum)


def by_runtime(model: onnx.ModelProto, x: Array) -> Array:
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    raw = model.SerializeToString()
    session = runtime.InferenceSession(raw, providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"input": x})
    return np.asarray(y)


def checked(net: Graph, x: Array) -> None:
    """Three ways to one answer: ours, ONNX Runtime's, and ours of what was written."""
    y = net(x)
    model = export_onnx(net, x.shape)
    onnx.checker.check_model(model)
    theirs = by_runtime(model, x)
    assert theirs.shape == y.shape and theirs.dtype == y.dtype
    np.testing.assert_allclose(theirs, y, rtol=1e-5, atol=1e-5)
    content = parse_onnx(model.SerializeToString())
    again = import_onnx(content, shape=x.shape, floats=None)
    assert again.output_shape == y.shape
    np.testing.assert_allclose(again.net(x), y, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "shape"), CASES, ids=[each.describe() for each, _ in CASES]
)
def test_a_layer(layer: Layer, shape: tuple[int, ...]) -> None:
    rooted = isinstance(layer, Function) and layer.name in ("log", "sqrt", "reciprocal")
    x = drawn(*shape)
    if rooted or isinstance(layer, Reduce | arithmetic.Pow):
        x = np.abs(x) + np.float32(0.1)
    checked(Sequential({"layer": layer}), x)


def test_every_layer_that_is_written_has_a_case() -> None:
    tried = {type(layer) for layer, _ in CASES}
    several = {*OF_TWO, layers.Concat, layers.MaxUnpool, reshaping.Constant}
    several |= {ByteRange, QuantizeBy}  # refused
    assert set(WRITERS) == tried | several


@pytest.mark.parametrize("kind", OF_TWO)
def test_a_layer_of_two_inputs(kind: Any) -> None:
    pool = layers.GlobalAvgPool()
    nodes = {"pool": Node(pool), "both": Node(kind(), ("input", "pool"))}
    checked(Graph(nodes), drawn(*PLANE))


def test_a_constant_beside_activations() -> None:
    nodes = {
        "token": Node(reshaping.Constant(drawn(1, 2, 6, 9))),
        "both": Node(layers.Concat(), ("token", "input")),
    }
    checked(Graph(nodes), drawn(*PLANE))


def test_a_net_with_switches_and_branches() -> None:
    net = many_layers()
    x = drawn(3, 3, 8, 8)
    checked(net, x)
    model = export_onnx(net, x.shape)
    back = import_onnx(parse_onnx(model.SerializeToString())).net
    assert list(back) == list(net)
    assert [type(back[name]) for name in back] == [type(net[name]) for name in net]
    np.testing.assert_array_equal(back(x), net(x))


def test_one_array_is_written_once() -> None:
    conv = layers.Conv(drawn(3, 3, 1, 1))
    net = Sequential({"one": conv, "two": layers.ReLU(), "three": conv})
    model = export_onnx(net, (1, 3, 4, 4))
    assert [each.name for each in model.graph.initializer] == ["one.weight"]


def test_metadata_and_names() -> None:
    net = Sequential({"conv": layers.Conv(drawn(2, 3, 1, 1), drawn(2))})
    model = export_onnx(net, (4, 3, 5, 6), metadata={"a": "b"})
    assert {each.name for each in model.graph.initializer} == {
        "conv.weight",
        "conv.bias",
    }
    assert model.producer_name == "numpy-deconv"
    content = parse_onnx(model.SerializeToString())
    assert content.inputs["input"].shape == ("N", 3, 5, 6)
    assert content.metadata == {"a": "b"} and content.producer == "numpy-deconv"
