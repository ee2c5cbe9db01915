"""What is quantised as a net runs: ONNX Runtime's answers, and the gradient."""

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
from numpy_deconv.layers import Conv


def dynamic(kind: str, weight: Array, zero: Array, **options: Any) -> onnx.ModelProto:
    """What ONNX Runtime's dynamic quantiser makes of a layer."""
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"], name="by"),
        helper.make_node(kind, ["q", "w", "qz", "wz"], ["sum"], name="sum", **options),
        helper.make_node("Cast", ["sum"], ["number"], to=1),
        helper.make_node("Mul", ["qs", "ws"], ["scale"]),
        helper.make_node("Mul", ["number", "scale"], ["y"]),
    ]
    shape = IMAGE if kind == "ConvInteger" else (4, 7)
    constants = {"w": weight, "wz": zero, "ws": np.float32([0.02])}
    return model_of(nodes, shape, constants)


@pytest.mark.parametrize("zero", [0, 12])
def test_what_is_quantised_as_it_runs(zero: int) -> None:
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 255, (4, 3, 3, 3)).astype("u1")
    model = dynamic("ConvInteger", weight, np.array(zero, "u1"), pads=[1] * 4)
    away, imported = compared(model, IMAGE)
    assert away.max() < 1e-4
    kernel = (weight.astype("f8") - zero) * 0.02
    tape = imported.net.run(drawn(*IMAGE))
    signal = drawn(*imported.output_shape)
    exact = Conv(kernel, padding=1).vjp(Conv(kernel, padding=1).forward(
        drawn(*IMAGE).astype("f8"))[1], signal.astype("f8"))[0]  # fmt: skip
    assert exact is not None
    gradient = tape.project(signal, start=imported.net.output)
    np.testing.assert_allclose(gradient, exact, rtol=1e-4, atol=1e-4)


def test_products_with_a_zero_for_each_column() -> None:
    rng = np.random.default_rng(1)
    weight = rng.integers(-100, 100, (7, 5)).astype("i1")
    zero = np.array([0, 1, -2, 3, 4], "i1")
    away, _ = compared(dynamic("MatMulInteger", weight, zero), (4, 7))
    assert away.max() < 1e-4


def test_a_picture_without_range_is_quantised_in_steps_of_one() -> None:
    model = one_operator("DynamicQuantizeLinear", IMAGE, outputs=("y", "s", "z"))
    net = import_onnx(parse_onnx(model.SerializeToString()), output="s").net
    assert net(np.zeros(IMAGE, "f4")) == 1
    assert net(np.full(IMAGE, 51, "f4")) == np.float32(0.2)


def test_sums_of_constants_only() -> None:
    nodes = [
        helper.make_node("MatMulInteger", ["a", "a"], ["sum"], name="sum"),
        helper.make_node("Cast", ["sum"], ["number"], to=1),
        helper.make_node("Add", ["x", "number"], ["y"]),
    ]
    model = model_of(nodes, (2, 2), {"a": np.ones((2, 2), "u1")})
    with pytest.raises(FileFormatError, match="it sums up constants only"):
        import_onnx(parse_onnx(model.SerializeToString()))


def test_a_zero_that_depends_on_the_input() -> None:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], name="by"),
        helper.make_node("MatMulInteger", ["q", "w", "", "z"], ["y"], name="sum"),
    ]
    model = model_of(nodes, (2, 2), {"w": np.ones((2, 2), "u1")})
    with pytest.raises(FileFormatError, match="zero point depends on the input"):
        import_onnx(parse_onnx(model.SerializeToString()))
    node = helper.make_node("Cast", ["x"], ["n"], to=6)
    odd = helper.make_node("DynamicQuantizeLinear", ["n"], ["y", "s", "z"], name="by")
    with pytest.raises(FileFormatError, match="it quantises int32, not floats"):
        import_onnx(parse_onnx(model_of([node, odd], (2, 2)).SerializeToString()))
