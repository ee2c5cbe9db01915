"""Operators of several tensors, element by element, one of which may be a constant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arrays import is_float
from ...layers import Add, Mul
from ...layers.arithmetic import (
    Div,
    Maximum,
    Minimum,
    Offset,
    Operation,
    Pow,
    Scale,
    Sub,
    Where,
)
from ...layers.broadcasting import broadcast_shape
from ...layers.comparison import Compare
from ...layers.reshaping import Expand
from .operators_shape import reshaped
from .tracing import Call, Results, Value, operator

COMPARISONS = {
    "And": "and",
    "Equal": "equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "IsNaN": "is_nan",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Not": "not",
    "Or": "or",
    "Xor": "xor",
}
"""Layers' names for the comparisons."""


def _binary(call: Call, layer: type[Operation], a: Value, b: Value) -> Value:
    """A layer of two operands, a constant one being part of it."""
    shape = broadcast_shape(a.shape, b.shape)
    if a.is_constant == b.is_constant:
        return call.add(layer(), a, b, shape=shape)
    constants, live = (a.array, b.array), b if a.is_constant else a
    return call.add(layer(constants), live, shape=shape, dtype=a.dtype)


@operator("Add", "Sum")
def _add(call: Call) -> Results:
    return _accumulated(call, _added)


@operator("Mul")
def _mul(call: Call) -> Results:
    return _accumulated(call, _multiplied)


@operator("Mean")
def _mean(call: Call) -> Results:
    total = _accumulated(call, _added)
    share = np.array(1 / len(call.inputs), total.dtype)
    return call.add(Scale(share), total)


@operator("Max", "Min")
def _extreme(call: Call) -> Results:
    layer = Maximum if call.kind == "Max" else Minimum
    return _accumulated(call, lambda c, a, b: _binary(c, layer, a, b))


def _accumulated(call: Call, combine: Any) -> Value:
    result = call.input(0)
    for index in range(1, len(call.inputs)):
        result = combine(call, result, call.input(index))
    return result


def _added(call: Call, a: Value, b: Value) -> Value:
    shape = broadcast_shape(a.shape, b.shape)
    if a.is_constant or b.is_constant:
        x, constant = (b, a) if a.is_constant else (a, b)
        return call.add(Offset(_array(constant)), x, shape=shape)
    return call.add(Add(), *_lined_up(call, a, b), shape=shape)


def _multiplied(call: Call, a: Value, b: Value) -> Value:
    shape = broadcast_shape(a.shape, b.shape)
    if a.is_constant or b.is_constant:
        x, constant = (b, a) if a.is_constant else (a, b)
        return call.add(Scale(_array(constant)), x, shape=shape)
    return call.add(Mul(), *_lined_up(call, a, b), shape=shape)


def _array(value: Value) -> Any:
    return value.array


def _lined_up(call: Call, *values: Value) -> Sequence[Value]:
    """Values of one rank and one batch, which is what the layers add and multiply."""
    rank = max(value.rank for value in values)
    first = max(value.shape[0] if value.rank == rank else 1 for value in values)
    lined = []
    for value in values:
        shape = (1,) * (rank - value.rank) + value.shape
        if value.rank < rank:
            value = reshaped(call, value, shape, "lined_up")
        if shape[0] != first:
            target = (first, *(1,) * (rank - 1))
            expanded = broadcast_shape(shape, target)
            value = call.add(Expand(target), value, shape=expanded, step="expanded")
        lined.append(value)
    return lined


@operator("Sub")
def _sub(call: Call) -> Results:
    a, b = call.input(0), call.input(1)
    if b.array is not None and not a.is_constant:
        shape = broadcast_shape(a.shape, b.shape)
        return call.add(Offset(-b.array), a, shape=shape)
    return _binary(call, Sub, a, b)


@operator("Neg")
def _neg(call: Call) -> Results:
    x = call.input(0)
    return call.add(Scale(np.array(-1, x.dtype)), x)


@operator("Div")
def _div(call: Call) -> Results:
    """By a constant it is a product: linear, as the rules of methods see it."""
    a, b = call.input(0), call.input(1)
    if b.array is None or a.is_constant or not is_float(a.dtype):
        return _binary(call, Div, a, b)
    with np.errstate(divide="ignore"):
        inverse = 1 / b.array
    return call.add(Scale(inverse), a, shape=broadcast_shape(a.shape, b.shape))


@operator("Pow")
def _pow(call: Call) -> Results:
    return _binary(call, Pow, call.input(0), call.input(1))


@operator("Where")
def _where(call: Call) -> Results:
    values = [call.input(index) for index in range(3)]
    shape = broadcast_shape(*(value.shape for value in values))
    sources = [value for value in values if not value.is_constant]
    if not sources:
        return call.add(Where(), *values, shape=shape, dtype=values[1].dtype)
    constants = tuple(value.array for value in values)
    return call.add(Where(constants), *sources, shape=shape, dtype=values[1].dtype)


@operator(*COMPARISONS)
def _comparison(call: Call) -> Results:
    values = [call.input(index) for index in range(len(call.inputs))]
    shape = broadcast_shape(*(value.shape for value in values))
    constants = tuple(value.array for value in values)
    layer = Compare(constants, COMPARISONS[call.kind])
    if all(value.is_constant for value in values):
        return Value.of(layer.value(*constants))
    sources = [value for value in values if not value.is_constant]
    return call.add(layer, *sources, shape=shape, dtype=np.dtype(bool))


@operator("Mod")
def _mod(call: Call) -> Results:
    arrays = [call.constant(i, "operand") for i in range(len(call.inputs))]
    broadcast_shape(*(array.shape for array in arrays))
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = is_float(arrays[0].dtype) or call.attribute("fmod", 0)
        return Value.of((np.fmod if whole else np.mod)(*arrays))
