"""ONNX files that are broken, or built to do harm: one clear sentence each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_nets
import pytest
from onnx import TensorProto, helper
from onnx_nets import model_of, one_operator

from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.io.onnx import import_onnx, parse_onnx, read_onnx

RELU = helper.make_node("Relu", ["x"], ["y"], name="relu")
IMAGE = (1, 3, 4, 4)


def opened(model: onnx.ModelProto, **options: Any) -> Any:
    return import_onnx(parse_onnx(model.SerializeToString()), **options)


def refused(model: onnx.ModelProto, words: str, **options: Any) -> None:
    with pytest.raises(FileFormatError, match=re.escape(words)):
        opened(model, **options)


def test_a_file_says_what_is_in_it(tmp_path: Path) -> None:
    model = one_operator("Relu", ("N", 3, None, 4))
    helper.set_model_props(model, {"author": "me"})
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    content = read_onnx(path)
    assert content.opset == 21 and content.outputs == ("y",)
    assert content.inputs["x"].shape == ("N", 3, None, 4)
    assert content.inputs["x"].dtype == np.float32
    assert [op.kind for op in content.operators] == ["Relu"]
    assert content.metadata == {"author": "me"}


@pytest.mark.parametrize("raw", [b"\x00", b"no model at all", b"\xff" * 100])
def test_what_is_no_onnx(raw: bytes) -> None:
    with pytest.raises(FileFormatError, match="no ONNX"):
        parse_onnx(raw)


def test_a_truncated_file_names_its_path(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    raw = one_operator("Relu", IMAGE).SerializeToString()
    path.write_bytes(raw[:-3])
    with pytest.raises(FileFormatError, match=r"net\.onnx: no ONNX file, or a damaged"):
        read_onnx(path)


def test_a_file_larger_than_protobuf_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x00" * 100)
    monkeypatch.setattr("numpy_deconv.io.onnx.reader.MOST_BYTES", 99)
    with pytest.raises(FileFormatError, match="more than an ONNX file can have"):
        read_onnx(path)


def test_nodes_in_any_order_and_a_cycle() -> None:
    one = helper.make_node("Relu", ["a"], ["y"], name="last")
    two = helper.make_node("Relu", ["x"], ["a"], name="first")
    net = opened(model_of([one, two], IMAGE)).net
    assert list(net) == ["first", "last"]
    back = helper.make_node("Add", ["x", "y"], ["a"], name="first")
    refused(model_of([one, back], IMAGE), "depends on its own output: the graph has a")


def test_a_tensor_has_one_source() -> None:
    again = helper.make_node("Relu", ["x"], ["y"], name="again")
    refused(model_of([RELU, again], IMAGE), "Relu 'again' makes 'y', which is there")
    over = helper.make_node("Relu", ["x"], ["x"], name="over")
    refused(model_of([over], IMAGE), "Relu 'over' makes 'x', which is there already")


def test_a_tensor_that_nothing_makes() -> None:
    lost = helper.make_node("Add", ["x", "lost"], ["y"], name="sum")
    refused(model_of([lost], IMAGE), "Add 'sum' reads 'lost', which nothing in the")
    refused(model_of([RELU], IMAGE, outputs=("z",)), "no operator makes the graph's")


def test_constants_and_inputs_stand_once() -> None:
    model = one_operator("Add", IMAGE, {"b": np.ones(4, "f4")})
    model.graph.initializer.append(model.graph.initializer[0])
    refused(model, "tensor 'b' is in the file twice")
    model = one_operator("Relu", IMAGE)
    model.graph.input.append(model.graph.input[0])
    refused(model, "two inputs have one name")


def test_unknown_operators_are_listed_at_once() -> None:
    nodes = [
        helper.make_node("NonMaxSuppression", ["x"], ["a"], name="boxes"),
        helper.make_node("Fancy", ["a"], ["b"], name="fancy1", domain="my.ops"),
        helper.make_node("Fancy", ["b"], ["y"], name="fancy2", domain="my.ops"),
    ]
    refused(
        model_of(nodes, IMAGE),
        "not known here: NonMaxSuppression (boxes); my.ops.Fancy (fancy1, fancy2)",
    )
    many = [
        helper.make_node(
            "Odd", ["x" if i == 0 else f"t{i}"], [f"t{i + 1}"], name=f"{i}"
        )
        for i in range(12)
    ]
    refused(model_of(many, IMAGE, outputs=("t12",)), "6, 7 and 4 more)")


def test_subgraphs() -> None:
    ends = [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)]
    relu = helper.make_node("Relu", ["x"], ["r"], name="inner")
    odd = helper.make_node("Odd", ["x"], ["r"], name="odd")
    branches = {
        "then_branch": helper.make_graph([relu], "then", [], ends),
        "else_branch": helper.make_graph([odd], "else", [], ends),
    }
    node = helper.make_node("If", ["c"], ["y"], name="if", **branches)
    net = opened(model_of([node], IMAGE, {"c": np.array(True)})).net
    assert list(net) == ["inner"]
    refused(
        model_of([node], IMAGE, {"c": np.array(False)}),
        "If 'if': Odd 'odd': it is not known here",
    )
    node = helper.make_node("If", ["c"], ["y"], else_branch=branches["else_branch"])
    refused(model_of([node], IMAGE, {"c": np.array(True)}), "it has no then_branch")
    node = helper.make_node("If", ["x"], ["y"], name="if", **branches)
    refused(model_of([node], IMAGE), "its condition depends on the input of the net")


def test_what_is_not_read() -> None:
    model = one_operator("Relu", IMAGE, opset=6)
    refused(model, "uses operator set 6: 7 and newer are read")
    model = one_operator("Relu", IMAGE)
    del model.opset_import[:]
    refused(model, "does not say which operator set")
    model = one_operator("Relu", IMAGE)
    model.graph.sparse_initializer.add()
    refused(model, "holds sparse tensors")
    model = one_operator("Relu", IMAGE)
    model.graph.input[0].type.Clear()
    refused(model, "input 'x' is not a tensor")
    model = one_operator("Relu", (1, -3, 4, 4))
    refused(model, "input 'x' has the shape (1, -3, 4, 4)")
    model = one_operator("Relu", IMAGE)
    model.graph.node[0].attribute.add(name="odd", type=11)
    refused(model, "attribute 'odd' of a Relu is of a type, 11")
    del model.graph.node[:]
    refused(model, "no ONNX model: it has no graph")
    model = one_operator("Relu", IMAGE)
    del model.graph.output[:]
    refused(model, "the graph has no outputs")


def test_gigabytes_declared_in_a_kilobyte() -> None:
    wide = np.array([1, 3, 10**6, 10**6])
    refused(one_operator("Expand", (1, 3, 1, 1), {"shape": wide}), "GiB, more than")
    grown = one_operator(
        "Resize", IMAGE, {"s": np.array([1, 1, 1e5, 1e5], "f4")}, inputs=("x", "", "s")
    )
    refused(grown, "more than half of the memory of this machine")
    refused(one_operator("Relu", (1, 3, 10**6, 10**6)), "a tensor of shape")
    huge = helper.make_node("ConstantOfShape", ["shape"], ["c"])
    total = helper.make_node("Add", ["x", "c"], ["y"])
    refused(
        model_of([huge, total], IMAGE, {"shape": np.array([2**40])}), "GiB, more than"
    )
    tiled = helper.make_node("Tile", ["c", "repeats"], ["t"], name="tile")
    total = helper.make_node("Add", ["x", "t"], ["y"])
    constants = {"c": np.ones(4, "f4"), "repeats": np.array([2**25 // 4])}
    refused(model_of([tiled, total], IMAGE, constants), "constants grow beyond")
    pool = one_operator("MaxPool", IMAGE, kernel_shape=[2**30, 2**30])
    refused(pool, "has too many taps to visit")


def test_shapes_that_are_longer_than_their_data() -> None:
    model = one_operator("Add", IMAGE, {"b": np.ones(4, "f4")})
    model.graph.initializer[0].dims[0] = 2**40
    refused(model, "tensor 'b' of shape (1099511627776,) needs")
    model.graph.initializer[0].dims[0] = -1
    refused(model, "declares a size that is not an integer from 0")
    model = one_operator("Add", IMAGE, {"b": np.ones(4, "f4")})
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.float_data.extend([1, 2, 3])
    refused(model, "needs 4 numbers, but the file holds 3")
    tensor.data_type = TensorProto.STRING
    refused(model, "tensor 'b' has element type 8")


def test_an_input_that_has_to_be_given() -> None:
    with pytest.raises(OptionError, match=r"declared as \(N, 3, \?, \?\): give its"):
        opened(one_operator("Relu", ("N", 3, None, None)))
    found = opened(one_operator("Relu", ("N", 3, None, None)), shape=(2, 3, 5, 6))
    assert found.output_shape == (2, 3, 5, 6)
    with pytest.raises(OptionError, match=r"declared as \(1, 3, 4, 4\), which"):
        opened(one_operator("Relu", IMAGE), shape=(1, 3, 5, 5))
    model = one_operator("Relu", IMAGE)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(OptionError, match="is declared as of any shape"):
        opened(model)


def test_several_inputs_and_outputs() -> None:
    node = helper.make_node("Add", ["x", "b"], ["y"])
    model = model_of([node, helper.make_node("Relu", ["y"], ["z"])], IMAGE)
    model.graph.input.add().CopyFrom(model.graph.input[0])
    model.graph.input[1].name = "b"
    with pytest.raises(OptionError, match="has 2 inputs, 'x', 'b', and a net has one"):
        opened(model)
    bias = np.full(IMAGE, -1, "f4")
    x = np.zeros(IMAGE, "f4")
    found = opened(model, inputs={"b": bias}, output="z")
    np.testing.assert_array_equal(found.net(x), x)
    np.testing.assert_array_equal(opened(model, inputs={"b": bias}).net(x), bias)
    with pytest.raises(OptionError, match="the model has no input 'c'"):
        opened(model, inputs={"c": bias})
    with pytest.raises(OptionError, match="the model makes no tensor 'w'"):
        opened(model, inputs={"b": bias}, output="w")
    with pytest.raises(FileFormatError, match="does not depend on any input"):
        opened(model, inputs={"b": bias, "x": x})


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = one_operator("Relu", IMAGE).SerializeToString()
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(OptionError, match=r"pip install 'numpy-deconv\[onnx\]'"):
        parse_onnx(raw)
    from numpy_deconv.io.onnx import export_onnx

    with pytest.raises(OptionError, match="writing ONNX needs the package onnx"):
        export_onnx(onnx_nets.many_layers(), (1, 3, 8, 8))
