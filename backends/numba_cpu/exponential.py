"""The exponential of what is not positive, as a compiler can turn it into vectors.

``exp(v) = 2**n * exp(r)`` with ``n`` whole and ``|r| <= log(2)/2``, where the series up
to the thirteenth power is exact to rounding (Cody & Waite 1980, chapter 6).
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir

from .compiled import inlined, intrinsic, types
from .vectors import I64

_PER_LOG2 = 1 / math.log(2)
# log(2) in two parts, of which the first has 32 bits: whole multiples are exact
_LOG2_HIGH, _LOG2_LOW = 2977044471 / 2**32, 1.9082149292705877e-10
_VANISHED = -746.0
_2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13 = (
    1 / math.factorial(n) for n in range(2, 14)
)


@intrinsic
def _two_to_the(typingctx, whole):  # type: ignore[no-untyped-def]
    """``2.0 ** whole`` for a whole float64 between -1022 and 1023, from its bits."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        exponent = builder.add(builder.fptosi(args[0], I64), ir.Constant(I64, 1023))
        bits = builder.shl(exponent, ir.Constant(I64, 52))
        return builder.bitcast(bits, ir.DoubleType())

    return types.float64(types.float64), codegen


@inlined  # a call is no vector
def vanishing(v):  # type: ignore[no-untyped-def]
    """``exp(v)`` for ``v <= 0``; 0 for NaN."""
    v = v if v > _VANISHED else _VANISHED
    n = math.floor(v * _PER_LOG2 + 0.5) * 1.0
    r = (v - n * _LOG2_HIGH) - n * _LOG2_LOW
    s = _9 + r * (_10 + r * (_11 + r * (_12 + r * _13)))
    s = _4 + r * (_5 + r * (_6 + r * (_7 + r * (_8 + r * s))))
    s = 1 + r * (1 + r * (_2 + r * (_3 + r * s)))
    half = math.floor(n * 0.5) * 1.0  # in two steps, since the result may be subnormal
    return s * _two_to_the(half) * _two_to_the(n - half)


@inlined  # a call is no vector
def logistic(x):  # type: ignore[no-untyped-def]
    """``1 / (1 + exp(-x))``, NaN for NaN."""
    small = vanishing(-abs(float(x)))
    y = (1.0 if x >= 0 else small) / (1 + small)
    return y if x == x else x
