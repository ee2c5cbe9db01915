"""Loops in ONNX files: turned as often as is known while loading."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.onnx import import_onnx, parse_onnx


def value(name: str, kind: int, shape: list[int] | None) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def looped(
    count: int | None, *, until: str = "going", going: bool | None = None
) -> onnx.ModelProto:
    """``x`` doubled, the turn added, ``count`` times; ``rows`` are all results."""
    nodes = [
        helper.make_node("Mul", ["held", "two"], ["doubled"]),
        helper.make_node("Cast", ["turn"], ["number"], to=1),
        helper.make_node("Add", ["doubled", "number"], ["next"]),
        helper.make_node("Less", ["number", "three"], ["early"]),
        helper.make_node("ReduceSum", ["next"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "two"], ["some"]),
        helper.make_node("Identity", [until], ["more"]),
        helper.make_node("Identity", ["next"], ["row"]),
    ]
    body = helper.make_graph(
        nodes,
        "body",
        [
            value("turn", TensorProto.INT64, []),
            value("going", TensorProto.BOOL, []),
            value("held", TensorProto.FLOAT, [1, 3]),
        ],
        [
            value("more", TensorProto.BOOL, []),
            value("next", TensorProto.FLOAT, [1, 3]),
            value("row", TensorProto.FLOAT, [1, 3]),
        ],
    )
    constants = {"two": np.float32([2]), "three": np.float32(3)}
    if count is not None:
        constants["count"] = np.array(count)
    if going is not None:
        constants["first"] = np.array(going)
    inputs = ["" if count is None else "count", "" if going is None else "first", "x"]
    loop = helper.make_node("Loop", inputs, ["y", "rows"], name="loop", body=body)
    graph = helper.make_graph(
        [loop],
        "graph",
        [value("x", TensorProto.FLOAT, [1, 3])],
        [value("y", TensorProto.FLOAT, None), value("rows", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()],
    )
    imports = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


@pytest.mark.parametrize(
    "model",
    [looped(4), looped(1), looped(None, until="early"), looped(9, until="early")],
    ids=["four", "one", "until", "both"],
)
def test_turns_like_onnx_runtime(model: onnx.ModelProto) -> None:
    runtime = pytest.importorskip("onnxruntime")
    x = np.float32([[1, -2, 3]])
    raw = model.SerializeToString()
    wanted = runtime.InferenceSession(raw).run(None, {"x": x})
    for name, want in zip(("y", "rows"), wanted, strict=True):
        imported = import_onnx(parse_onnx(raw), output=name)
        got = imported.net(x)
        assert imported.output_shape == got.shape == want.shape
        np.testing.assert_array_equal(got, want)


def test_a_gradient_goes_through_every_turn() -> None:
    net = import_onnx(parse_onnx(looped(5).SerializeToString())).net
    tape = net.run(np.float32([[1, -2, 3]]))
    gradient = tape.project(np.float32([[1, 0, 2]]), start=net.output)
    np.testing.assert_array_equal(gradient, [[32, 0, 64]])


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            looped(10**15),
            "Loop 'loop': it turns 1000000000000000 times, more than 1000",
        ),
        (looped(None), "it does not end after 1000 turns"),
        (looped(3, until="some"), "how often it turns depends on the input of the net"),
        (looped(0), "'rows' is an output that is not supported"),
    ],
)
def test_refused(model: onnx.ModelProto, words: str) -> None:
    with pytest.raises(FileFormatError, match=re.escape(words)):
        import_onnx(parse_onnx(model.SerializeToString()), output="rows")


def test_a_body_that_takes_something_else() -> None:
    model = looped(3)
    del model.graph.node[0].attribute[0].g.input[2:]
    model.graph.node[0].attribute[0].g.node[0].input[0] = "x"
    with pytest.raises(FileFormatError, match="does not take what it carries"):
        import_onnx(parse_onnx(model.SerializeToString()))
