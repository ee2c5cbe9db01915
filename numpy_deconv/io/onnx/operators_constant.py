"""Operators whose results, or whose choices, are known while loading."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import FileFormatError
from ...layers import Concat
from .content import Subgraph
from .operators_shape import reshaped
from .tracing import Call, Results, Value, operator, run_operator

OPERATOR = np.dtype("V8192")
"""What an operator of a subgraph is taken to cost: loops in loops turn very often."""

MOST_TURNS = 1000
"""Of one loop: each turn is layers of its own."""


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
    return _run(call, branch)


def _run(call: Call, graph: Subgraph) -> tuple[Value, ...]:
    """What a subgraph puts out; its layers become the net's."""
    call.trace.spend((len(graph.operators),), OPERATOR)
    for key, array in graph.constants.items():
        call.trace.values[key] = call.trace.constant(array)
    for node in graph.operators:
        run_operator(call.trace, node)
    return tuple(call.trace.value(output) for output in graph.outputs)


@operator("Loop")
def _loop(call: Call) -> Results:
    """Its body as often as is known by now, each turn with layers of its own."""
    body = call.attribute("body", None, Subgraph)
    limit = call.optional_constant(0, "trip count")
    going = call.optional_constant(1, "condition")
    state = [call.input(index) for index in range(2, len(call.inputs))]
    if body is None or len(body.inputs) != 2 + len(state):
        raise FileFormatError("its body does not take what it carries")
    last = None if limit is None else int(limit.reshape(()))
    if last is not None and last > MOST_TURNS:
        raise FileFormatError(f"it turns {last} times, more than {MOST_TURNS}")
    scanned: list[list[Value]] = [[] for _ in body.outputs[1 + len(state) :]]
    turn, more = 0, going is None or bool(going.any())
    while more and turn != last:
        if turn == MOST_TURNS:
            raise FileFormatError(f"it does not end after {MOST_TURNS} turns")
        given = (Value.of(np.array(turn)), Value.of(np.array(True)), *state)
        call.trace.spend((1,), OPERATOR)
        call.trace.values.update(zip(body.inputs, given, strict=True))
        condition, *made = _run(call, body)
        if condition.array is None:
            raise FileFormatError("how often it turns depends on the input of the net")
        state = made[: len(state)]
        for rows, row in zip(scanned, made[len(state) :], strict=True):
            rows.append(reshaped(call, row, (1, *row.shape), "row"))
        turn, more = turn + 1, bool(condition.array.any())
    return (*state, *(_stacked(call, rows) for rows in scanned))


def _stacked(call: Call, rows: list[Value]) -> Value | None:
    if len(rows) < 2:
        return rows[0] if rows else None
    shape = (len(rows), *rows[0].shape[1:])
    if len({row.is_constant for row in rows}) > 1:
        raise FileFormatError("some of its turns depend on the input, some do not")
    return call.add(Concat(0), *rows, shape=shape, step="rows")


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
