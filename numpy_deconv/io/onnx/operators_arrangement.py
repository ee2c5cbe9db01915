"""Operators that join, cut, pick, extend and rearrange."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import FileFormatError
from ...layers import Concat, Pad
from ...layers.extend import Extend
from ...layers.reshaping import Gather, Slice
from ...layers.space_depth import DepthToSpace, SpaceToDepth
from .operators_shape import checked_axes
from .tracing import Call, Results, Shape, Value, operator

PAD_MODES = {
    "constant": "constant",
    "reflect": "reflect",
    "edge": "replicate",
    "wrap": "circular",
}


def _axis(call: Call, x: Value, default: int) -> int:
    (axis,) = checked_axes((call.attribute("axis", default),), x.rank)
    return axis


@operator("Concat")
def _concat(call: Call) -> Results:
    values = [call.input(index) for index in range(len(call.inputs))]
    axis = _axis(call, call.input(0), 1)
    shapes = {(*v.shape[:axis], -1, *v.shape[axis + 1 :]) for v in values}
    if len(shapes) > 1 or len({v.rank for v in values}) > 1:
        listed = ", ".join(str(v.shape) for v in values)
        raise FileFormatError(f"shapes {listed} cannot be joined along axis {axis}")
    length = sum(v.shape[axis] for v in values)
    shape = (*values[0].shape[:axis], length, *values[0].shape[axis + 1 :])
    live = [v for v in values if not v.is_constant]
    if live and len(live) < len(values):
        values = [call.as_layer(v, live[0]) for v in values]
    if len(values) == 1:
        return values[0]
    return call.add(Concat(axis), *values, shape=shape)


@operator("Split")
def _split(call: Call) -> Results:
    """One slice per output; sizes were an attribute until operator set 13."""
    x = call.input(0)
    axis = _axis(call, x, 0)
    length, parts = x.shape[axis], len(call.wanted)
    sizes = call.whole_numbers(1, "split")
    if sizes is None:
        each = -(-length // max(1, call.attribute("num_outputs", parts)))
        sizes = tuple(min(each, length - each * i) for i in range(parts))
    if sum(sizes) != length or any(n < 0 for n in sizes) or len(sizes) != parts:
        raise FileFormatError(f"{sizes} do not share out the {length} of axis {axis}")
    found, start = [], 0
    for part, size in enumerate(sizes):
        found.append(
            _sliced(call, x, {axis: slice(start, start + size)}, f"part{part}")
        )
        start += size
    return tuple(found)


def _sliced(call: Call, x: Value, cuts: dict[int, slice], step: str = "") -> Value:
    """``x`` cut along some axes; what is not cut stays open to any size."""
    slices, shape = [], []
    for axis, length in enumerate(x.shape):
        cut = cuts.get(axis, slice(None))
        kept = range(*cut.indices(length))
        slices.append(slice(None) if kept == range(length) else cut)
        shape.append(len(kept))
    while slices and slices[-1] == slice(None):
        slices.pop()
    if not slices:
        return x
    return call.add(Slice(tuple(slices)), x, shape=tuple(shape), step=step)


@operator("Slice")
def _slice(call: Call) -> Results:
    """Bounds were attributes until operator set 10, and are inputs since."""
    x = call.input(0)
    starts = call.whole_numbers(1, "starts") or ()
    ends = call.whole_numbers(2, "ends") or ()
    axes = call.whole_numbers(3, "axes")
    steps = call.whole_numbers(4, "steps") or (1,) * len(starts)
    chosen = checked_axes(tuple(range(len(starts))) if axes is None else axes, x.rank)
    if not len(starts) == len(ends) == len(chosen) == len(steps) or 0 in steps:
        raise FileFormatError(f"its starts {starts}, ends {ends}, steps {steps} differ")
    bounds = zip(chosen, starts, ends, steps, strict=True)
    return _sliced(call, x, {axis: slice(*cut) for axis, *cut in bounds})


@operator("Gather")
def _gather(call: Call) -> Results:
    x = call.input(0)
    indices = call.constant(1, "indices")
    axis = _axis(call, x, 0)
    if indices.dtype.kind not in "iu":
        raise FileFormatError(f"its indices are {indices.dtype}, not integers")
    length = x.shape[axis]
    if indices.size and not -length <= indices.min() <= indices.max() < length:
        raise FileFormatError(
            f"its indices reach from {indices.min()} to {indices.max()}, but axis "
            f"{axis} has {length} entries"
        )
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    return call.add(Gather(indices, axis), x, shape=shape)


@operator("Tile")
def _tile(call: Call) -> Results:
    x = call.input(0)
    repeats = call.whole_numbers(1, "repeats") or ()
    if len(repeats) != x.rank or any(n < 1 for n in repeats):
        raise FileFormatError(f"its repeats {repeats} do not fit {x.shape}")
    shape = list(x.shape)
    for axis, count in enumerate(repeats):
        if count > 1:
            shape[axis] *= count
            call.trace.check_size(tuple(shape), x.dtype)
            call.trace.spend((shape[axis],), np.dtype(np.int64))
            indices = np.arange(shape[axis]) % x.shape[axis]
            x = call.add(Gather(indices, axis), x, shape=tuple(shape), step=f"{axis}")
    return x


@operator("Pad")
def _pad(call: Call) -> Results:
    """Widths were an attribute until operator set 11, and are an input since."""
    x = call.input(0)
    widths = call.whole_numbers(1, "pads") or ()
    chosen = call.whole_numbers(3, "axes")
    axes = checked_axes(tuple(range(x.rank)) if chosen is None else chosen, x.rank)
    if len(widths) != 2 * len(axes):
        raise FileFormatError(f"its pads {widths} are not two per axis")
    pairs = [(0, 0)] * x.rank
    for place, axis in enumerate(axes):
        pairs[axis] = (widths[place], widths[place + len(axes)])
    given = call.optional_constant(2, "value")
    value = call.attribute("value", 0.0)
    if given is not None and given.size:
        value = given.reshape(-1)[0].item()
    mode = PAD_MODES.get(call.attribute("mode", "constant"))
    if mode is None:
        raise FileFormatError(f"its mode {call.attribute('mode', '')!r} is not known")
    cuts = {
        axis: slice(max(0, -begin), max(0, x.shape[axis] + min(0, end)))
        for axis, (begin, end) in enumerate(pairs)
    }
    x = _sliced(call, x, cuts, "cropped")
    wide = tuple((max(0, begin), max(0, end)) for begin, end in pairs)
    return _extended(call, x, wide, mode, value)


def _extended(
    call: Call, x: Value, wide: tuple[tuple[int, int], ...], mode: str, value: Any
) -> Value:
    shape = tuple(n + sum(ends) for n, ends in zip(x.shape, wide, strict=True))
    if shape == x.shape:
        return x
    limit = {"reflect": -1, "circular": 0}.get(mode)
    for length, ends in zip(x.shape, wide, strict=True):
        if limit is not None and any(ends) and max(ends) > max(0, length + limit):
            raise FileFormatError(f"pads {ends} need more than the {length} there are")
    spatial = 3 <= x.rank <= 5 and not any(map(any, wide[:2]))
    layer = Pad(wide[2:], mode, value) if spatial else Extend(wide, mode, value)
    return call.add(layer, x, shape=shape)


_BLOCKS: dict[str, Callable[[int, bool], Any]] = {
    "DepthToSpace": DepthToSpace,
    "SpaceToDepth": SpaceToDepth,
}


@operator(*_BLOCKS)
def _blocks(call: Call) -> Results:
    x = call.input(0)
    block = call.attribute("blocksize", 0)
    mode = call.attribute("mode", "DCR")
    if x.rank != 4 or block < 1 or mode not in ("DCR", "CRD"):
        raise FileFormatError(f"blocks of {block}, mode {mode}, do not fit {x.shape}")
    layer = _BLOCKS[call.kind](block, mode == "CRD")
    return call.add(layer, x, shape=_block_shape(call.kind, x.shape, block))


def _block_shape(kind: str, shape: Shape, block: int) -> Shape:
    n, c, h, w = shape
    if kind == "DepthToSpace":
        if c % (block * block):
            raise FileFormatError(f"{c} channels are no blocks of {block} x {block}")
        return n, c // (block * block), h * block, w * block
    if h % block or w % block:
        raise FileFormatError(f"{h} x {w} is not made of blocks of {block}")
    return n, c * block * block, h // block, w // block
