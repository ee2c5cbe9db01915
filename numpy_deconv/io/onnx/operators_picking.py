"""Operators that pick and place entries by indices, which have to be constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import FileFormatError
from ...layers.arithmetic import Where
from ...layers.picking import CumSum, Pick
from .operators_shape import checked_axes
from .tracing import Call, Results, Shape, Value, operator

INTEGER = np.dtype(np.int64)


def _numbered(call: Call, shape: Shape, first: int = 0) -> Array:
    """Consecutive numbers, to see where an entry goes to."""
    count = int(np.prod(shape, dtype=np.float64))
    call.trace.check_size(shape, INTEGER)
    call.trace.spend(shape, INTEGER)
    return np.arange(first, first + count).reshape(shape)


def _indices(call: Call, index: int) -> Array:
    indices = call.constant(index, "indices")
    if indices.dtype.kind not in "iu":
        raise FileFormatError(f"its indices are {indices.dtype}, not integers")
    return indices.astype(np.int64)


def _picked(call: Call, sources: Array, *operands: Value) -> Value:
    """The entries ``sources`` of the flattened operands, told sample from sample where
    each output has what it has of its own sample."""
    call.trace.check_size(sources.shape, INTEGER)
    call.trace.spend(sources.shape, INTEGER)
    layer_of = _by_sample(sources, operands)
    live = [each for each in operands if not each.is_constant] or list(operands)
    constants: tuple[Any, ...] = tuple(each.array for each in operands)
    if live[0].is_constant:
        constants = (None,) * len(operands)
    elif layer_of is not None:
        constants = tuple(None if c is None else c[:1] for c in constants)
    layer = Pick(constants, sources, False)
    if layer_of is not None:
        layer = Pick(constants, layer_of)
    return call.add(layer, *live, shape=sources.shape, dtype=operands[0].dtype)


def _by_sample(sources: Array, operands: tuple[Value, ...]) -> Array | None:
    """Where the entries of any sample come from in its own row; None if they do not."""
    samples = {each.shape[0] for each in operands if each.rank}
    if samples != {len(sources) if sources.ndim else 0} or 0 in sources.shape:
        return None
    for each in operands:
        if each.array is not None and (each.array != each.array[:1]).any():
            return None
    (count,) = samples
    lengths = [each.rank and int(np.prod(each.shape)) // count for each in operands]
    ends = np.cumsum([0, *(length * count for length in lengths)])
    which = np.searchsorted(ends, sources, "right") - 1
    inside = sources - ends[which]
    length = np.array(lengths)[which]
    own = np.arange(count).reshape(-1, *(1,) * (sources.ndim - 1))
    before = np.cumsum([0, *lengths])[which]
    places = inside % length + before
    apart = (inside // length == own).all() and (places == places[:1]).all()
    return places[0] if apart else None


@operator("GatherElements")
def _gather_elements(call: Call) -> Results:
    x, indices = call.input(0), _indices(call, 1)
    (axis,) = checked_axes((call.attribute("axis", 0),), x.rank)
    return _picked(call, np.take_along_axis(_numbered(call, x.shape), indices, axis), x)


@operator("GatherND")
def _gather_nd(call: Call) -> Results:
    x, indices = call.input(0), _indices(call, 1)
    lead = call.attribute("batch_dims", 0)
    if not 0 <= lead < min(indices.ndim, x.rank) or not indices.shape[-1]:
        raise FileFormatError(
            f"indices of shape {indices.shape} pick none of {x.shape}"
        )
    beside = np.indices(indices.shape[:-1], sparse=True)[:lead]
    where = (*beside, *np.moveaxis(indices, -1, 0))
    return _picked(call, _numbered(call, x.shape)[where], x)


@operator("ScatterElements")
def _scatter_elements(call: Call) -> Results:
    _refuse_reduction(call)
    x, indices, updates = call.input(0), _indices(call, 1), call.input(2)
    (axis,) = checked_axes((call.attribute("axis", 0),), x.rank)
    sources = _numbered(call, x.shape)
    placed = _numbered(call, updates.shape, sources.size)
    np.put_along_axis(sources, indices, placed, axis)
    return _picked(call, sources, x, updates)


@operator("ScatterND")
def _scatter_nd(call: Call) -> Results:
    _refuse_reduction(call)
    x, indices, updates = call.input(0), _indices(call, 1), call.input(2)
    if not indices.ndim or not 0 < indices.shape[-1] <= x.rank:
        raise FileFormatError(
            f"indices of shape {indices.shape} name none of {x.shape}"
        )
    if updates.shape != (*indices.shape[:-1], *x.shape[indices.shape[-1] :]):
        raise FileFormatError(
            f"updates of shape {updates.shape} do not fit indices of {indices.shape} "
            f"in {x.shape}"
        )
    sources = _numbered(call, x.shape)
    placed = _numbered(call, updates.shape, sources.size)
    sources[tuple(np.moveaxis(indices, -1, 0))] = placed
    return _picked(call, sources, x, updates)


def _refuse_reduction(call: Call) -> None:
    how = call.attribute("reduction", "none")
    if how != "none":
        raise FileFormatError(f"its reduction is {how!r}, and only 'none' is supported")


@operator("CumSum")
def _cum_sum(call: Call) -> Results:
    x, axes = call.input(0), call.whole_numbers(1, "axis") or ()
    if len(axes) != 1:
        raise FileFormatError(f"its axis is {axes}, not one number")
    (axis,) = checked_axes(axes, x.rank)
    exclusive, reverse = call.attribute("exclusive", 0), call.attribute("reverse", 0)
    return call.add(CumSum(axis, bool(exclusive), bool(reverse)), x)


@operator("Trilu")
def _trilu(call: Call) -> Results:
    """The upper or lower triangle of matrices; 0 in the other, whatever was there."""
    x, diagonal = call.input(0), call.whole_numbers(1, "k") or (0,)
    if x.rank < 2:
        raise FileFormatError(f"an input of shape {x.shape} is no matrix")
    call.trace.spend(x.shape[-2:], np.dtype(bool))
    offset = max(-x.shape[-2], min(x.shape[-1], diagonal[0]))
    steps = np.arange(x.shape[-1]) - np.arange(x.shape[-2])[:, None]
    kept = steps >= offset if call.attribute("upper", 1) else steps <= offset
    zero = np.zeros((), x.dtype)
    if x.array is not None:
        return Value.of(np.where(kept, x.array, zero))
    return call.add(Where((kept, None, zero)), x)


@operator("OneHot")
def _one_hot(call: Call) -> Results:
    indices, values = call.constant(0, "indices"), call.constant(2, "values")
    (depth,) = call.constant(1, "depth").reshape(-1).astype(np.int64).tolist()
    rank = indices.ndim + 1
    (axis,) = checked_axes((call.attribute("axis", -1),), rank)
    if depth < 1 or values.shape != (2,):
        raise FileFormatError(f"a depth of {depth} with {values.size} values")
    call.trace.spend((depth, *indices.shape), values.dtype)
    inside = (indices >= -depth) & (indices < depth)
    place = np.expand_dims(np.where(inside, indices % depth, depth), axis)
    lined = np.arange(depth).reshape(-1, *(1,) * (rank - 1 - axis))
    return Value.of(np.where(place == lined, values[1], values[0]))


@operator("EyeLike")
def _eye_like(call: Call) -> Results:
    from ..raw_arrays import array_dtype
    from .tensors import element_code

    x, code = call.input(0), call.attribute("dtype", 0)
    if x.rank != 2:
        raise FileFormatError(f"an input of shape {x.shape} is no matrix")
    call.trace.spend(x.shape, x.dtype)
    dtype = array_dtype(element_code(code, "what it makes")) if code else x.dtype
    rows, columns = x.shape
    eye = np.eye(rows, columns, call.attribute("k", 0), dtype=np.dtype(dtype))
    return call.trace.constant(eye)
