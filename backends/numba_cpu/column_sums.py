"""Sums of a few neighbouring numbers from places that a table tells, pixel by pixel."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .compiled import cgutils, intrinsic, types
from .vectors import I64, Code, address_of

#: Lanes of a narrow vector.
NARROW = 4


class _Narrow(Code):
    """Code for short vectors."""

    def __init__(self, builder: Any, element: types.Float):
        super().__init__(builder, element)
        self.lanes = NARROW
        self.vector = ir.VectorType(self.element, NARROW)


@intrinsic
def sums(  # type: ignore[no-untyped-def]
    typingctx, p, p_at, p_pixel, taps, count, start, y, y_at, pixels, channels, low,
    high,
):  # fmt: skip
    """``y[j, :] = clip(start + sum over t < count of p[j*p_pixel + taps[t] + :])``.

    ``channels``, up to ``NARROW``, of each of so many pixels; of ``p`` and ``start``
    that many are read for each, whatever lies beyond the channels.
    """
    i, element = types.int64, y.dtype
    signature = types.void(p, i, i, taps, i, start, y, i, i, i, element, element)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = _Narrow(builder, element)

        def base(array: int, at: Any = None) -> Any:
            address = address_of(context, builder, sig.args[array], args[array])
            return address if at is None else builder.add(address, code.bytes_of(at))

        table, first = base(3), code.load(base(5))
        low_, high_ = code.spread(args[10]), code.spread(args[11])
        end = builder.mul(args[8], args[9])
        source, target = base(0, args[1]), base(6, args[7])
        total = cgutils.alloca_once(builder, code.vector)
        with cgutils.for_range(builder, args[8], intp=I64) as pixel:
            builder.store(first, total)
            here = code.bytes_of(builder.mul(pixel.index, args[2]))
            here = builder.add(source, here)
            with cgutils.for_range(builder, args[4], intp=I64) as tap:
                entry = builder.add(table, builder.mul(tap.index, I64(8)))
                offset = builder.load(code.pointer(entry, I64))
                value = code.load(builder.add(here, code.bytes_of(offset)))
                builder.store(builder.fadd(builder.load(total), value), total)
            result = code.clipped(builder.load(total), low_, high_)
            at = builder.mul(pixel.index, args[9])
            there = builder.add(target, code.bytes_of(at))
            # beyond the channels lies what the next pixels overwrite, but for the last
            inside = builder.icmp_signed("<=", builder.add(at, I64(NARROW)), end)
            with builder.if_else(inside) as (then, otherwise):
                with then:
                    code.store(result, there)
                with otherwise:
                    _store_some(code, result, there, args[9])
        return context.get_dummy_value()

    return signature, codegen


def _store_some(code: Code, vector: Any, address: Any, count: Any) -> None:
    """The first ``count`` lanes, one by one."""
    builder = code.builder
    for lane in range(NARROW):
        wanted = builder.icmp_signed("<", I64(lane), count)
        with builder.if_then(wanted):
            value = builder.extract_element(vector, ir.Constant(ir.IntType(32), lane))
            place = builder.add(address, I64(lane * code.size))
            builder.store(value, code.pointer(place, code.element), align=code.size)
