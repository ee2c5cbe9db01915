"""Operators as older operator sets have them: ONNX Runtime's answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper
from onnx_nets import model_of, one_operator

from numpy_deconv.io.onnx import import_onnx, parse_onnx

IMAGE = (1, 3, 6, 8)
SCALES = np.array([1, 1, 2, 1.5], "f4")
DOWN = np.array([1, 1, 0.5, 0.7], "f4")
NONE = np.zeros(0, "f4")
FOUR = np.ones(3, "f4")
STATISTICS = {
    "scale": np.array([1, 2, 3], "f4"),
    "bias": np.array([1, 0, 3], "f4"),
    "mean": np.array([0, 2, 1], "f4"),
    "var": np.array([1, 2, 0.5], "f4"),
}
Old = tuple[str, int, dict[str, Any], dict[str, Any]]

CASES: list[Old] = [
    ("BatchNormalization", 7, STATISTICS, {}),
    ("BatchNormalization", 8, STATISTICS, {"epsilon": 1e-3}),
    ("BatchNormalization", 9, STATISTICS, {}),
    ("Clip", 7, {}, {"min": -0.5, "max": 0.5}),
    ("Clip", 10, {}, {"max": 0.5}),
    ("Clip", 11, {"low": np.array(-0.5, "f4")}, {}),
    ("Dropout", 7, {}, {"ratio": 0.3}),
    ("Dropout", 10, {}, {}),
    ("Dropout", 12, {"ratio": np.array(0.3, "f4")}, {}),
    ("Flatten", 7, {}, {"axis": 2}),
    ("LogSoftmax", 11, {}, {"axis": 1}),
    ("Softmax", 7, {}, {"axis": 2}),
    ("Softmax", 11, {}, {}),
    ("Softmax", 13, {}, {}),
    ("Pad", 7, {}, {"pads": [0, 0, 1, 2, 0, 0, 3, 0], "value": 0.5}),
    ("Pad", 10, {}, {"pads": [0, 0, 1, 2, 0, 0, 3, 0], "mode": "edge"}),
    ("Pad", 11, {"p": np.array([0, 1, 0, -1, 0, 0, 2, -2])}, {}),
    ("ReduceMean", 7, {}, {"axes": [2, 3], "keepdims": 0}),
    ("ReduceMax", 12, {}, {"axes": [-1]}),
    ("ReduceSum", 11, {}, {"axes": [1]}),
    ("ReduceL2", 13, {}, {"axes": [1, 2]}),
    ("Resize", 10, {"s": SCALES}, {"mode": "nearest"}),
    ("Resize", 10, {"s": SCALES}, {"mode": "linear"}),
    ("Resize", 10, {"s": DOWN}, {"mode": "nearest"}),
    ("Resize", 11, {"r": NONE, "s": SCALES}, {"mode": "linear"}),
    (
        *("Resize", 11, {"r": NONE, "s": SCALES}),
        {"mode": "cubic", "coordinate_transformation_mode": "align_corners"},
    ),
    (
        *("Resize", 11, {"r": NONE, "s": DOWN}),
        {"coordinate_transformation_mode": "tf_half_pixel_for_nn"},
    ),
    (
        *("Resize", 13, {"r": NONE, "s": NONE, "z": np.array([1, 3, 9, 5])}),
        {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
    ),
    (
        *("Resize", 11, {"r": NONE, "s": NONE, "z": np.array([1, 3, 12, 8])}),
        {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    ("Slice", 7, {}, {"starts": [1, -5], "ends": [3, 100], "axes": [1, 3]}),
    ("Slice", 10, {"s": np.array([-1]), "e": np.array([-100]),
                   "a": np.array([3]), "t": np.array([-2])}, {}),
    ("Split", 7, {}, {"axis": 3, "split": [3, 5]}),
    ("Split", 11, {}, {"axis": 3}),
    ("Squeeze", 7, {}, {"axes": [0]}),
    ("Unsqueeze", 11, {}, {"axes": [0, 5]}),
    ("Upsample", 7, {}, {"scales": [1.0, 1.0, 2.0, 3.0]}),
    ("Upsample", 9, {"s": SCALES}, {"mode": "linear"}),
    ("Upsample", 9, {"s": SCALES}, {"mode": "nearest"}),
    ("GroupNormalization", 21, {"s": FOUR, "b": FOUR}, {"num_groups": 3}),
    ("GroupNormalization", 21, {"s": FOUR, "b": FOUR}, {"num_groups": 1}),
    ("LRN", 13, {}, {"size": 3, "alpha": 0.1}),
    ("HardSigmoid", 7, {}, {}),
    ("PRelu", 9, {"s": np.array([0.1, 0.2, 0.3], "f4").reshape(3, 1, 1)}, {}),
    ("PRelu", 9, {"s": np.linspace(0, 1, 8, dtype="f4")}, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "opset", "constants", "attributes"),
    CASES,
    ids=[f"{kind}-{opset}-{i}" for i, (kind, opset, *_) in enumerate(CASES)],
)
def test_an_operator(
    kind: str, opset: int, constants: dict[str, Any], attributes: dict[str, Any]
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    outputs = ("y", "z") if kind == "Split" else ("y",)
    model = one_operator(
        kind, IMAGE, constants, opset=opset, outputs=outputs, **attributes
    )
    raw = model.SerializeToString()
    x = np.random.default_rng(0).normal(size=IMAGE).astype(np.float32)
    session = runtime.InferenceSession(raw, providers=["CPUExecutionProvider"])
    want = session.run(["y"], {"x": x})[0]
    imported = import_onnx(parse_onnx(raw))
    got = imported.net(x)
    assert got.shape == want.shape == imported.output_shape
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_a_group_norm_of_one_scale_per_group() -> None:
    """Operator set 18; ONNX Runtime has it only as of 21."""
    x = np.random.default_rng(0).normal(size=(2, 6, 5)).astype(np.float32)
    constants = {"s": np.array([1, 2], "f4"), "b": np.array([0, 3], "f4")}
    model = one_operator(
        "GroupNormalization", x.shape, constants, opset=18, num_groups=2
    )
    got = import_onnx(parse_onnx(model.SerializeToString())).net(x)
    groups = x.reshape(2, 2, 15)
    centred = groups - groups.mean(2, keepdims=True)
    want = centred / np.sqrt((centred**2).mean(2, keepdims=True) + 1e-5)
    want = want * constants["s"][:, None] + constants["b"][:, None]
    np.testing.assert_allclose(got, want.reshape(x.shape), atol=1e-5)
    short = one_operator("GroupNormalization", x.shape, constants, num_groups=2)
    with pytest.raises(ValueError, match="scale or bias has shape"):
        import_onnx(parse_onnx(short.SerializeToString()))


def test_a_response_norm_over_an_even_number_of_channels() -> None:
    """The odd channel is the one after the centre; ONNX Runtime takes no even sizes."""
    x = np.random.default_rng(0).normal(size=(1, 5, 2, 2)).astype(np.float32)
    model = one_operator("LRN", x.shape, size=4, alpha=0.5, beta=0.7, bias=2.0)
    got = import_onnx(parse_onnx(model.SerializeToString())).net(x)
    for c in range(5):
        near = x[:, max(0, c - 1) : c + 3]
        total = 2.0 + 0.5 / 4 * (near**2).sum(1)
        np.testing.assert_allclose(got[:, c], x[:, c] / total**0.7, rtol=1e-5)


@pytest.mark.parametrize("kind", ["Greater", "Less", "GreaterOrEqual", "Equal"])
def test_activations_choose_between_others(kind: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    nodes = [
        helper.make_node(kind, ["x", "limit"], ["chosen"]),
        helper.make_node("Not", ["chosen"], ["left"]),
        helper.make_node("Xor", ["left", "no"], ["either"]),
        helper.make_node("Cast", ["either"], ["number"], to=1),
        helper.make_node("Where", ["chosen", "x", "number"], ["y"]),
    ]
    constants = {"limit": np.array(0.2, "f4"), "no": np.array(False)}
    raw = model_of(nodes, IMAGE, constants).SerializeToString()
    x = np.random.default_rng(0).normal(size=IMAGE).astype(np.float32)
    session = runtime.InferenceSession(raw, providers=["CPUExecutionProvider"])
    net = import_onnx(parse_onnx(raw)).net
    tape = net.run(x)
    np.testing.assert_array_equal(tape.output, session.run(["y"], {"x": x})[0])
    grad = tape.project(np.ones(IMAGE, "f4"), start=list(net.nodes)[-1])
    compare = {"Greater": x > 0.2, "Less": x < 0.2, "Equal": x == 0.2}
    np.testing.assert_array_equal(grad, compare.get(kind, x >= 0.2))
