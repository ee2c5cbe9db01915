"""Operators that quantise by what they see, and the sums of whole numbers after them.

As in :mod:`.operators_quantised` whole numbers are kept in the net's floating type.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import is_float
from ...errors import FileFormatError
from ...layers.arithmetic import Offset, Sub
from ...layers.broadcasting import broadcast_shape
from ...layers.quantisation import ByteRange, QuantizeBy
from ...layers.reshaping import Cast
from .tracing import OPERATORS, Call, Results, Value, operator


@operator("DynamicQuantizeLinear")
def _dynamic_quantize(call: Call) -> Results:
    x = call.input(0)
    if not is_float(x.dtype):
        raise FileFormatError(f"it quantises {x.dtype}, not floats")
    step, zero = (
        call.add(ByteRange(is_zero), x, shape=(), step=name)
        for is_zero, name in ((False, "step"), (True, "zero"))
    )
    return call.add(QuantizeBy(), x, step, zero), step, zero


@operator("ConvInteger")
def _conv_integer(call: Call) -> Results:
    return _of_integers(call, "Conv", 0)


@operator("MatMulInteger")
def _matmul_integer(call: Call) -> Results:
    return _of_integers(call, "MatMul", -1)


def _of_integers(call: Call, kind: str, along: int) -> Value:
    """What an operator makes of whole numbers from which their zeros are taken."""
    if all(value is None or value.is_constant for value in call.inputs):
        raise FileFormatError("it sums up constants only, which is not supported")
    x = _counted(call, 0, 2, "x", -2 if kind == "MatMul" else None)
    weight = _counted(call, 1, 3, "weight", along)
    result = OPERATORS[kind](call.instead(kind, x, weight))
    if not isinstance(result, Value):
        raise FileFormatError("it puts out more than one tensor")
    return result


def _counted(
    call: Call, index: int, zero_index: int, step: str, axis: int | None
) -> Value:
    """An input in floats, minus its zero: one number, or one per entry of an axis."""
    x, zero = call.input(index), call.optional(zero_index)
    dtype = call.trace.floats or np.dtype(np.float32)
    x = _as_floats(call, x, dtype, step)
    if zero is None:
        return x
    if zero.array is None:
        broadcast_shape(x.shape, zero.shape)
        if x.array is not None:
            raise FileFormatError("a constant's zero point depends on the input")
        return call.add(Sub(), x, zero, step=f"{step}_shifted")
    shift: Any = zero.array.astype(dtype)
    if shift.size > 1 and axis is not None:
        places = [1] * x.rank
        places[axis] = -1
        shift = shift.reshape(places)
    broadcast_shape(x.shape, shift.shape)
    if x.array is not None:
        return Value.of(x.array - shift)
    if not shift.any():
        return x
    return call.add(Offset(-shift), x, step=f"{step}_shifted")


def _as_floats(call: Call, x: Value, dtype: np.dtype[Any], step: str) -> Value:
    if is_float(x.dtype):
        return x
    if x.array is not None:
        return Value.of(x.array.astype(dtype))
    return call.add(Cast(dtype), x, dtype=dtype, step=f"{step}_floats")
