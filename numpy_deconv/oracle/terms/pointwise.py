"""Functions of one element, value and slope, and activations with parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..call import Array, Call
from ..clearing import clear
from .curves import SHAPES, STRAIGHT
from .sums import moved
from .terms import Results, Terms, terms_of


@terms_of(*SHAPES)
def value(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Terms of an activation."""
    x = call["x"]
    with np.errstate(all="ignore"):
        found = SHAPES[call.operation.forward][0](x, results[0], **call.attributes)
        floor = _floor(call, x)
    return (_one(found.A, found.rounds, floor, found.jump, found.bent),)


@terms_of(*(f"{name}.backward" for name in SHAPES))
def slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Terms of an activation's gradient."""
    x, grad, y = call["x"], np.abs(call["grad"]), np.abs(results[0])
    with np.errstate(all="ignore"):
        found = SHAPES[call.operation.forward][1](x, grad, y, **call.attributes)
        floor = _floor(call, x, grad)
        A = found.A
        if not np.isfinite(np.max(A, initial=0.0)):
            A = np.where(grad == 0, 0.0, A)
    return (_one(A, found.rounds, floor, found.jump, found.bent),)


def _floor(call: Call, *magnifying: Array) -> float:
    """What an exponential that vanishes may leave behind, if there is one."""
    if call.operation.forward in STRAIGHT:
        return 0.0
    return 4 * math.prod(1 + _reach(values) for values in magnifying)


def _reach(values: Array) -> float:
    """The largest finite magnitude, as far as an underflow can be magnified."""
    top = float(max(np.max(values, initial=0.0), -np.min(values, initial=0.0)))
    return min(top, 1e4) if top == top else 1e4


def _one(A: Array, rounds: Any, floor: Any, jump: Any, bent: Any) -> Terms:
    return Terms(
        np.asarray(A, np.float64),
        np.ones(()),
        np.asarray(rounds, np.float64),
        floor=floor,
        jump=jump,
        bent=bent,
    )


@terms_of("relu", "clip", "relu.backward", "clip.backward")
def straight(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Nothing is computed: the element, zero or a bound."""
    return tuple(None if y is None else moved(y) for y in results)


@terms_of("prelu")
def parametric(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """One product where x is not positive."""
    A = clear(np.abs(np.asarray(results[0])), call["x"] > 0)
    return (Terms(A, np.ones(()), np.ones(())),)


@terms_of("prelu.backward")
def parametric_slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """One product for x; for the slope a sum of products over what shares it."""
    gx, gslope = results
    x, grad = call["x"], call["grad"]
    with np.errstate(all="ignore"):
        below = np.where(x > 0, 0.0, np.abs(grad * x))
    axes = (0, *range(2, x.ndim)) if np.size(gslope) > 1 else tuple(range(x.ndim))
    shape = np.shape(gslope)
    A = below.sum(axis=axes).reshape(shape)
    n = np.full(shape, below.size // max(1, int(np.size(gslope))))
    rounds = np.where(x > 0, 0.0, 1.0)
    return (
        Terms(np.abs(np.asarray(gx)), np.ones(()), rounds),
        Terms(A, n, n.astype(np.float64)),
    )
