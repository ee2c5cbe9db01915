"""Operators that a model defines itself: replaced, or refused in a sentence."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_nets import model_of

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.onnx import functions, import_onnx, parse_onnx

IMAGE = (1, 2, 4, 4)
OWN = "own"


def defined(
    name: str, nodes: list[onnx.NodeProto], attributes: list[str] | None = None
) -> onnx.FunctionProto:
    imports = [helper.make_opsetid("", 21), helper.make_opsetid(OWN, 1)]
    return helper.make_function(OWN, name, ["a"], ["b"], nodes, imports, attributes)


def model_with(*own: onnx.FunctionProto, calls: str) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Abs", ["x"], ["t"]),
        helper.make_node(calls, ["t"], ["y"], domain=OWN, name="call"),
    ]
    model = model_of(nodes, IMAGE)
    model.opset_import.append(helper.make_opsetid(OWN, 1))
    model.functions.extend(own)
    return model


def refused(model: onnx.ModelProto, words: str) -> None:
    with pytest.raises(FileFormatError, match=words):
        parse_onnx(model.SerializeToString())


def test_functions_of_functions_are_what_they_are_made_of() -> None:
    inner = defined("Twice", [helper.make_node("Add", ["a", "a"], ["b"])])
    leaky = helper.make_node("LeakyRelu", ["t"], ["b"])
    leaky.attribute.add(
        name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="slope"
    )
    neg = helper.make_node("Neg", ["a"], ["n"])
    twice = helper.make_node("Twice", ["n"], ["t"], domain=OWN)
    outer = defined("Bent", [neg, twice, leaky], ["slope"])
    model = model_with(inner, outer, calls="Bent")
    slope = helper.make_attribute("slope", 0.25)
    model.graph.node[1].attribute.append(slope)
    x = np.random.default_rng(0).normal(size=IMAGE).astype(np.float32)
    got = import_onnx(parse_onnx(model.SerializeToString())).net(x)
    np.testing.assert_allclose(got, -0.5 * np.abs(x), rtol=1e-6)


def test_functions_that_contain_themselves() -> None:
    again = [helper.make_node("Loop", ["a"], ["b"], domain=OWN)] * 2
    refused(
        model_with(defined("Loop", again), calls="Loop"),
        "operator 'Loop' contains itself, or stands more than 50 deep",
    )


def test_functions_that_grow_without_end() -> None:
    own = [defined("F0", [helper.make_node("Relu", ["a"], ["b"])])]
    for level in range(1, 25):
        calls = [
            helper.make_node(f"F{level - 1}", ["a"], ["t"], domain=OWN),
            helper.make_node(f"F{level - 1}", ["t"], ["b"], domain=OWN),
        ]
        own.append(defined(f"F{level}", calls))
    refused(model_with(*own, calls="F24"), "stand for 16777217 others, more than")


def test_functions_that_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: onnx.ModelProto) -> None:
        raise RuntimeError("of the inliner's own")

    monkeypatch.setattr("onnx.inliner.inline_local_functions", fail)
    model = model_with(
        defined("Mine", [helper.make_node("Relu", ["a"], ["b"])]), calls="Mine"
    )
    refused(model, r"its own operators \(Mine\) cannot be replaced")


def test_nodes_of_branches_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = [helper.make_tensor_value_info("b", onnx.TensorProto.FLOAT, None)]
    relus = [helper.make_node("Relu", ["a"], ["b"])]
    branch = helper.make_graph(relus, "branch", [], ends)
    either = helper.make_node(
        "If", ["a"], ["b"], then_branch=branch, else_branch=branch
    )
    monkeypatch.setattr(functions, "MOST_NODES", 3)
    refused(model_with(defined("Either", [either]), calls="Either"), "stand for 4 oth")
