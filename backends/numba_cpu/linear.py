"""``x @ weight.T + bias`` without packing the weight: it is read once, as it lies.

A fully connected layer is bound by reading its weight, so neither layout is turned
into the other. A weight with contiguous rows is met by dot products along them, or, by
many rows of ``x``, as the factor whose elements are read one by one (``batched``). Of a
transposed one (the way back down) rows are added up (``added``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from . import arena, batched
from .added import added
from .compiled import compiled, intrinsic, types
from .team import spread
from .vectors import I64, Code, lanes_of

Array = np.ndarray[Any, Any]

SIDE = 4  # rows of x and of the weight that are multiplied with each other at a time
_ONE, _MANY = (0,), (0,) * SIDE  # a tuple's length is known when compiling


def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """``(..., out)`` from ``x (..., in)`` and ``weight (out, in)``."""
    rows = np.ascontiguousarray(x.reshape(-1, x.shape[-1]))
    outs = len(weight)
    y = arena.take((len(rows), outs), x.dtype)
    start = np.zeros(outs, x.dtype) if bias is None else np.ascontiguousarray(bias)
    if weight.T.flags.c_contiguous and not weight.flags.c_contiguous:
        added(rows, weight.T, start, y)
    elif weight.flags.c_contiguous and batched.suits(*rows.shape, outs):
        batched.product(rows, weight, start, y)
    else:
        spread(
            _rows, -(-outs // SIDE), rows, np.ascontiguousarray(weight), start, y,
            lanes_of(x.dtype), alone=rows.size * outs < 1 << 20,
        )  # fmt: skip
    return y.reshape(*x.shape[:-1], outs)


@compiled
def _rows(start, stop, x, w, bias, y, lanes):  # type: ignore[no-untyped-def]
    ins = x.shape[1]
    whole = ins // lanes * lanes
    for task in range(start, stop):
        o = task * SIDE
        for r in range(0, len(x), SIDE):
            if whole and o + SIDE <= len(w) and r + SIDE <= len(x):
                _dots(_MANY, x, r, w, o, y, whole)
            elif whole and o + SIDE <= len(w):
                for i in range(r, len(x)):
                    _dots(_ONE, x, i, w, o, y, whole)
            else:
                for i in range(r, min(r + SIDE, len(x))):
                    for k in range(o, min(o + SIDE, len(w))):
                        total = x.dtype.type(0)
                        for c in range(whole):
                            total += x[i, c] * w[k, c]
                        y[i, k] = total
            for i in range(r, min(r + SIDE, len(x))):
                for k in range(o, min(o + SIDE, len(w))):
                    total = y[i, k] if whole else x.dtype.type(0)
                    for c in range(whole, ins):
                        total += x[i, c] * w[k, c]
                    y[i, k] = total + bias[k]


@intrinsic
def _dots(typingctx, count, x, row, w, first, y, whole):  # type: ignore[no-untyped-def]
    """Dot products of ``count`` rows of x with ``SIDE`` rows of w, into y."""
    i = types.int64
    signature = types.void(count, x, i, w, i, y, i)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, y.dtype)

        def rows_of(kind: Any, array: Any, at: Any, n: int) -> list[Any]:
            made = context.make_array(kind)(context, builder, array)
            pitch = builder.extract_value(made.strides, 0)
            base = builder.add(builder.ptrtoint(made.data, I64), builder.mul(at, pitch))
            return [
                builder.add(base, builder.mul(pitch, ir.Constant(I64, r)))
                for r in range(n)
            ]

        xs = rows_of(x, args[1], args[2], count.count)
        ws = rows_of(w, args[3], args[4], SIDE)
        ys = rows_of(y, args[5], args[2], count.count)
        before = builder.block
        loop, end = builder.append_basic_block("dot"), builder.append_basic_block("end")
        last = code.bytes_of(args[6])
        builder.branch(loop)
        builder.position_at_end(loop)
        offset = builder.phi(I64)
        offset.add_incoming(ir.Constant(I64, 0), before)
        sums = [[builder.phi(code.vector) for _ in ws] for _ in xs]
        right = [code.load(builder.add(p, offset)) for p in ws]
        after = []
        for p, line in zip(xs, sums, strict=True):
            left = code.load(builder.add(p, offset))
            after.append(
                [
                    code.multiply_add(left, v, s)
                    for v, s in zip(right, line, strict=True)
                ]
            )
        following = builder.add(offset, ir.Constant(I64, code.lanes * code.size))
        offset.add_incoming(following, loop)
        for line, new in zip(sums, after, strict=True):
            for phi, value in zip(line, new, strict=True):
                phi.add_incoming(code.number(0.0), before)
                phi.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", following, last), loop, end)
        builder.position_at_end(end)
        for base, line in zip(ys, after, strict=True):
            start = builder.add(base, code.bytes_of(args[4]))
            for k, value in enumerate(line):
                at = builder.add(start, ir.Constant(I64, k * code.size))
                builder.store(code.total(value), code.pointer(at, code.element))
        return context.get_dummy_value()

    return signature, codegen
