"""``x @ w``: the rows of ``w``, each times its number, added up.

That is the way back through a fully connected layer. It is bound by reading the weight,
and reads it in long runs: some columns of a few rows, then of the next few.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from .arguments import Fixed
from .compiled import cgutils, compiled, intrinsic, types
from .launch import Launch
from .vectors import I64, Code, address_of, lanes_of

Array = np.ndarray[Any, Any]

COLUMNS = 1024  # of w that a task adds up
_ONE, _TWO, _EIGHT = (0,), (0,) * 2, (0,) * 8  # lengths, for compiling
#: Operations below which one thread is enough.
ALONE = 1 << 20


class Geometry(NamedTuple):
    """Sizes of one product."""

    rows: int
    outs: int
    ins: int
    lanes: int


@lru_cache(256)
def _launch(rows: int, outs: int, ins: int, dtype: np.dtype[Any]) -> Launch:
    g = Geometry(rows, outs, ins, lanes_of(dtype))
    alone = rows * outs * ins < ALONE
    return Launch(_columns, -(-outs // COLUMNS), (dtype,) * 4, Fixed(g), alone=alone)


def added(x: Array, w: Array, bias: Array, y: Array) -> None:
    """Fill ``y (rows, outs)`` from ``x (rows, ins)`` and ``w (ins, outs)``."""
    (rows, ins), outs = x.shape, w.shape[1]
    launch = _launch(rows, outs, ins, x.dtype)
    launch(x.reshape(-1), w.reshape(-1), bias, y.reshape(-1))


@compiled
def _columns(start, stop, x, w, bias, y, g):  # type: ignore[no-untyped-def]
    """Some columns of the result per task."""
    for task in range(start, stop):
        first, last = task * COLUMNS, min((task + 1) * COLUMNS, g.outs)
        count = (last - first) // g.lanes * g.lanes
        for r in range(g.rows):
            for c in range(first, last):
                y[np.uintp(r * g.outs + c)] = bias[np.uintp(c)]
        i = 0
        while i < g.ins:
            r, depth = 0, 8 if i + 8 <= g.ins else 1
            while r < g.rows:
                at, to, here = r * g.ins + i, r * g.outs + first, i * g.outs + first
                several = 2 if r + 2 <= g.rows else 1
                if depth == 8 and several == 2:
                    _add(_TWO, _EIGHT, x, at, g.ins, w, here, g.outs, y, to, count)
                elif depth == 8:
                    _add(_ONE, _EIGHT, x, at, g.ins, w, here, g.outs, y, to, count)
                else:
                    several = 1
                    _add(_ONE, _ONE, x, at, g.ins, w, here, g.outs, y, to, count)
                for k in range(r, r + several):
                    for c in range(first + count, last):
                        total = y[k * g.outs + c]
                        for j in range(i, i + depth):
                            total += x[k * g.ins + j] * w[j * g.outs + c]
                        y[k * g.outs + c] = total
                r += several
            i += depth


@intrinsic
def _add(typingctx, rows, depth, x, x_at, ins, w, w_at, outs, y, y_at, count):  # type: ignore[no-untyped-def]
    """Add ``depth`` rows of w times their numbers to ``rows`` rows of y (the lengths of
    two tuples), in ``count`` columns, whole vectors of them."""
    i = types.int64
    signature = types.void(rows, depth, x, i, i, w, i, i, y, i, i)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, y.dtype)

        def address(array: int, at: int) -> Any:
            base = address_of(context, builder, sig.args[array], args[array])
            return builder.add(base, code.bytes_of(args[at]))

        def steps(base: Any, step: Any, length: int) -> list[Any]:
            places = [base]
            while len(places) < length:
                places.append(builder.add(places[-1], step))
            return places

        one = ir.Constant(I64, code.size)
        x_rows = steps(address(2, 3), code.bytes_of(args[4]), rows.count)
        numbers = [
            [code.spread(code.load_one(p)) for p in steps(base, one, depth.count)]
            for base in x_rows
        ]
        pitch = code.bytes_of(args[7])
        w_rows = steps(address(5, 6), pitch, depth.count)
        y_rows = steps(address(8, 9), pitch, rows.count)
        stop, step = code.bytes_of(args[10]), ir.Constant(I64, code.lanes * code.size)
        with cgutils.for_range_slice(
            builder, ir.Constant(I64, 0), stop, step, intp=I64
        ) as (offset, _):
            places = [builder.add(base, offset) for base in y_rows]
            totals = [code.load(place) for place in places]
            for k, base in enumerate(w_rows):
                weight = code.load(builder.add(base, offset))
                totals = [
                    code.multiply_add(weight, row[k], total)
                    for row, total in zip(numbers, totals, strict=True)
                ]
            for total, place in zip(totals, places, strict=True):
                code.store(total, place)
        return context.get_dummy_value()

    return signature, codegen
