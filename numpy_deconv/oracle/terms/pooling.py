"""Pools and unpools: exact maxima, p-norms, and on what correct kernels may differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ...functional import adaptive_max_pool
from ...reference import pooling as kernels
from ...reference.switches import scatter
from ..call import Array, Call
from ..evaluation import evaluate
from ..pool import Pool
from ..pooling_semantics import plane_maxima
from .elementary import POW
from .sums import moved, roundings, sum_of_mean
from .terms import Results, Terms, terms_of

TINY = 1e-30  # powers that float32 keeps no digits of
Reads = Iterator[tuple[Any, Any]]  # outputs, and the elements that one tap reads there


def reads(call: Call, positions: tuple[int, ...]) -> Reads:
    """For each tap of a maximum, outputs and what they read, as indices of arrays."""
    size = call["x"].shape[2:]
    if call.operation.forward == "max_pool":
        for _, outputs, inputs in Pool(call).exact.taps(size, positions):
            yield (..., *outputs), (..., *inputs)
        return
    for cell, inputs in kernels.cells(size, positions):
        for at in np.ndindex(
            *(len(range(n)[part]) for part, n in zip(inputs, size, strict=True))
        ):
            place = tuple(part.start + i for part, i in zip(inputs, at, strict=True))
            yield (..., *cell), (..., *place)


def candidates(call: Call, y: Array) -> Iterator[tuple[Any, Any, Array]]:
    """As :func:`reads`, with where the element is as good a maximum as ``y``."""
    x = call["x"]
    for outputs, inputs in reads(call, y.shape[2:]):
        best, here = y[outputs], x[inputs]
        yield outputs, inputs, (here == best) | ((here != here) & (best != best))


def undecided(call: Call, y: Array) -> Array:
    """Windows whose value or switch the semantics leave open."""
    flags = call.semantics
    opened: Array = np.zeros(y.shape, bool)
    number = np.zeros(y.shape, np.int64)
    nan: Array = np.zeros(y.shape, bool)
    for outputs, inputs, good in candidates(call, y):
        number[outputs] += good
        here = call["x"][inputs]
        nan[outputs] |= here != here
    if flags.tie == "any":
        opened |= number > 1
    if flags.nan_index == "any":
        opened |= nan & (number > 1)
    if flags.nan == "any":
        opened |= nan
    return opened


@terms_of("max_pool", "adaptive_max_pool", "global_max_pool")
def maxima(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Exact; windows with a NaN are not judged where frameworks differ on them."""
    parts = [None if y is None else moved(y) for y in results]
    x, y = call["x"], np.asarray(results[0])
    if call.semantics.nan != "any" or not np.isnan(x).any():
        return tuple(parts)
    nan: Array = np.zeros(y.shape, bool)
    for outputs, inputs in reads(call, y.shape[2:]):
        nan[outputs] |= np.isnan(x[inputs])
    return tuple(None if p is None else replace(p, skip=nan) for p in parts)


@terms_of("max_pool.backward", "adaptive_max_pool.backward", "global_max_pool.backward")
def maxima_slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_{c-1} · A`` for ``c`` windows; exact where one window's gradient lands."""
    flags, x = call.semantics, call["x"]
    is_open = flags.tie == "any" or (x.dtype.kind == "f" and bool(np.isnan(x).any()))
    if _are_apart(call) and not is_open:
        return (moved(np.asarray(results[0])),)
    y, switches = _pooled(call)
    size, grad = x.shape[2:], call["grad"]
    there = np.maximum(switches, 0)
    n = scatter((switches >= 0).astype(np.float64), there, size, "sum")
    A = scatter(np.where(switches < 0, 0, np.abs(grad)), there, size, "sum")
    parts = Terms(A, n, np.maximum(n - 1, 0))
    if not is_open:
        return (parts,)
    opened = undecided(call, y)
    skip: Array = np.zeros(x.shape, bool)
    for outputs, inputs, good in candidates(call, y):
        everyone = good | (flags.nan == "any")
        skip[inputs] |= opened[outputs] & everyone
    return (replace(parts, skip=skip),)


def _are_apart(call: Call) -> bool:
    """Whether no two windows share a sample, so that nothing is added."""
    size = call["x"].shape[2:]
    if call.operation.forward == "max_pool":
        window = Pool(call).window
        pairs = zip(window.stride, window.span, strict=True)
        return all(stride >= span for stride, span in pairs)
    outputs = call["grad"].shape[2:]
    return all(n % o == 0 for n, o in zip(size, outputs, strict=True))


def _pooled(call: Call) -> tuple[Array, Array]:
    """The maxima of a gradient's call, and their switches in the plane."""
    x = call["x"]
    if call.operation.forward == "max_pool":
        y, switches, _ = plane_maxima(call)
        return y, switches
    size = call.attributes.get("output_size", 1)
    return adaptive_max_pool(x, size)


