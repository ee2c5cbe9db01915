"""What an operator may not be: refused while loading, by its name and the reason."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnx
import pytest
from onnx_nets import one_operator

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.onnx import import_onnx, parse_onnx

IMAGE = (1, 3, 6, 6)
ONES = np.ones(3, "f4")


def whole(*numbers: int) -> Any:
    return np.array(numbers, np.int64)


def weight(*shape: int) -> Any:
    return np.ones(shape, "f4")


CONV = {"w": weight(4, 3, 3, 3)}
TURNED = {"w": weight(3, 4, 3, 3)}
STATISTICS = dict.fromkeys(("scale", "bias", "mean", "var"), ONES)
Refused = tuple[str, tuple[int, ...], dict[str, Any], dict[str, Any], str]

WINDOWS: list[Refused] = [
    ("Conv", (1, 3), CONV, {}, "1 to 3 spatial axes are supported"),
    ("Conv", IMAGE, {"w": weight(4, 3, 3)}, {}, "its weight has shape (4, 3, 3)"),
    ("Conv", IMAGE, {"w": weight(4, 2, 3, 3)}, {}, "its weight expects 2"),
    ("Conv", IMAGE, CONV, {"strides": [1]}, "its strides (1,) are not one per"),
    ("Conv", IMAGE, CONV, {"pads": [1, 1]}, "its pads (1, 1) are not two per"),
    ("Conv", IMAGE, CONV, {"auto_pad": "MORE"}, "its auto_pad 'MORE' is not known"),
    ("Conv", IMAGE, CONV, {"dilations": [9, 9]}, "the window spans 19"),
    ("Conv", IMAGE, CONV, {"group": 2.5}, "its group is a float, not a int"),
    ("ConvTranspose", (1, 4, 6, 6), TURNED, {}, "input has 4 channels, its weight"),
    ("ConvTranspose", IMAGE, TURNED, {"output_shape": [9]}, "is not one per spatial"),
    ("MaxPool", IMAGE, {}, {"kernel_shape": [2]}, "its kernel_shape (2,) is not one"),
    ("Col2Im", (1, 5, 4), {"s": whole(3, 3), "b": whole(2, 2)}, {}, "are not blocks"),
    ("Col2Im", IMAGE, {"s": whole(3, 3), "b": whole(2, 2)}, {}, "do not make an image"),
    ("GlobalLpPool", IMAGE, {}, {"p": 3}, "its p is 3, and only 1 and 2"),
]
SHAPES: list[Refused] = [
    ("Reshape", IMAGE, {"s": whole(5, 5)}, {}, "the numbers of elements differ"),
    ("Reshape", IMAGE, {"s": whole(-1, -1)}, {}, "[-1, -1] is no shape"),
    ("Reshape", IMAGE, {"s": whole(-1, 7)}, {}, "cannot become [-1, 7]"),
    ("Reshape", IMAGE, {"s": whole(1, 1, 1, 1, 0)}, {}, "copies axis 4"),
    ("Reshape", IMAGE, {"s": ONES}, {}, "its shape are float32, not integers"),
    ("Reshape", IMAGE, {"s": np.ones(2000, "i8")}, {}, "2000 shape, more than axes"),
    ("Flatten", IMAGE, {}, {"axis": 5}, "axis 5 does not exist"),
    ("Squeeze", IMAGE, {"a": whole(1)}, {}, "are not all of size 1"),
    ("Unsqueeze", IMAGE, {"a": whole(9)}, {}, "axes (9,) do not all exist"),
    ("Unsqueeze", IMAGE, {"a": whole(0, 0)}, {}, "axes (0, 0) name one axis twice"),
    ("Transpose", IMAGE, {}, {"perm": [0, 1]}, "does not order 4 axes"),
    ("Expand", IMAGE, {"s": whole(-2, 1)}, {}, "(-2, 1) is no shape"),
    ("Cast", IMAGE, {}, {"to": 8}, "the type it casts to has element type 8"),
]
ARRANGEMENT: list[Refused] = [
    ("Concat", IMAGE, {"b": weight(1, 3, 5, 6)}, {"axis": 1}, "cannot be joined along"),
    ("Concat", IMAGE, {"b": weight(2, 3, 6, 6)}, {"axis": 0}, "does not stand beside"),
    ("Split", IMAGE, {"s": whole(1, 1)}, {"axis": 1}, "do not share out the 3"),
    ("Slice", IMAGE, {"s": whole(0), "e": whole(1, 2)}, {}, "ends (1, 2), steps"),
    ("Gather", IMAGE, {"i": whole(7)}, {"axis": 1}, "but axis 1 has 3 entries"),
    ("Gather", IMAGE, {"i": ONES}, {"axis": 1}, "its indices are float32"),
    ("Tile", IMAGE, {"r": whole(1, 0, 1, 1)}, {}, "do not fit (1, 3, 6, 6)"),
    ("Pad", IMAGE, {"p": whole(1, 1)}, {}, "are not two per axis"),
    ("Pad", IMAGE, {"p": whole(*[1] * 8)}, {"mode": "odd"}, "its mode 'odd' is not"),
    ("Pad", IMAGE, {"p": whole(*[9] * 8)}, {"mode": "reflect"}, "need more than the"),
    ("DepthToSpace", IMAGE, {}, {"blocksize": 2}, "3 channels are no blocks"),
    ("SpaceToDepth", IMAGE, {}, {"blocksize": 4}, "6 x 6 is not made of blocks"),
    ("SpaceToDepth", (1, 3), {}, {"blocksize": 2}, "do not fit (1, 3)"),
]
NORMALISATION: list[Refused] = [
    ("BatchNormalization", IMAGE, {**STATISTICS, "var": weight(2)}, {}, "its variance"),
    ("BatchNormalization", IMAGE, STATISTICS, {"training_mode": 1}, "in training mode"),
    ("LRN", IMAGE, {}, {"size": 0}, "a size of 0 does not fit"),
    ("InstanceNormalization", (1, 3), {"s": ONES, "b": ONES}, {}, "no spatial axes"),
    (
        "GroupNormalization",
        IMAGE,
        {"s": ONES, "b": ONES},
        {"num_groups": 2},
        "2 groups",
    ),
    (
        "GroupNormalization",
        IMAGE,
        {"s": ONES, "b": weight(2)},
        {"num_groups": 3},
        "(2,)",
    ),
    ("LayerNormalization", IMAGE, {"s": ONES}, {}, "parameters (3,) do not fit"),
    ("LayerNormalization", IMAGE, {"s": ONES}, {"axis": 0}, "mixes the samples"),
    ("LpNormalization", IMAGE, {}, {"p": 3}, "its p is 3, not 1 or 2"),
    ("Gemm", IMAGE, {"b": weight(6, 2)}, {}, "are not matrices"),
    ("Gemm", (1, 3), {"b": weight(6, 2)}, {}, "has no product with (6, 2)"),
    (
        "Gemm",
        (1, 3),
        {"b": weight(3, 2), "c": weight(3, 2)},
        {},
        "its C of shape (3, 2)",
    ),
    ("MatMul", IMAGE, {"b": weight(5, 2)}, {}, "has no product with (5, 2)"),
    ("Softmax", IMAGE, {}, {"axis": 4}, "axis 4 does not exist"),
    ("PRelu", IMAGE, {"s": weight(5)}, {}, "operands have shapes"),
    ("PRelu", IMAGE, {"s": weight(2, 1, 1, 1)}, {}, "its slope (2, 1, 1, 1) does not"),
    ("Dropout", IMAGE, {"r": weight(), "t": np.array(True)}, {}, "in training mode"),
    ("ReduceSum", IMAGE, {"a": whole(4)}, {}, "axes (4,) do not all exist"),
]
RESAMPLING: list[Refused] = [
    ("Resize", IMAGE, {"r": weight(0)}, {}, "it needs scales or sizes"),
    ("Resize", IMAGE, {"r": weight(0), "s": ONES}, {}, "do not resize 4 axes"),
    ("Resize", IMAGE, {"r": weight(0), "s": weight(4)}, {"mode": "odd"}, "'odd' is no"),
    (
        *("Resize", IMAGE, {"r": ONES, "s": weight(4)}),
        {"coordinate_transformation_mode": "tf_crop_and_resize"},
        "are not two numbers per axis",
    ),
]
CONSTANTS: list[Refused] = [
    ("Constant", IMAGE, {}, {"value_string": "odd"}, "it holds value_string"),
    ("ConstantOfShape", IMAGE, {}, {}, "its shape depends on the input"),
    ("NonZero", IMAGE, {}, {}, "its input depends on the input of the net"),
    ("Mod", IMAGE, {"b": ONES}, {}, "its operand depends on the input of the net"),
    ("Add", IMAGE, {"b": weight(5)}, {}, "which do not fit each other"),
]
SEQUENCE = (4, 1, 3)
LSTM = {"w": weight(1, 8, 3), "r": weight(1, 8, 2)}
PICKING: list[Refused] = [
    ("GatherElements", IMAGE, {"i": ONES}, {}, "its indices are float32"),
    ("GatherElements", (3,), {"i": whole(7)}, {}, "numbers do not make sense"),
    ("GatherND", IMAGE, {"i": whole(0)}, {"batch_dims": 1}, "(1,) pick none of"),
    ("ScatterND", IMAGE, {"i": whole(), "u": ONES}, {}, "indices of shape (0,) name"),
    ("ScatterND", IMAGE, {"i": whole(0), "u": ONES}, {}, "updates of shape (3,) do"),
    (
        *("ScatterND", (3,), {"i": np.array([[0]]), "u": weight(1)}),
        {"reduction": "mul"},
        "its reduction is 'mul'",
    ),
    ("CumSum", IMAGE, {"a": whole(0, 1)}, {}, "its axis is (0, 1), not one number"),
    ("Trilu", (3,), {}, {}, "(3,) is no matrix"),
    ("EyeLike", IMAGE, {}, {}, "(1, 3, 6, 6) is no matrix"),
    ("OneHot", IMAGE, {"d": whole(2), "v": ONES}, {}, "its indices depends on the"),
]
ATTENTION: list[Refused] = [
    ("Einsum", IMAGE, {"b": ONES}, {"equation": "ab"}, "does not say what becomes of"),
    ("RMSNormalization", IMAGE, {"s": ONES}, {"axis": 0}, "mixes the samples"),
    ("RMSNormalization", IMAGE, {"s": weight(3, 1)}, {}, "a scale of (3, 1) does not"),
    ("Attention", IMAGE, {"k": weight(1, 2, 6, 6), "v": weight(1, 3, 6, 6)}, {},
     "3 heads of queries, 2 of keys"),
    ("Attention", IMAGE, {"k": weight(1, 3, 6, 5), "v": weight(1, 3, 6, 6)}, {},
     "do not fit"),
    ("Attention", (1, 4, 6), {"k": weight(1, 4, 6), "v": weight(1, 4, 6)},
     {"q_num_heads": 4, "kv_num_heads": 4}, "4 heads do not fit an input of"),
    ("Attention", IMAGE,
     {"k": weight(*IMAGE), "v": weight(*IMAGE), "m": weight(2, 1, 6, 6)}, {},
     "a mask of (2, 1, 6, 6) does not fit"),
    ("Attention", IMAGE, {"k": weight(*IMAGE), "v": weight(*IMAGE)},
     {"qk_matmul_output_mode": 4}, "its qk_matmul_output_mode is 4, not 0 to 3"),
    ("Attention", IMAGE,
     {each: weight(*IMAGE) for each in ("k", "v", "m", "pk", "pv")}, {},
     "it keeps keys and values of the past"),
]  # fmt: skip
RECURRENT: list[Refused] = [
    ("LSTM", (4, 3), LSTM, {"hidden_size": 2}, "(4, 3) is no sequence"),
    ("LSTM", SEQUENCE, LSTM, {"direction": "odd"}, "its direction is not known"),
    ("LSTM", SEQUENCE, {**LSTM, "r": weight(1, 8, 3)}, {}, "do not fit an input of"),
    ("LSTM", SEQUENCE, {**LSTM, "b": weight(1, 3)}, {}, "its biases have shape (1, 3)"),
    ("LSTM", SEQUENCE, LSTM, {"activations": ["Relu"]}, "its activations are"),
    ("LSTM", SEQUENCE, LSTM, {"clip": 2.0}, "its clip or input_forget"),
    (
        *("LSTM", SEQUENCE, {**LSTM, "b": weight(1, 16), "n": whole(3)}),
        {},
        "of different lengths",
    ),
    (
        *("RNN", SEQUENCE, {"w": weight(1, 2, 3), "r": weight(1, 2, 2),
          "b": weight(1, 4), "n": whole(4), "h": weight(1, 2)}),
        {},
        "its initial_h has shape (1, 2)",
    ),
]  # fmt: skip
SAMPLED: list[Refused] = [
    ("GridSample", IMAGE, {"g": weight(1, 4, 4, 3)}, {}, "names no places in"),
    ("GridSample", IMAGE, {"g": weight(1, 4, 4, 2)}, {"mode": "odd"}, "'odd' is no w"),
]
EVERY = [*WINDOWS, *SHAPES, *ARRANGEMENT, *NORMALISATION, *RESAMPLING, *CONSTANTS]
EVERY += [*PICKING, *ATTENTION, *RECURRENT, *SAMPLED]


@pytest.mark.parametrize(
    ("kind", "shape", "constants", "attributes", "words"),
    EVERY,
    ids=[f"{each[0]}-{each[4]}" for each in EVERY],
)
def test_an_operator(
    kind: str,
    shape: tuple[int, ...],
    constants: dict[str, Any],
    attributes: dict[str, Any],
    words: str,
) -> None:
    inputs = () if kind == "Constant" else None
    outputs = ("y", "z") if kind == "Split" else ("y",)
    model = one_operator(
        kind, shape, constants, inputs=inputs, outputs=outputs, **attributes
    )
    if kind == "Constant":
        total = onnx.helper.make_node("Add", ["x", "y"], ["total"])
        model.graph.node.append(total)
        model.graph.output[0].name = "total"
    with pytest.raises(FileFormatError, match=re.escape(words)) as refusal:
        import_onnx(parse_onnx(model.SerializeToString()))
    assert str(refusal.value).startswith(f"{kind} 'node': ")


def test_an_input_that_is_missing() -> None:
    model = one_operator("Add", IMAGE, inputs=("x", ""))
    with pytest.raises(FileFormatError, match="it has no input 1, which it needs"):
        import_onnx(parse_onnx(model.SerializeToString()))


def test_an_output_that_is_not_made() -> None:
    constants = {"s": weight(6)}
    model = one_operator("LayerNormalization", IMAGE, constants, outputs=("a", "mean"))
    content = parse_onnx(model.SerializeToString())
    assert import_onnx(content).net(np.ones(IMAGE, "f4")).shape == IMAGE
    with pytest.raises(FileFormatError, match="'mean' is an output that is not"):
        import_onnx(content, output="mean")


def test_weights_that_are_no_constants() -> None:
    model = one_operator("Conv", (3, 3, 3, 3), {}, inputs=("x", "x"))
    with pytest.raises(FileFormatError, match="its weight depends on the input of the"):
        import_onnx(parse_onnx(model.SerializeToString()))


def test_old_operator_sets() -> None:
    model = one_operator("BatchNormalization", IMAGE, STATISTICS, opset=7, spatial=0)
    with pytest.raises(FileFormatError, match=r"not per channel \(spatial=0\)"):
        import_onnx(parse_onnx(model.SerializeToString()))


def test_numbers_that_nobody_foresaw() -> None:
    model = one_operator("Range", (1,))
    model.graph.node[0].input[:] = ["x", "x", "x"]
    with pytest.raises(FileFormatError, match="its start depends on the input"):
        import_onnx(parse_onnx(model.SerializeToString()))
