"""Asking for memory before it is needed.

Processors foresee a few streams of addresses at most, and virtual machines may not let
them foresee any. A kernel that goes through rows side by side then waits for each line:
it asks for the next rows itself, where what it reads is not in the caches.
"""

from __future__ import annotations

from typing import Any

from .compiled import cgutils, intrinsic, types
from .vectors import I64, Code, address_of

FAR = 1 << 23
"""Bytes that caches may not hold from one call to the next."""
LINE = 64


@intrinsic
def fetch(typingctx, x, first, count):  # type: ignore[no-untyped-def]
    """Ask for ``count`` elements of ``x`` from ``first`` on."""
    signature = types.void(x, types.int64, types.int64)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code, element = Code(builder, types.float64), sig.args[0].dtype
        base = address_of(context, builder, sig.args[0], args[0])
        size = I64(element.bitwidth // 8)
        start = builder.add(base, builder.mul(args[1], size))
        stop = builder.add(start, builder.mul(args[2], size))
        lines = cgutils.for_range_slice(builder, start, stop, I64(LINE), intp=I64)
        with lines as (line, _):
            code.prefetch(line)
        return context.get_dummy_value()

    return signature, codegen
