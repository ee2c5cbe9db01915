"""The largest value of a window and where it stands, in vectors along the channels.

The outcome of a comparison takes long to arrive where vectors have masks of their own.
So the largest value is not chosen by it: a maximum is, of two numbers, and only the
winner waits for a comparison, which nothing else waits for. A maximum does not see a
NaN, but a sum does: what may have met one is done again by :data:`first_largest`.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir

from .channel_vectors import NARROW, TOGETHER, Walk
from .compiled import intrinsic, types
from .vectors import I64


def _largest(vectors: int, lanes: int) -> Any:
    """The intrinsic for so many vectors of so many lanes, 0 for whole registers.

    It returns whether there may be a NaN among the values; then what it stored may be
    wrong.
    """

    @intrinsic
    def largest(  # type: ignore[no-untyped-def]
        typingctx, x, x_at, rows, r0, r1, columns, t0, t1, channels, y, y_at,
        switches, streamed,
    ):  # fmt: skip
        i8 = types.int64
        signature = types.boolean(
            x, i8, rows, i8, i8, columns, i8, i8, i8, y, i8, switches, i8
        )

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            walk = Walk(context, builder, sig, args, vectors, lanes)
            # winners are kept in integers as wide as the values: one mask serves both
            index = ir.VectorType(ir.IntType(8 * walk.size), walk.lanes)
            wide = ir.VectorType(I64, walk.lanes)
            lowest, nothing = walk.every(-math.inf), walk.every(0.0)
            place = builder.add(walk.entry(2, args[3]), walk.entry(5, args[6]))
            here = walk.in_every_lane(place, index)
            best, total, winner = (
                walk.slots_of(each) for each in (lowest, nothing, here)
            )
            with walk.rows() as r:
                row = walk.entry(2, r)
                with walk.columns() as t:
                    place = builder.add(row, walk.entry(5, t))
                    here = walk.in_every_lane(place, index)
                    for v, value in enumerate(walk.sources(place)):
                        old = builder.load(best[v])
                        wins = builder.fcmp_ordered(">", value, old)
                        builder.store(builder.select(wins, value, old), best[v])
                        old = builder.load(winner[v])
                        builder.store(builder.select(wins, here, old), winner[v])
                        old = builder.load(total[v])
                        builder.store(builder.fadd(old, value), total[v])
            values, found, sums = (
                [builder.load(slot) for slot in each] for each in (best, winner, total)
            )
            if index.element != I64:
                found = [builder.sext(each, wide) for each in found]
            walk.put(values, 9, walk.size, ir.Constant(I64, 0))
            walk.put(found, 11, 8, args[12])
            return _any_nan(builder, sums)

        return signature, codegen

    return largest


def _any_nan(builder: Any, vectors: list[Any]) -> Any:
    pairs = zip(vectors[::2], vectors[1::2] or vectors, strict=True)
    found = None
    for one, other in pairs:
        strange = builder.fcmp_unordered("uno", one, other)
        found = strange if found is None else builder.or_(found, strange)
    bits = ir.IntType(found.type.count)
    return builder.icmp_unsigned("!=", builder.bitcast(found, bits), bits(0))


@intrinsic
def first_largest(  # type: ignore[no-untyped-def]
    typingctx, x, x_at, rows, r0, r1, columns, t0, t1, channels, y, y_at, switches
):
    """The same for one channel and any values: the first NaN is the largest."""
    i8 = types.int64
    signature = types.void(x, i8, rows, i8, i8, columns, i8, i8, i8, y, i8, switches)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        walk = Walk(context, builder, sig, args, 1, 1)
        place = builder.add(walk.entry(2, args[3]), walk.entry(5, args[6]))
        here = walk.in_every_lane(place, ir.VectorType(I64, 1))
        (best,), (winner,) = map(walk.slots_of, (walk.sources(place)[0], here))
        with walk.rows() as r:
            row = walk.entry(2, r)
            with walk.columns() as t:
                place = builder.add(row, walk.entry(5, t))
                here = walk.in_every_lane(place, here.type)
                value, old = walk.sources(place)[0], builder.load(best)
                # "not <=" lets a NaN in, and none is ever replaced
                wins = builder.and_(
                    builder.fcmp_unordered(">", value, old),
                    builder.fcmp_ordered("ord", old, old),
                )
                builder.store(builder.select(wins, value, old), best)
                old = builder.load(winner)
                builder.store(builder.select(wins, here, old), winner)
        walk.put([builder.load(best)], 9, walk.size, I64(0))
        walk.put([builder.load(winner)], 11, 8, I64(0))
        return context.get_dummy_value()

    return signature, codegen


largest_4, largest_1 = _largest(TOGETHER, 0), _largest(1, 0)
largest_narrow = _largest(1, NARROW)
