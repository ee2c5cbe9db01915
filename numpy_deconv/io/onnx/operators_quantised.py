"""Operators of quantised nets, computed in floats: same values, and a gradient.

What is quantised stays a tensor of whole numbers of the net's floating type; every
sum in between is that of the real numbers they stand for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays import Array, is_float
from ...errors import FileFormatError
from ...layers.arithmetic import Offset, Scale
from ...layers.quantisation import Quantize
from .operators_shape import checked_axes
from .tensors import element_code
from .tracing import OPERATORS, Call, Results, Value, operator

MICROSOFT = "com.microsoft."
"""The domain of ONNX Runtime's own operators, which its quantiser writes."""

LIMITS = {"u1": (0, 255), "i1": (-128, 127), "u2": (0, 65535), "i2": (-32768, 32767)}
"""By NumPy's codes, without the byte order."""


def _along(call: Call, array: Array, x: Value, axis: int | None) -> Array:
    """A scale or zero point, one number or one per entry of an axis, beside ``x``."""
    if array.size == 1:
        return array.reshape(())
    chosen = call.attribute("axis", 1) if axis is None else axis
    (chosen,) = checked_axes((chosen,), x.rank)
    if array.shape != (x.shape[chosen],):
        raise FileFormatError(
            f"its scale or zero point has shape {array.shape}, its input {x.shape}: "
            "one number, or one per entry of an axis, is supported"
        )
    return array.reshape(-1, *(1,) * (x.rank - chosen - 1))


def _floats(call: Call, like: Array) -> np.dtype[Any]:
    return call.trace.floats or (like.dtype if is_float(like.dtype) else np.dtype("f4"))


def dequantised(call: Call, first: int, step: str = "", axis: int | None = None) -> Any:
    """The real numbers of input ``first``, by the scale and zero point after it."""
    x = call.input(first)
    scale = call.constant(first + 1, "scale")
    zero = call.optional_constant(first + 2, "zero point")
    dtype = _floats(call, scale)
    factor = _along(call, scale.astype(dtype), x, axis)
    shift = None if zero is None else _along(call, zero.astype(dtype), x, axis)
    if x.array is not None:
        known = x.array.astype(dtype)
        return Value.of((known if shift is None else known - shift) * factor)
    if shift is not None and shift.any():
        name = f"{step}_shifted" if step else "shifted"
        x = call.add(Offset(-shift), x, step=name, dtype=dtype)
    return call.add(Scale(factor), x, step=step, dtype=dtype)


def quantised(call: Call, y: Value, first: int) -> Value:
    """``y`` in steps of input ``first``, from the zero point after it."""
    scale = call.constant(first, "scale")
    zero = call.optional_constant(first + 1, "zero point")
    kind = _kind(call, zero)
    if kind not in LIMITS or not (scale > 0).all():
        raise FileFormatError(
            f"it quantises to {kind} in steps of {scale.reshape(-1)[:3]}, and steps "
            "above 0 of integers of 8 and 16 bits are supported"
        )
    dtype = y.dtype if is_float(y.dtype) else _floats(call, scale)
    counted = np.zeros((), dtype) if zero is None else zero.astype(dtype)
    step = _along(call, scale.astype(dtype), y, None)
    layer = Quantize(step, _along(call, counted, y, None), *LIMITS[kind])
    return call.add(layer, y, dtype=dtype)


def _kind(call: Call, zero: Array | None) -> str:
    code = call.attribute("output_dtype", 0)
    if zero is not None:
        return zero.dtype.str[1:]
    return element_code(code, "what it quantises to") if code else "u1"


@operator("QuantizeLinear", MICROSOFT + "QuantizeLinear")
def _quantize(call: Call) -> Results:
    _refuse_blocks(call)
    return quantised(call, call.input(0), 1)


@operator("DequantizeLinear", MICROSOFT + "DequantizeLinear")
def _dequantize(call: Call) -> Results:
    _refuse_blocks(call)
    return dequantised(call, 0)


def _refuse_blocks(call: Call) -> None:
    if call.attribute("block_size", 0):
        raise FileFormatError("it has a scale for each block, which is not supported")


