"""One filter per channel: vectors of channels, a few neighbouring pixels at a time.

The same gathered form as the dense product (``y[j] = sum over e of x[step*j + e] *
w[e]``), without its padded copy: taps beyond the border are left out of the list of
taps of the pixels concerned.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from .compiled import compiled, intrinsic, types
from .ending import mask
from .vectors import I64, Code, address_of, lanes_of

Array = np.ndarray[Any, Any]

#: Pixels per step: each tap's weights are loaded once for all of them.
PIXELS = 8
#: Vectors of channels of a pixel at the border, which has taps of its own.
VECTORS = 4
_ONE, _MANY = (0,), (0,) * PIXELS  # a tuple's length is known when compiling
_WIDE = (0,) * VECTORS
#: Multiplications below which sharing the work costs more than it brings.
ALONE = 1 << 18


@intrinsic
def _pixels(  # type: ignore[no-untyped-def]
    typingctx, count, wide, x, x_at, x_pixel, x_offsets, w, w_offsets, taps,
    y, y_at, y_pixel, start, channel, low, high,
):  # fmt: skip
    """``wide`` vectors of channels of ``count`` pixels (the lengths of two tuples)."""
    i = types.int64
    element = y.dtype
    signature = types.void(
        count, wide, x, i, i, x_offsets, w, w_offsets, i, y, i, i, start, i, element,
        element,
    )  # fmt: skip

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, element)
        kinds = dict(enumerate(sig.args))

        def address(array: int, *offsets: int) -> Any:
            base = address_of(context, builder, kinds[array], args[array])
            for offset in offsets:
                base = builder.add(base, code.bytes_of(args[offset]))
            return base

        vectors = [
            ir.Constant(I64, n * code.lanes * code.size) for n in range(wide.count)
        ]
        x_base, w_base = address(2, 3, 13), address(6, 13)
        x_step, y_step = code.bytes_of(args[4]), code.bytes_of(args[11])
        x_list, w_list = address(5), address(7)
        first = [code.load(builder.add(address(12, 13), v)) for v in vectors]
        before = builder.block
        loop = builder.append_basic_block("taps")
        end = builder.append_basic_block("summed")
        builder.cbranch(
            builder.icmp_signed(">", args[8], ir.Constant(I64, 0)), loop, end
        )
        builder.position_at_end(loop)
        t = builder.phi(I64)
        t.add_incoming(ir.Constant(I64, 0), before)
        sums = [[builder.phi(code.vector) for _ in vectors] for _ in range(count.count)]
        for pixel in sums:
            for phi, value in zip(pixel, first, strict=True):
                phi.add_incoming(value, before)
        index = builder.mul(t, ir.Constant(I64, 8))
        there = code.bytes_of(
            builder.load(code.pointer(builder.add(x_list, index), I64))
        )
        which = code.bytes_of(
            builder.load(code.pointer(builder.add(w_list, index), I64))
        )
        w_at = builder.add(w_base, which)
        weights = [code.load(builder.add(w_at, v)) for v in vectors]
        at = builder.add(x_base, there)
        after = []
        for pixel in sums:
            values = [code.load(builder.add(at, v)) for v in vectors]
            terms = zip(values, weights, pixel, strict=True)
            after.append([code.multiply_add(*each) for each in terms])
            at = builder.add(at, x_step)
        following = builder.add(t, ir.Constant(I64, 1))
        t.add_incoming(following, loop)
        for pixel, new in zip(sums, after, strict=True):
            for phi, value in zip(pixel, new, strict=True):
                phi.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", following, args[8]), loop, end)
        builder.position_at_end(end)
        results = [[builder.phi(code.vector) for _ in vectors] for _ in after]
        low_, high_ = code.spread(args[14]), code.spread(args[15])
        to = address(9, 10, 13)
        for pixel, new in zip(results, after, strict=True):
            for result, start_, value in zip(pixel, first, new, strict=True):
                result.add_incoming(start_, before)
                result.add_incoming(value, loop)
        for pixel in results:
            for result, v in zip(pixel, vectors, strict=True):
                code.store(code.clipped(result, low_, high_), builder.add(to, v))
            to = builder.add(to, y_step)
        return context.get_dummy_value()

    return signature, codegen


def by_tap(weight: Array) -> Array:
    """``(C, 1, *kernel)`` as ``(taps, C)``."""
    return np.ascontiguousarray(weight.reshape(len(weight), -1).T)


class Geometry(NamedTuple):
    """Sizes and strides of one problem, in elements, for the kernel."""

    depth: int
    height: int
    width: int
    channels: int
    step_z: int
    step_y: int
    step_x: int
    outputs_z: int
    down: int
    across: int
    taps_z: int
    taps_y: int
    taps_x: int
    y_first: int
    y_sample: int
    y_z: int
    y_y: int
    y_x: int
    lanes: int


def suits(channels: int, dtype: Any) -> bool:
    """Whether there is at least one whole vector of channels."""
    return channels >= lanes_of(np.dtype(dtype))


@compiled
def rows(  # type: ignore[no-untyped-def]
    start, stop, lists, x, w, bias, y, where, offsets, g, low, high, masked
):
    """One row of outputs per task."""
    half = lists.size // 2
    x_list, w_list = lists[:half], lists[half:]
    along = offsets[g.taps_z + g.taps_y :]
    # pixels whose taps along the row are all inside
    first = min(g.across, max(0, (g.step_x - 1 - along[0]) // g.step_x))
    last = (g.width - 1 - along[g.taps_x - 1]) // g.step_x + 1
    last = max(first, min(g.across, last))
    for task in range(start, stop):
        n, rest = divmod(task, g.outputs_z * g.down)
        z, row = divmod(rest, g.down)
        to = g.y_first + n * g.y_sample + z * g.y_z + row * g.y_y
        base = n * g.depth * g.height * g.width * g.channels
        listed, taps, j = False, 0, 0
        while j < g.across:
            inside = first <= j < last
            if not (inside and listed):
                taps = _list(z, row, j, x_list, w_list, offsets, g)
                listed = inside
            many = inside and j + PIXELS <= last
            at = base + j * g.step_x * g.channels
            channel = 0
            while channel < g.channels:
                # the last vector may overlap the one before, with the same results
                c = min(channel, g.channels - g.lanes)
                if many:
                    _pixels(
                        _MANY, _ONE, x, at, g.step_x * g.channels, x_list, w, w_list,
                        taps, y, to + j * g.y_x, g.y_x, bias, c, low, high,
                    )  # fmt: skip
                elif channel + VECTORS * g.lanes <= g.channels:
                    _pixels(
                        _ONE, _WIDE, x, at, g.step_x * g.channels, x_list, w, w_list,
                        taps, y, to + j * g.y_x, g.y_x, bias, c, low, high,
                    )  # fmt: skip
                    channel += (VECTORS - 1) * g.lanes
                else:
                    _pixels(
                        _ONE, _ONE, x, at, g.step_x * g.channels, x_list, w, w_list,
                        taps, y, to + j * g.y_x, g.y_x, bias, c, low, high,
                    )  # fmt: skip
                channel += g.lanes
            j += PIXELS if many else 1
        if masked:
            mask(y, to, g.y_x, where, g.across, g.channels)


@compiled
def _list(z, row, j, x_list, w_list, offsets, g):  # type: ignore[no-untyped-def]
    """Write down where the taps of one pixel are, those inside; how many."""
    taps = 0
    for a in range(g.taps_z):
        at_z = z * g.step_z + offsets[a]
        if at_z < 0 or at_z >= g.depth:
            continue
        for b in range(g.taps_y):
            at_y = row * g.step_y + offsets[g.taps_z + b]
            if at_y < 0 or at_y >= g.height:
                continue
            for c in range(g.taps_x):
                ahead = offsets[g.taps_z + g.taps_y + c]
                if 0 <= j * g.step_x + ahead < g.width:
                    x_list[taps] = (
                        (at_z * g.height + at_y) * g.width + ahead
                    ) * g.channels
                    w_list[taps] = ((a * g.taps_y + b) * g.taps_x + c) * g.channels
                    taps += 1
    return taps
