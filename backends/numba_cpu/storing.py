"""How sums get to memory: within bounds, whole or in part.

LLVM code. Of a register tile, for a builder in the middle of its function; ``at`` are
that one's arguments by name, addresses and strides in bytes. And of a run of memory.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .compiled import cgutils, intrinsic, types
from .vectors import I64, Code, address_of


def within_bounds(
    code: Code, rows: list[list[Any]], at: dict[str, Any]
) -> list[list[Any]]:
    """The rows clipped at ``low`` and ``high``, if those are any bounds."""
    builder = code.builder
    infinite = ir.Constant(code.element, float("inf"))
    bounded = builder.or_(
        builder.fcmp_ordered("<", at["high"], infinite),
        builder.fcmp_ordered(">", at["low"], builder.fneg(infinite)),
    )
    before = builder.block
    with builder.if_then(bounded):
        low, high = code.spread(at["low"]), code.spread(at["high"])
        clipped = [[code.clipped(v, low, high) for v in row] for row in rows]
        inside = builder.block
    found = []
    for row, new in zip(rows, clipped, strict=True):
        found.append([builder.phi(code.vector) for _ in row])
        for phi, value, other in zip(found[-1], row, new, strict=True):
            phi.add_incoming(value, before)
            phi.add_incoming(other, inside)
    return found


def store_rows(code: Code, rows: list[list[Any]], at: dict[str, Any]) -> None:
    """Write rows of vectors ``ldc`` bytes apart from ``c`` on.

    All are whole, and ``past`` the caches if that is not 0; or of each row's last one
    only ``last`` numbers are written.
    """
    builder = code.builder
    whole = builder.icmp_signed("==", at["last"], ir.Constant(I64, code.lanes))
    past = builder.icmp_signed("!=", at["past"], ir.Constant(I64, 0))
    with builder.if_else(whole) as (all_of_it, in_part):
        with all_of_it, builder.if_else(past) as (beyond, into):
            with beyond:
                _store(code, rows, at, past=True)
            with into:
                _store(code, rows, at)
        with in_part:
            _store(code, rows, at, last=at["last"])


def _store(
    code: Code,
    rows: list[list[Any]],
    at: dict[str, Any],
    *,
    past: bool = False,
    last: Any = None,
) -> None:
    c = at["c"]
    for row in rows:
        for v, value in enumerate(row):
            ahead = ir.Constant(I64, v * code.lanes * code.size)
            address = code.builder.add(c, ahead)
            if last is not None and v == len(row) - 1:
                code.store_some(value, address, last)
            else:
                code.store(value, address, past=past)
        c = code.builder.add(c, at["ldc"])


@intrinsic
def store_run(  # type: ignore[no-untyped-def]
    typingctx, sums, sums_at, bias, bias_at, y, y_at, count, low, high
):
    """``y = clip(sums + bias)`` for ``count`` neighbours; whether one is NaN."""
    i = types.int64
    signature = types.boolean(sums, i, bias, i, y, i, i, y.dtype, y.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, y.dtype)
        bases = [
            builder.add(
                address_of(context, builder, sig.args[n], args[n]),
                code.bytes_of(args[n + 1]),
            )
            for n in (0, 2, 4)
        ]
        length = code.bytes_of(args[6])
        whole = builder.and_(length, ir.Constant(I64, -code.lanes * code.size))
        spoilt = cgutils.alloca_once_value(builder, cgutils.false_bit)
        ends = ir.Constant(I64, 0), whole, length
        for start, stop, vector in zip(ends, ends[1:], (True, False), strict=False):
            nan = _run(code, bases, start, stop, args[7:9], vector=vector)
            builder.store(builder.or_(builder.load(spoilt), nan), spoilt)
        return builder.load(spoilt)

    return signature, codegen


def _run(
    code: Code, bases: list[Any], start: Any, stop: Any, bounds: Any, *, vector: bool
) -> Any:
    """The bytes ``start`` to ``stop``, by vectors or one by one; whether one is NaN."""
    builder, kind = code.builder, code.vector if vector else code.element
    bits = ir.VectorType(ir.IntType(1), code.lanes) if vector else ir.IntType(1)
    low, high = (code.spread(each) if vector else each for each in bounds)
    found = cgutils.alloca_once_value(builder, ir.Constant(bits, None))
    load = code.load if vector else code.load_one
    step = ir.Constant(I64, code.size * (code.lanes if vector else 1))
    with cgutils.for_range_slice(builder, start, stop, step, intp=I64) as (offset, _):
        here, shift, target = (builder.add(base, offset) for base in bases)
        value = builder.fadd(load(here), load(shift))
        nan = builder.fcmp_unordered("uno", value, value)
        builder.store(builder.or_(builder.load(found), nan), found)
        builder.store(
            code.clipped(value, low, high), code.pointer(target, kind), align=code.size
        )
    nan = builder.load(found)
    if vector:
        nan = builder.bitcast(nan, ir.IntType(code.lanes))
        nan = builder.icmp_unsigned("!=", nan, ir.Constant(nan.type, 0))
    return nan
