"""Quantised nets: ONNX Runtime's answers, to a step, and a gradient through them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_nets import model_of, one_operator
from onnx_steps import IMAGE, Array, compared, drawn

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.onnx import import_onnx, parse_onnx

STEP = np.float32(0.05)


def quantity(value: float, kind: str) -> Array:
    return np.array(value, kind)


def scales(*, kind: str = "u1", x: float = 0.05, y: float = 0.03) -> dict[str, Array]:
    zero = 100 if kind == "u1" else -3
    return {
        "xs": quantity(x, "f4"),
        "xz": quantity(zero, kind),
        "ys": quantity(y, "f4"),
        "yz": quantity(zero + 7, kind),
    }


def linear(kind: str, **options: Any) -> onnx.NodeProto:
    """One of the two operators that quantise and give back."""
    ends = (["x"], ["q"]) if kind == "QuantizeLinear" else (["q"], ["y"])
    return helper.make_node(kind, [*ends[0], "s", "z"], ends[1], name=kind, **options)


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2"])
@pytest.mark.parametrize("axis", [None, 1, -3])
def test_there_and_back(kind: str, axis: int | None) -> None:
    each = 1 if axis is None else 3
    factor = np.linspace(0.02, 0.05, each, dtype="f4")
    zero = np.arange(5, 5 + each).astype(kind)
    options = {} if axis is None else {"axis": axis}
    if axis is None:
        factor, zero = factor.reshape(()), zero.reshape(())
    nodes = [linear(k, **options) for k in ("QuantizeLinear", "DequantizeLinear")]
    model = model_of(nodes, IMAGE, {"s": factor, "z": zero})
    away, _ = compared(model, IMAGE)
    assert away.max() < 1e-6


def test_what_is_clipped_has_no_gradient() -> None:
    nodes = [linear(k) for k in ("QuantizeLinear", "DequantizeLinear")]
    constants = {"s": quantity(0.01, "f4"), "z": quantity(0, "u1")}
    net = import_onnx(
        parse_onnx(model_of(nodes, (1, 4), constants).SerializeToString())
    )
    tape = net.net.run(np.array([[-0.5, 0.123, 2.0, 3.0]], "f4"))
    np.testing.assert_allclose(tape.output, [[0, 0.12, 2.0, 2.55]], rtol=1e-6)
    last = list(net.net.nodes)[-1]
    grad = tape.project(np.ones((1, 4), "f4"), start=last)
    np.testing.assert_allclose(grad, [[0, 1, 1, 0]], rtol=1e-6)


def test_the_type_may_be_an_attribute() -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"], output_dtype=3),
        helper.make_node("DequantizeLinear", ["q", "s"], ["y"]),
    ]
    away, imported = compared(model_of(nodes, IMAGE, {"s": STEP}), IMAGE)
    assert away.max() < 1e-6
    assert any("-128..127" in n.layer.describe() for n in imported.net.nodes.values())


def quantised(
    kind: str, inputs: list[str], constants: dict[str, Any], **options: Any
) -> onnx.ModelProto:
    """An operator between a QuantizeLinear and a DequantizeLinear."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["q"]),
        helper.make_node(kind, inputs, ["r"], name="op", **options),
        helper.make_node("DequantizeLinear", ["r", "ys", "yz"], ["y"]),
    ]
    return model_of(nodes, IMAGE, constants)


@pytest.mark.parametrize("each", [False, True], ids=["one scale", "per channel"])
@pytest.mark.parametrize("kind", ["u1", "i1"])
def test_a_convolution(kind: str, each: bool) -> None:
    rng = np.random.default_rng(1)
    scale = np.array([0.01, 0.02, 0.005, 0.01], "f4") if each else quantity(0.01, "f4")
    constants = {
        **scales(kind=kind),
        "w": rng.integers(-90, 90, (4, 3, 3, 3)).astype("i1"),
        "ws": scale,
        "wz": np.zeros(scale.shape, "i1"),
        "b": rng.integers(-900, 900, 4).astype("i4"),
    }
    names = ["q", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"]
    model = quantised("QLinearConv", names, constants, pads=[1, 0, 1, 1])
    away, imported = compared(model, IMAGE)
    assert away.max() < 0.0301
    assert (away < 1e-5).mean() > 0.95
    tape = imported.net.run(drawn(*IMAGE))
    signal = np.ones(imported.output_shape, "f4")
    assert np.abs(tape.project(signal, start=list(imported.net.nodes)[-1])).max() > 0


def test_products() -> None:
    rng = np.random.default_rng(1)
    constants = {
        **scales(),
        "w": rng.integers(-90, 90, (5, 4)).astype("i1"),
        "ws": quantity(0.01, "f4"),
        "wz": quantity(3, "i1"),
        "c": np.arange(4, dtype="i4"),
    }
    names = ["q", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
    away, _ = compared(quantised("QLinearMatMul", names, constants), IMAGE)
    assert away.max() < 0.0301
    per_row = {
        "ws": np.array([0.01, 0.02, 0.01, 0.005], "f4"),
        "wz": np.zeros(4, "i1"),
    }
    constants |= {"w": constants["w"].T.copy(), **per_row}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["q"]),
        helper.make_node(
            "QGemm",
            ["q", "xs", "xz", "w", "ws", "wz", "c", "ys", "yz"],
            ["r"],
            domain="com.microsoft",
            transB=1,
        ),
        helper.make_node("DequantizeLinear", ["r", "ys", "yz"], ["y"]),
    ]
    away, _ = compared(model_of(nodes, (2, 5), constants), (2, 5))
    assert away.max() < 0.0301
    nodes[1] = helper.make_node(
        "QGemm",
        ["q", "xs", "xz", "w", "ws", "wz", "c"],
        ["y"],
        domain="com.microsoft",
        transB=1,
    )
    away, _ = compared(model_of(nodes[:2], (2, 5), constants), (2, 5))
    assert away.max() < 1e-5