@operator("QLinearConv")
def _conv(call: Call) -> Results:
    x, weight = dequantised(call, 0, "x"), dequantised(call, 3, "weight", axis=0)
    bias = call.optional_constant(8, "bias")
    if bias is not None:
        scale = call.constant(1, "scale") * call.constant(4, "scale").reshape(-1)
        bias = bias.astype(_floats(call, scale)) * scale
    known = None if bias is None else Value.of(bias)
    return quantised(call, _real(call, "Conv", x, weight, known), 6)


@operator("QLinearMatMul")
def _matmul(call: Call) -> Results:
    factors = dequantised(call, 0, "a", axis=-2), dequantised(call, 3, "b", axis=-1)
    return quantised(call, _real(call, "MatMul", *factors), 6)


@operator(MICROSOFT + "QGemm")
def _gemm(call: Call) -> Results:
    columns = 0 if call.attribute("transB", 0) else 1
    a, b = dequantised(call, 0, "a"), dequantised(call, 3, "b", axis=columns)
    bias = call.optional_constant(6, "C")
    known = None
    if bias is not None:
        scale = call.constant(1, "scale") * call.constant(4, "scale").reshape(-1)
        scale = scale * np.float32(call.attribute("alpha", 1.0))
        known = Value.of(bias.astype(_floats(call, scale)) * scale)
    y = _real(call, "Gemm", a, b, known)
    return y if call.optional(7) is None else quantised(call, y, 7)


def _real(call: Call, kind: str, *inputs: Value | None) -> Value:
    """What an operator makes of real numbers, with this one's attributes."""
    result = OPERATORS[kind](call.instead(kind, *inputs, step="real"))
    if not isinstance(result, Value):
        raise FileFormatError("it puts out more than one tensor")
    return result


_BINARY = {"QLinearAdd": "Add", "QLinearMul": "Mul"}
_UNARY = {
    "QLinearAveragePool": "AveragePool",
    "QLinearGlobalAveragePool": "GlobalAveragePool",
    "QLinearLeakyRelu": "LeakyRelu",
    "QLinearSigmoid": "Sigmoid",
}


@operator(*(MICROSOFT + kind for kind in _BINARY))
def _binary(call: Call) -> Results:
    pair = dequantised(call, 0, "a"), dequantised(call, 3, "b")
    return quantised(call, _real(call, _BINARY[call.kind], *pair), 6)


@operator(*(MICROSOFT + kind for kind in _UNARY))
def _unary(call: Call) -> Results:
    if call.attribute("channels_last", 0):
        raise FileFormatError("its channels are the last axis, which is not supported")
    return quantised(call, _real(call, _UNARY[call.kind], dequantised(call, 0, "x")), 3)


@operator(MICROSOFT + "QLinearConcat")
def _concat(call: Call) -> Results:
    """The scale and zero point of the output come first."""
    starts = range(2, len(call.inputs), 3)
    parts = [dequantised(call, first, f"part{first // 3}") for first in starts]
    return quantised(call, _real(call, "Concat", *parts), 0)


_ACTIVATIONS: dict[str, Callable[[tuple[float, ...]], dict[str, Any]]] = {
    "Relu": lambda given: {},
    "Tanh": lambda given: {},
    "Sigmoid": lambda given: {},
    "LeakyRelu": lambda given: {"alpha": given[0]},
    "Clip": lambda given: {"min": given[0], "max": given[1]},
    "HardSigmoid": lambda given: {"alpha": given[0], "beta": given[1]},
}


@operator(MICROSOFT + "FusedConv")
def _fused_conv(call: Call) -> Results:
    """A convolution, a sum with another tensor if there is one, and an activation."""
    weights = [call.input(0), call.input(1), call.optional(2)]
    y = _real(call, "Conv", *weights)
    if call.optional(3) is not None:
        y = _real(call, "Add", y, call.input(3))
    kind = call.attribute("activation", "")
    if not kind:
        return y
    if kind not in _ACTIVATIONS:
        raise FileFormatError(f"its activation {kind!r} is not known")
    options = _ACTIVATIONS[kind](call.attribute("activation_params", ()))
    return OPERATORS[kind](call.instead(kind, y, attributes=options))
