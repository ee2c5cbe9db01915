"""How a register tile gets to memory: within bounds, whole or in part.

LLVM code, for a builder in the middle of a tile's function; ``at`` are its arguments by
name, addresses and strides in bytes.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .vectors import I64, Code


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
