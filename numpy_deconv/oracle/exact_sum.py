"""Sums of float64 products without rounding errors, by ordinary float64 kernels.

Ozaki, Ogita, Oishi & Rump 2012 (Error-free transformations of matrix multiplication):
each factor is cut into slices of so few bits that products of two slices, and the sum
of all of them, are exact in float64 in whatever order BLAS forms them. The few exact
partial results are then added in double-double arithmetic (Dekker 1971, Knuth's
two-sum) and rounded once.

A slice takes the leading bits of a whole array on one common grid, so numbers far
below the largest need further slices: as many as it takes to leave nothing, up to
MOST, beyond which what is left is added in plain float64.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from .call import Array, Call
from .evaluation import evaluate
from .operations import Output

DIGITS = 53
MOST = 12
Results = tuple[Array, ...]
Double = tuple[Array, Array]


def slices(x: Array, bits: int) -> list[Array]:
    """``x`` as a sum of arrays, each a multiple of a power of two and at most ``bits``
    long; the last one is what is left after MOST of them."""
    parts: list[Array] = []
    rest = x
    while len(parts) < MOST:
        largest = float(np.max(np.abs(rest), initial=0.0))
        if largest == 0:
            break
        step = math.ldexp(1.0, max(math.frexp(largest)[1] - bits, -1074))
        # adding and subtracting 1.5 * 2**52 steps rounds to a multiple of the step
        shift = step * 1.5 * 2.0 ** (DIGITS - 1)
        part = (rest + shift) - shift
        parts.append(part)
        rest = rest - part
    if np.any(rest):
        parts.append(rest)
    return parts or [np.zeros_like(x)]


def two_sum(a: Array, b: Array) -> Double:
    """``a + b`` rounded, and its rounding error (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def accumulate(total: Double, term: Array) -> Double:
    """A double-double plus a double."""
    high, error = two_sum(total[0], term)
    low = total[1] + error
    return two_sum(high, low)


def is_exact(call: Call, output: Output) -> bool:
    """Whether :func:`exact` forms this output without rounding errors.

    Not so for means, and where factors are infinite, or so large or so small that
    products of their slices would leave float64's range. Unpooling adds only with
    ``overlap="sum"``; a maximum of slices is no slice of the maximum.
    """
    if output.kind == "moves":
        return True
    if call.attributes.get("overlap", "sum") != "sum":
        return False
    if call.operation.variadic or output.kind not in ("sum", "products"):
        return False
    largest = [float(np.max(np.abs(call[f]), initial=0.0)) for f in output.factors]
    inside = all(size < 2.0**900 for size in largest)
    return inside and (0 in largest or 2.0**-400 < math.prod(largest) < 2.0**900)


def exact(call: Call, results: Results) -> Results:
    """``results`` of a float64 call, with every sum that can be formed exactly."""
    outputs = call.operation.outputs
    if call.operation.variadic:
        return results
    return tuple(
        _refined(call, i, output, y)
        if y is not None and output.kind != "moves" and is_exact(call, output)
        else y
        for i, (output, y) in enumerate(zip(outputs, results, strict=True))
    )


def _refined(call: Call, index: int, output: Output, y: Array) -> Array:
    factors = [call[name] for name in output.factors]
    terms = max(2, sum(f.size for f in factors))
    bits = (DIGITS - 1 - math.ceil(math.log2(terms))) // len(factors)
    parts = [slices(factor, bits) for factor in factors]
    total: Double = (np.zeros_like(y), np.zeros_like(y))
    for choice in itertools.product(*parts):
        arrays: dict[str, Array | None] = dict(zip(output.factors, choice, strict=True))
        if output.addend:
            arrays[output.addend] = None
        part = evaluate(call.with_arrays(**arrays))[index]
        total = accumulate(total, np.asarray(part))
    addend = call.arrays[output.addend] if output.addend else None
    if addend is not None:
        axis = y.ndim - 1 if call.operation.forward == "linear" else 1
        shape = [1] * y.ndim
        shape[axis] = -1
        column = np.broadcast_to(addend.reshape(shape), y.shape)
        # an infinity has no rounding error: it is added last
        finite = np.where(np.isfinite(column), column, 0.0)
        total = accumulate(total, finite)
        return total[0] + total[1] + (column - finite)
    return total[0] + total[1]