@terms_of("avg_pool", "avg_pool.backward")
def means(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_{n-1+2·rank} · A``: a sum, and products with a reciprocal on each axis."""
    pool, (output,) = Pool(call), call.operation.outputs
    name = output.factors[0]
    (magnitude,) = evaluate(call.with_arrays(**{name: np.abs(call[name])}))
    if call.operation.is_backward:
        n = pool.spread(np.ones((1, 1, *pool.outputs)))
    else:
        n = pool.inside.astype(np.float64)
    if call.arrays["x"] is not None and results[0] is not None:
        whole = results[0].dtype.kind in "iu"
        rounds = np.zeros(()) if whole else roundings(output, n, len(pool.size))
        size = np.asarray(magnitude, np.float64)
        peak = None
        if not call.operation.is_backward:
            seen = np.where(np.isfinite(call["x"]), np.abs(call["x"]), 0)
            finite = size
            if not np.isfinite(call["x"]).all():
                (finite,) = evaluate(call.with_arrays(x=seen))
            peak = sum_of_mean(call, np.asarray(finite, np.float64), n)
        return (Terms(size, n, rounds, peak=peak),)
    return (None,)


@terms_of("lp_pool", "lp_pool.backward")
def norms(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_r · y`` with ``r = (n + 10 + |log Σ|) / p + 8``: of the sum its powers, its
    additions and what rescales it, of the root its exponent's rounding and its own."""
    pool, p = Pool(call), float(call.attributes["norm_type"])
    x, power = call["x"], POW if call.attributes["norm_type"] != 1 else 0.0
    with np.errstate(all="ignore"):
        size = np.abs(x)
        total = pool.sums(np.square(x) if p == 2 else size**p) * pool.rescale(call)
        logarithm = np.abs(np.log(np.where(total > 0, total, 1)))
        rounds = (pool.inside + power + 2 + logarithm) / p + power
        tiny = TINY ** (1 / p)
        lost = None
        if np.count_nonzero(size < tiny) != np.count_nonzero(size == 0):
            lost = (size < tiny) & (x != 0)
        if not call.operation.is_backward:
            trough = None if lost is None else _least(pool, x, p)
            A, n = np.asarray(results[0]), pool.inside.astype(np.float64)
            return (Terms(A, n, rounds, peak=total, trough=trough),)
        return (_norm_slope(call, results[0], pool, total, rounds, lost),)


def _norm_slope(
    call: Call, y: Array, pool: Pool, total: Array, rounds: Array, lost: Array | None
) -> Terms:
    """``x |x|**(p - 2) Σ g y**(1 - p)``: the norm's roundings ``|p - 1|`` times, two
    powers, a sum over windows and six products."""
    p, grad = float(call.attributes["norm_type"]), np.abs(call["grad"])
    x, power = call["x"], 2 * POW if call.attributes["norm_type"] != 1 else 0.0
    if all(s >= k for s, k in zip(pool.exact.stride, pool.exact.span, strict=True)):
        A = np.abs(y)
    else:
        A = np.asarray(evaluate(call.with_arrays(grad=grad, x=np.abs(x)))[0])
    n = pool.spread(np.ones((1, 1, *grad.shape[2:])))
    worst = np.max(rounds, initial=0.0) * abs(p - 1)
    own: Array | float = 0.0
    if p not in (1, 2):
        own = 3 * abs(p - 1) * np.abs(np.log(np.where(x == 0, 1, np.abs(x))))
    odd = (total == 0) | (total > 1e37)
    skip = lost
    if p <= 1:
        skip = (x == 0) if lost is None else lost | (x == 0)
    if odd.any():
        reached = pool.spread(odd.astype(np.float64)) > 0
        skip = reached if skip is None else skip | reached
    floor = 16 * (1 + min(float(np.max(A, initial=0.0, where=A == A)), 1e4))
    return Terms(A, n, n + worst + own + power + 6, floor=floor, skip=skip)


def _least(pool: Pool, x: Array, p: float) -> Array:
    """Smallest power of each window, zeros and infinities aside."""
    powers = np.abs(np.where(x == 0, 1, x)) ** p
    values = np.where(np.isfinite(powers), powers, 1)
    return -kernels.max_pool(-values, pool.exact)[0]


@terms_of("max_unpool", "max_unpool.backward")
def unpooled(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Exact, but for ``overlap="sum"`` (``γ_{c-1} A``) and ``"mean"`` (``γ_{c+1}``)."""
    (y,) = results
    if y is None:
        return (None,)
    overlap = call.attributes["overlap"]
    if overlap not in ("sum", "mean"):
        parts = moved(y)
        if overlap == "assign" and call.semantics.duplicates == "any":
            parts = replace(parts, jump=_spread(call, y))
        return (parts,)
    if call.operation.is_backward:
        rounds = np.full((), 2.0 if overlap == "mean" else 0.0)
        return (Terms(np.abs(y), np.ones(()), rounds),)
    values, switches = call["y"], call["switches"]
    size = y.shape[2:]
    magnitude = scatter(np.abs(values), switches, size, overlap)
    c = scatter(np.ones(values.shape), switches, size, "sum")
    extra = 1 if overlap == "mean" else -1
    rounds = np.where(c > 0, np.maximum(c + extra, 0), 0)
    if y.dtype.kind in "iu":
        rounds = np.zeros(())
    return (Terms(np.asarray(magnitude, np.float64), c, rounds),)


def _spread(call: Call, y: Array) -> Array:
    """How far values that were written to one place lie from the one that stayed."""
    if call.operation.is_backward:
        # the gradient of a value that may or may not have stayed: nothing, or all
        hits = scatter(
            np.ones(y.shape), call["switches"], call["grad"].shape[2:], "sum"
        )
        several = np.take_along_axis(
            hits.reshape(*hits.shape[:2], -1),
            call["switches"].reshape(*y.shape[:2], -1),
            axis=2,
        ).reshape(y.shape)
        gone = call.with_arrays(y=call["y"])
        return np.where(several > 1, np.abs(np.asarray(evaluate(gone)[0])), 0.0)
    values, switches, size = call["y"], call["switches"], y.shape[2:]
    high = scatter(values, switches, size, "max")
    low = -scatter(-values, switches, size, "max")
    return np.maximum(np.abs(high - y), np.abs(low - y)).astype(np.float64)
