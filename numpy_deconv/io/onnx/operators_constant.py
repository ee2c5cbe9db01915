"""Operators whose results are known while loading."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import FileFormatError
from .content import Subgraph
from .tracing import Call, Results, Value, operator, run_operator


@operator("Constant")
def _constant(call: Call) -> Results:
    attributes = call.operator.attributes
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if name in attributes:
            if name == "value":
                return call.trace.constant(call.attribute("value", None, np.ndarray))
            dtype = np.float32 if "float" in name else np.int64
            return call.trace.constant(np.array(attributes[name], dtype))
    raise FileFormatError(
        f"it holds {', '.join(attributes) or 'no value'}, and only tensors and numbers "
        "are supported"
    )


@operator("ConstantOfShape")
def _constant_of_shape(call: Call) -> Results:
    shape = call.whole_numbers(0, "shape") or ()
    value = call.attribute("value", np.zeros(1, np.float32), np.ndarray)
    if value.size != 1 or any(n < 0 for n in shape):
        raise FileFormatError(f"it fills {shape} with {value.size} values")
    known: Any = call.trace.constant(value).array
    call.trace.check_size(shape, known.dtype)
    # One number in memory, however many it stands for
    return Value.of(np.broadcast_to(known.reshape(()), shape))


@operator("If")
def _if(call: Call) -> Results:
    """The branch that a condition known by now chooses, in place of the operator."""
    condition = call.constant(0, "condition")
    name = "then_branch" if condition.reshape(-1)[:1].any() else "else_branch"
    branch = call.attribute(name, None, Subgraph)
    if branch is None:
        raise FileFormatError(f"it has no {name}")
    for key, array in branch.constants.items():
        call.trace.values[key] = call.trace.constant(array)
    for node in branch.operators:
        run_operator(call.trace, node)
    return tuple(call.trace.value(output) for output in branch.outputs)


@operator("Range")
def _range(call: Call) -> Results:
    start, limit, step = (
        call.constant(i, name).reshape(())
        for i, name in enumerate(("start", "limit", "delta"))
    )
    if not step or not np.isfinite((start, limit, step)).all():
        raise FileFormatError(f"there are no steps of {step} from {start} to {limit}")
    count = max(0, math.ceil((limit.item() - start.item()) / step.item()))
    call.trace.spend((count,), start.dtype)
    return Value.of(start + np.arange(count).astype(start.dtype) * step)


@operator("NonZero")
def _non_zero(call: Call) -> Results:
    array = call.constant(0, "input")
    call.trace.spend((array.ndim, array.size), np.dtype(np.int64))
    return Value.of(np.array(np.nonzero(array), np.int64))
