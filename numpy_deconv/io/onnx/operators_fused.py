"""ONNX Runtime's own operators, which its optimiser writes for several of others."""

from __future__ import annotations

import numpy as np

from ...errors import FileFormatError
from ...layers import GELU
from ...layers.arithmetic import Offset, Scale
from ...layers.broadcasting import broadcast_shape
from ...layers.function import Function
from ...layers.reshaping import Transpose
from .operators_quantised import MICROSOFT
from .tracing import OPERATORS, Call, Results, Value, operator

_GELUS = {"Gelu": "none", "BiasGelu": "none", "FastGelu": "tanh"}


@operator(*(MICROSOFT + kind for kind in _GELUS))
def _gelu(call: Call) -> Results:
    x, bias = call.input(0), call.optional_constant(1, "bias")
    if bias is not None:
        if broadcast_shape(x.shape, bias.shape) != x.shape:
            raise FileFormatError(f"its bias {bias.shape} does not fit {x.shape}")
        x = call.add(Offset(bias), x, step="shifted")
    return call.add(GELU(_GELUS[call.kind]), x)


@operator(MICROSOFT + "QuickGelu")
def _quick_gelu(call: Call) -> Results:
    alpha = call.attribute("alpha", 1.702)
    return call.add(Function("swish", {"alpha": alpha}), call.input(0))


@operator(MICROSOFT + "FusedMatMul")
def _matmul(call: Call) -> Results:
    if call.attribute("transBatchA", 0) or call.attribute("transBatchB", 0):
        raise FileFormatError("its batches are turned, which is not supported")
    a, b = (_turned(call, index, letter) for index, letter in enumerate("AB"))
    y = OPERATORS["MatMul"](call.instead("MatMul", a, b, step="product"))
    alpha = call.attribute("alpha", 1.0)
    if alpha == 1 or not isinstance(y, Value):
        return y
    return call.add(Scale(np.array(alpha, y.dtype)), y)


def _turned(call: Call, index: int, letter: str) -> Value:
    x = call.input(index)
    if not call.attribute(f"trans{letter}", 0):
        return x
    if x.rank < 2:
        raise FileFormatError(f"an operand of shape {x.shape} is no matrix")
    order = (*range(x.rank - 2), x.rank - 1, x.rank - 2)
    shape = tuple(x.shape[axis] for axis in order)
    return call.add(Transpose(order), x, shape=shape, step=f"{letter}_turned")