UNARY: list[tuple[str, dict[str, Any]]] = [
    ("QLinearAveragePool", {"kernel_shape": [2, 2], "count_include_pad": 1}),
    ("QLinearGlobalAveragePool", {"channels_last": 0}),
    ("QLinearLeakyRelu", {"alpha": 0.2}),
    ("QLinearSigmoid", {}),
]


@pytest.mark.parametrize(("kind", "options"), UNARY, ids=[k for k, _ in UNARY])
def test_operators_of_onnx_runtimes_quantiser(kind: str, options: Any) -> None:
    names = ["q", "xs", "xz", "ys", "yz"]
    model = quantised(kind, names, scales(), domain="com.microsoft", **options)
    away, _ = compared(model, IMAGE)
    assert away.max() < 0.0301


@pytest.mark.parametrize("kind", ["QLinearAdd", "QLinearMul", "QLinearConcat"])
def test_operators_of_two_tensors(kind: str) -> None:
    pair = ["q", "xs", "xz", "q", "xs", "xz"]
    last = kind == "QLinearConcat"
    names = ["ys", "yz", *pair] if last else [*pair, "ys", "yz"]
    options = {"axis": 1} if last else {}
    model = quantised(kind, names, scales(), domain="com.microsoft", **options)
    away, _ = compared(model, IMAGE)
    assert away.max() < 0.0301


FUSED: list[tuple[str, list[float]]] = [
    ("Relu", []),
    ("LeakyRelu", [0.3]),
    ("Clip", [0.0, 0.5]),
    ("HardSigmoid", [0.2, 0.5]),
    ("", []),
]


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "with a sum"])
@pytest.mark.parametrize(("kind", "numbers"), FUSED)
def test_a_fused_convolution(kind: str, numbers: list[float], beside: bool) -> None:
    constants = {"w": drawn(3, 3, 3, 3) / 3, "b": drawn(3)}
    options: dict[str, Any] = {"pads": [1] * 4}
    if kind:
        options |= {"activation": kind}
    if numbers:
        options |= {"activation_params": numbers}
    names = ["x", "w", "b", *(["x"] if beside else [])]
    node = helper.make_node(
        "FusedConv", names, ["y"], domain="com.microsoft", name="fused", **options
    )
    away, _ = compared(model_of([node], IMAGE, constants), IMAGE)
    assert away.max() < 1e-5


def refused(model: onnx.ModelProto, words: str) -> None:
    with pytest.raises(FileFormatError, match=words):
        import_onnx(parse_onnx(model.SerializeToString()))


def test_what_is_not_quantised_so() -> None:
    both = {"s": STEP, "z": quantity(0, "u1")}
    refused(
        one_operator("QuantizeLinear", IMAGE, {**both, "z": quantity(0, "i4")}),
        "it quantises to i4 in steps of",
    )
    refused(
        one_operator("QuantizeLinear", IMAGE, {**both, "s": -STEP}),
        r"in steps of \[-0.05\], and steps above 0",
    )
    wrong = {"s": np.ones(5, "f4"), "z": np.zeros(5, "u1")}
    refused(one_operator("QuantizeLinear", IMAGE, wrong), r"shape \(5,\), its input")
    blocks = one_operator("QuantizeLinear", IMAGE, both, block_size=2)
    refused(blocks, "a scale for each block")
    names = ["q", "xs", "xz", "ys", "yz"]
    last = quantised(
        *("QLinearGlobalAveragePool", names, scales()),
        domain="com.microsoft",
        channels_last=1,
    )
    refused(last, "its channels are the last axis")
    fused = one_operator(
        *("FusedConv", IMAGE, {"w": drawn(3, 3, 3, 3)}),
        domain="com.microsoft",
        activation="Odd",
    )
    refused(fused, "its activation 'Odd' is not known")
