"""What happens to a convolution's numbers before they are written for good.

They are kept within bounds (a ReLU, or a clip), or set to zero where another array is
not above zero (the gradient of the ReLU whose output that is), or both. Done on the
way out, while they are in the cache, neither is a pass of its own.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from . import activations
from .compiled import cgutils, intrinsic, types
from .layout import channels_last
from .vectors import I64, Code, address_of

Array = np.ndarray[Any, Any]


class Ending(NamedTuple):
    """Bounds, and whether there is another array to look at."""

    low: float = -math.inf
    high: float = math.inf
    masked: bool = False

    def numbers(self, dtype: np.dtype[Any]) -> tuple[Any, Any, bool]:
        """The same for a kernel on arrays of this type."""
        with np.errstate(over="ignore"):  # beyond the largest number is no bound
            return dtype.type(self.low), dtype.type(self.high), self.masked


#: Numbers are written as they are.
PLAIN = Ending()
#: Bytes from which a result goes past the caches: it would not be there any more when
#: it is read, and memory need not be read before whole lines of it are overwritten.
STREAMED = 1 << 23


def streams(nbytes: int, lanes: int, ending: Ending, *steps: int) -> int:
    """1 if so many bytes go past the caches, else 0. They must begin on a line (see
    :func:`on_line`); ``steps`` in elements lead to all other vectors."""
    whole = all(step % lanes == 0 for step in steps)
    return int(nbytes >= STREAMED and whole and not ending.masked)


@intrinsic
def on_line(typingctx, y):  # type: ignore[no-untyped-def]
    """Whether an array begins on a boundary of vectors and of cache lines."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        beyond = builder.and_(
            address_of(context, builder, sig.args[0], args[0]), ir.Constant(I64, 63)
        )
        return builder.icmp_signed("==", beyond, ir.Constant(I64, 0))

    return types.boolean(y), codegen


@intrinsic
def mask(typingctx, y, at, pitch, where, rows, count):  # type: ignore[no-untyped-def]
    """A ReLU's gradient, in place: ``rows`` runs of ``count`` elements of ``y``, that
    begin at ``at`` and lie ``pitch`` apart, become zero where ``where`` is at most
    zero."""
    i = types.int64
    signature = types.void(y, i, i, where, i, i)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, y.dtype)
        bases = [address_of(context, builder, sig.args[n], args[n]) for n in (0, 3)]
        first, step, length = (code.bytes_of(args[n]) for n in (1, 2, 5))
        whole = builder.and_(length, ir.Constant(I64, -code.lanes * code.size))
        with cgutils.for_range(builder, args[4]) as row:
            begin = builder.add(first, builder.mul(row.index, step))
            targets = [builder.add(base, begin) for base in bases]
            for start, stop, vector in ((None, whole, True), (whole, length, False)):
                _mask_run(code, targets, start, stop, vector=vector)
        return context.get_dummy_value()

    return signature, codegen


def _mask_run(
    code: Code, targets: list[Any], start: Any, stop: Any, *, vector: bool
) -> None:
    """The bytes ``start`` to ``stop`` from both addresses, by vectors or one by one."""
    builder = code.builder
    start = ir.Constant(I64, 0) if start is None else start
    step = code.size * (code.lanes if vector else 1)
    kind = code.vector if vector else code.element
    zero, one = (code.number(n) if vector else ir.Constant(kind, n) for n in (0.0, 1.0))
    with cgutils.for_range_slice(
        builder, start, stop, ir.Constant(I64, step), intp=I64
    ) as (offset, _):
        here, there = (builder.add(target, offset) for target in targets)
        load = code.load if vector else code.load_one
        blocked = builder.fcmp_ordered("<=", load(there), zero)
        value = builder.fmul(load(here), builder.select(blocked, zero, one))
        if vector:
            code.store(value, here)
        else:
            builder.store(value, code.pointer(here, kind))


def beside(where: Array | None, y: Array) -> Array:
    """Flat memory of ``where``, in the order of ``y``'s; ``y`` itself for None."""
    return y if where is None else channels_last(where).reshape(-1)


def ended(y: Array, ending: Ending, where: Array | None) -> Array:
    """``y (N, C, *size)`` with all that as passes of its own."""
    if (ending.low, ending.high) != (-math.inf, math.inf):
        y = activations.activation(y, "clip", low=ending.low, high=ending.high)
    return y if where is None else activations.activation_grad(y, where, "relu")
