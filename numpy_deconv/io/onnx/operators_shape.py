"""Operators that give the same numbers another shape, order or type."""

from __future__ import annotations

import math

import numpy as np

from ...arrays import is_float
from ...errors import FileFormatError
from ...layers import Flatten
from ...layers.broadcasting import broadcast_shape
from ...layers.reshaping import Cast, Expand, Reshape, Transpose
from ..raw_arrays import array_dtype
from .tensors import element_code
from .tracing import Call, Results, Shape, Value, operator


def reshaped(call: Call, x: Value, shape: Shape, step: str = "") -> Value:
    """``x`` in another shape; its first axis stays the batch's where it can."""
    target = tuple(shape)
    if math.prod(target) != math.prod(x.shape):
        raise FileFormatError(
            f"a tensor of shape {x.shape} cannot become {target}: the numbers of "
            "elements differ"
        )
    if target == x.shape:
        return x
    keeps = bool(target and x.shape) and target[0] == x.shape[0]
    if keeps and len(target) == 2 and x.rank > 2:
        return call.add(Flatten(), x, shape=target, step=step)
    layer = Reshape(target[1:]) if keeps else Reshape(target, batch=False)
    return call.add(layer, x, shape=target, step=step)


@operator("Reshape")
def _reshape(call: Call) -> Results:
    x = call.input(0)
    wanted = list(call.whole_numbers(1, "shape") or ())
    zero_is_zero = bool(call.attribute("allowzero", 0))
    for axis, length in enumerate(wanted):
        if length == 0 and not zero_is_zero:
            if axis >= x.rank:
                raise FileFormatError(f"shape {wanted} copies axis {axis} of {x.shape}")
            wanted[axis] = x.shape[axis]
    if wanted.count(-1) > 1 or any(n < -1 for n in wanted):
        raise FileFormatError(f"{wanted} is no shape")
    if -1 in wanted:
        known = math.prod(n for n in wanted if n != -1)
        if not known or math.prod(x.shape) % known:
            raise FileFormatError(f"a tensor of shape {x.shape} cannot become {wanted}")
        wanted[wanted.index(-1)] = math.prod(x.shape) // known
    return reshaped(call, x, tuple(wanted))


@operator("Flatten")
def _flatten(call: Call) -> Results:
    x = call.input(0)
    axis = call.attribute("axis", 1)
    if not -x.rank <= axis <= x.rank:
        raise FileFormatError(f"axis {axis} does not exist: {x.shape}")
    axis = axis % x.rank if axis < 0 else axis
    return reshaped(call, x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


@operator("Squeeze")
def _squeeze(call: Call) -> Results:
    x = call.input(0)
    axes = call.whole_numbers(1, "axes")
    if axes is None:
        return reshaped(call, x, tuple(n for n in x.shape if n != 1))
    gone = checked_axes(axes, x.rank)
    if any(x.shape[axis] != 1 for axis in gone):
        raise FileFormatError(f"axes {axes} of {x.shape} are not all of size 1")
    return reshaped(call, x, tuple(n for a, n in enumerate(x.shape) if a not in gone))


@operator("Unsqueeze")
def _unsqueeze(call: Call) -> Results:
    x = call.input(0)
    axes = call.whole_numbers(1, "axes") or ()
    added = checked_axes(axes, x.rank + len(axes))
    sizes = iter(x.shape)
    rank = x.rank + len(added)
    shape = tuple(1 if a in added else next(sizes) for a in range(rank))
    return reshaped(call, x, shape)


def checked_axes(axes: Shape, rank: int) -> Shape:
    """Axes counted from 0, each once; FileFormatError for one that is not there."""
    if rank > 64 or not all(-rank <= axis < rank for axis in axes):
        raise FileFormatError(f"axes {axes} do not all exist: there are {rank}")
    found = tuple(axis % rank for axis in axes)
    if len(set(found)) < len(found):
        raise FileFormatError(f"axes {axes} name one axis twice")
    return found


@operator("Transpose")
def _transpose(call: Call) -> Results:
    x = call.input(0)
    order = checked_axes(call.attribute("perm", tuple(range(x.rank))[::-1]), x.rank)
    if len(order) != x.rank:
        raise FileFormatError(f"its perm {order} does not order {x.rank} axes")
    if order == tuple(range(x.rank)):
        return x
    before = call.trace.nodes.get(x.layer)
    if before is not None and isinstance(before.layer, Transpose):
        joined = tuple(before.layer.order[axis] for axis in order)
        if joined == tuple(range(x.rank)):  # the two undo each other
            shape = tuple(x.shape[axis] for axis in order)
            return Value(shape, x.dtype, None, before.inputs[0])
    return call.add(Transpose(order), x, shape=tuple(x.shape[a] for a in order))


@operator("Expand")
def _expand(call: Call) -> Results:
    x = call.input(0)
    wanted = call.whole_numbers(1, "shape") or ()
    if any(n < 0 for n in wanted):
        raise FileFormatError(f"{wanted} is no shape")
    shape = broadcast_shape(x.shape, wanted)
    return x if shape == x.shape else call.add(Expand(wanted), x, shape=shape)


@operator("Shape")
def _shape(call: Call) -> Results:
    shape = call.input(0).shape
    start, end = call.attribute("start", 0), call.attribute("end", len(shape))
    return Value.of(np.array(shape[slice(start, end)], np.int64))


@operator("Size")
def _size(call: Call) -> Results:
    return Value.of(np.array(math.prod(call.input(0).shape), np.int64))


@operator("Cast")
def _cast(call: Call) -> Results:
    code = element_code(call.attribute("to", 1), "the type it casts to")
    return _as_dtype(call, np.dtype(array_dtype(code)))


@operator("CastLike")
def _cast_like(call: Call) -> Results:
    return _as_dtype(call, call.input(1).dtype)


def _as_dtype(call: Call, dtype: np.dtype[np.generic]) -> Results:
    x = call.input(0)
    if is_float(dtype) and call.trace.floats is not None:
        dtype = call.trace.floats
    if dtype == x.dtype:
        return x
    return call.add(Cast(dtype), x, dtype=dtype)
