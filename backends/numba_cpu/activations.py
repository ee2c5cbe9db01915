"""Activations: those that networks are made of are compiled, the rest is NumPy's.

NumPy's exponentials are vectors already; what the reference lacks is that a chunk
stays in the cache through all of a function's steps, and the other threads.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any

import numpy as np

from ...reference import activations as reference
from .compiled import compiled
from .elementwise import elementwise, mapped
from .exponential import logistic

Array = np.ndarray[Any, Any]


def activation(x: Array, name: str, **options: Any) -> Array:
    """The named activation of ``reference.activations.ACTIVATIONS``."""
    number = x.dtype.type
    if name == "relu":
        return elementwise(_clip, x, numbers=(number(0), number(math.inf)))
    if name == "clip":
        return elementwise(_clip, x, numbers=_bounds(x.dtype, **options))
    if name == "leaky_relu":
        return elementwise(_leaky, x, numbers=(number(options["slope"]),))
    if name in ("sigmoid", "silu"):
        return elementwise(_logistic, x, numbers=(name == "silu",))
    if name == "gelu" and options["approximate"] == "none":
        return elementwise(_gelu, x)
    return mapped(partial(reference.activation, name=name, **options), x)


def activation_grad(grad: Array, x: Array, name: str, **options: Any) -> Array:
    """``grad`` times the named activation's derivative at ``x``."""
    number = x.dtype.type
    if name == "relu":
        return elementwise(_relu_grad, grad, x)
    if name == "clip":
        return elementwise(_clip_grad, grad, x, numbers=_bounds(x.dtype, **options))
    if name == "leaky_relu":
        return elementwise(_leaky_grad, grad, x, numbers=(number(options["slope"]),))
    if name in ("sigmoid", "silu"):
        return elementwise(_logistic_grad, grad, x, numbers=(name == "silu",))
    if name == "gelu" and options["approximate"] == "none":
        return elementwise(_gelu_grad, grad, x)
    return mapped(partial(reference.activation_grad, name=name, **options), grad, x)


@lru_cache(256)  # always the same objects: one NaN is no other
def _bounds(dtype: np.dtype[Any], low: Any, high: Any) -> tuple[Any, Any]:
    """Both bounds as numbers of this type; NaN is beyond none, and bounds nothing."""
    with np.errstate(over="ignore"):
        return tuple(  # type: ignore[return-value]
            dtype.type(math.nan if bound is None else bound) for bound in (low, high)
        )


@compiled
def _part(task, sizes, array):  # type: ignore[no-untyped-def]
    """Where a task's chunk begins in an array, and its length."""
    n, chunk = divmod(task, sizes[0])
    first = chunk * sizes[2]
    start = n * (sizes[1] if array < 0 else sizes[3 + array]) + first
    return start, start + min(sizes[2], sizes[1] - first)


@compiled
def _clip(start, stop, y, x, sizes, low, high):  # type: ignore[no-untyped-def]
    for task in range(start, stop):
        a, b = _part(task, sizes, 0)
        source, target = x[a:b], y[a:b]
        for i in range(source.size):
            value = source[i]
            value = low if value < low else value
            target[i] = high if value > high else value


@compiled
def _leaky(start, stop, y, x, sizes, slope):  # type: ignore[no-untyped-def]
    for task in range(start, stop):
        a, b = _part(task, sizes, 0)
        source, target = x[a:b], y[a:b]
        for i in range(source.size):
            value = source[i]
            target[i] = value if value > 0 else value * slope


@compiled
def _logistic(start, stop, y, x, sizes, times_x):  # type: ignore[no-untyped-def]
    for task in range(start, stop):
        a, b = _part(task, sizes, 0)
        source, target = x[a:b], y[a:b]
        for i in range(source.size):
            value = y.dtype.type(logistic(source[i]))
            target[i] = source[i] * value if times_x else value


@compiled
def _gelu(start, stop, y, x, sizes):  # type: ignore[no-untyped-def]
    for task in range(start, stop):
        a, b = _part(task, sizes, 0)
        source, target = x[a:b], y[a:b]
        for i in range(source.size):
            value = source[i]
            target[i] = value * (1 + math.erf(value * math.sqrt(0.5))) / 2


@compiled
def _relu_grad(start, stop, y, grad, x, sizes):  # type: ignore[no-untyped-def]
    for task in range(start, stop):
        a, b = _part(task, sizes, -1)
        c, d = _part(task, sizes, 1)
        target, signal, source = y[a:b], grad[a:b], x[c:d]
        one, zero = y.dtype.type(1), y.dtype.type(0)
        for i in range(source.size):
            target[i] = signal[i] * (zero if source[i] <= 0 else one)


@compiled
def _clip_grad(  # type: ignore[no-untyped-def]
    start, stop, y, grad, x, sizes, low, high
):
    inside_low, inside_high = low != low, high != high
    for task in range(start, stop):
        a, b = _part(task, sizes, -1)
        c, d = _part(task, sizes, 1)
        target, signal, source = y[a:b], grad[a:b], x[c:d]
        one, zero = y.dtype.type(1), y.dtype.type(0)
        for i in range(source.size):
            value = source[i]
            inside = (inside_low | (value >= low)) & (inside_high | (value <= high))
            target[i] = signal[i] * (one if inside else zero)


@compiled
def _leaky_grad(  # type: ignore[no-untyped-def]
    start, stop, y, grad, x, sizes, slope
):
    for task in range(start, stop):
        a, b = _part(task, sizes, -1)
        c, d = _part(task, sizes, 1)
        target, signal, source = y[a:b], grad[a:b], x[c:d]
        one = y.dtype.type(1)
        for i in range(source.size):
            target[i] = signal[i] * (one if source[i] > 0 else slope)


@compiled
def _logistic_grad(  # type: ignore[no-untyped-def]
    start, stop, y, grad, x, sizes, times_x
):
    for task in range(start, stop):
        a, b = _part(task, sizes, -1)
        c, d = _part(task, sizes, 1)
        target, signal, source = y[a:b], grad[a:b], x[c:d]
        for i in range(source.size):
            value = y.dtype.type(logistic(source[i]))
            slope = value * (1 - value)
            if times_x:
                slope = value * (1 + source[i] * (1 - value))
            target[i] = signal[i] * slope


@compiled
def _gelu_grad(start, stop, y, grad, x, sizes):  # type: ignore[no-untyped-def]
    for task in range(start, stop):
        a, b = _part(task, sizes, -1)
        c, d = _part(task, sizes, 1)
        target, signal, source = y[a:b], grad[a:b], x[c:d]
        for i in range(source.size):
            value = source[i]
            below = (1 + math.erf(value * math.sqrt(0.5))) / 2
            density = math.exp(-value * value / 2) * math.sqrt(0.5 / math.pi)
            target[i] = signal[i] * (below + value * density)
