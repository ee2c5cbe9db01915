"""Relevance rules (LRP): a layer hands its relevance on to what it read, in shares.

Bach et al. 2015, Montavon et al. 2017 and 2019. With ``z`` the layer's output and ``R``
the relevance there, each rule is ``R_in = x' * vjp(R / z')`` of the layer with changed
weights ``w'``, reading changed inputs ``x'``, or a sum of such terms; ``z'`` is their
output together, kept away from 0 by a stabiliser of its own sign::

    epsilon      x, w                          z + epsilon
    gamma        x+, w + gamma*w+   and   x-, w + gamma*w-      where z > 0, else
                 x+, w + gamma*w-   and   x-, w + gamma*w+      where z < 0
    alpha-beta   alpha * (x+, w+  and  x-, w-)  -  beta * (x+, w-  and  x-, w+)
    z+           alpha-beta of 1 and 0
    z-box        x, w  less  low, w+  less  high, w-
    flat         1, 1, without bias
    w2           1, w**2

A bias takes its share away with it; in the z-box it cancels. What is elementwise passes
relevance unchanged, max pools hand it to the winner, sums and averages share it out by
what each contributed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array
from .errors import OptionError
from .functional.options import real
from .rules import Rule, Signals

STABILISER = 1e-6

Change = Callable[[Array], Array]
Inputs = tuple[Array, ...]


class Term(NamedTuple):
    """The layer with changed weights (``bias`` None: without), on changed inputs."""

    x: Change
    weight: Change
    bias: Change | None
    sign: int = 1


def _same(values: Array) -> Array:
    return values


def _above(values: Array) -> Array:
    return np.maximum(values, 0)


def _below(values: Array) -> Array:
    return np.minimum(values, 0)


def stabilised(z: Array, amount: float) -> Array:
    """``z`` moved away from 0 by an amount; 0 itself to the positive side."""
    return z + np.where(z < 0, -amount, amount).astype(z.dtype)


def _shared(layer: Any, x: Array, gy: Array, terms: Sequence[Term], by: float) -> Array:
    """What the terms hand down together, divided by what they put out together."""
    made = []
    for term in terms if bool((x < 0).any()) else [t for t in terms if t.x != _below]:
        bias = None
        if term.bias is not None and layer.bias is not None:
            bias = term.bias(layer.bias)
        changed = replace(layer, weight=term.weight(layer.weight), bias=bias)
        read = term.x(x)
        y, saved = changed.forward(read)
        made.append((term.sign, changed, read, saved, y))
    total = made[0][0] * made[0][4]
    for sign, _, _, _, y in made[1:]:
        total = total + sign * y
    each = _divided(gy, total, by)
    shares = [
        sign * (read * changed.vjp(saved, each)[0])
        for sign, changed, read, saved, _ in made
    ]
    return sum(shares[1:], start=shares[0])


def _divided(gy: Array, z: Array, by: float) -> Array:
    """``gy / z``, stabilised; without a stabiliser nothing comes from where z is 0."""
    if by > 0:
        return gy / stabilised(z, by)
    return np.where(z == 0, 0, gy / np.where(z == 0, 1, z)).astype(gy.dtype)


def _rule(name: str, apply: Callable[[Any, Inputs, Array], Signals]) -> Rule:
    return Rule(name, apply, of_inputs=True)


def _terms(layer: Any, xs: Inputs, gy: Array, *, terms: Any, by: float) -> Signals:
    (x,) = xs
    return (_shared(layer, x, gy, terms, by),)


def _linear(layer: Any, xs: Inputs, gy: Array, *, by: float) -> Signals:
    """Each input's share of what any linear layer puts out."""
    y, saved = layer.forward(*xs)
    gxs = layer.vjp(saved, _divided(gy, y, by))
    return tuple(x * gx for x, gx in zip(xs, gxs, strict=True))


def _gamma(layer: Any, xs: Inputs, gy: Array, *, more: float, by: float) -> Signals:
    (x,) = xs

    def raised(part: Change) -> Change:
        return lambda values: values + more * part(values)

    z = layer.forward(x)[0]
    up = (
        Term(_above, raised(_above), raised(_above)),
        Term(_below, raised(_below), None),
    )
    down = (
        Term(_above, raised(_below), raised(_below)),
        Term(_below, raised(_above), None),
    )
    positive = _shared(layer, x, gy * (z > 0), up, by)
    return (positive + _shared(layer, x, gy * (z < 0), down, by),)


def _alpha_beta(
    layer: Any, xs: Inputs, gy: Array, *, alpha: float, beta: float, by: float
) -> Signals:
    (x,) = xs
    for_it = (Term(_above, _above, _above), Term(_below, _below, None))
    found = alpha * _shared(layer, x, gy, for_it, by)
    if beta:
        against = (Term(_above, _below, _below), Term(_below, _above, None))
        found = found - beta * _shared(layer, x, gy, against, by)
    return (found,)


def epsilon(amount: float = STABILISER) -> Rule:
    """Relevance in proportion to contributions; ``amount`` swallows weak ones.

    0 is LRP-0. For any layer that is linear, whatever number of inputs it reads.
    """
    by = _positive(amount, "epsilon")
    return _rule(f"epsilon({by:g})", partial(_linear, by=by))


def gamma(more: float = 0.25, stabiliser: float = STABILISER) -> Rule:
    """Contributions of the output's own sign count ``1 + more`` times.

    Montavon et al. 2019; for inputs of both signs as Andéol et al. 2021.
    """
    more, by = _positive(more, "gamma"), _positive(stabiliser, "stabiliser")
    return _rule(f"gamma({more:g})", partial(_gamma, more=more, by=by))


def alpha_beta(
    alpha: float = 2.0, beta: float = 1.0, stabiliser: float = STABILISER
) -> Rule:
    """Positive contributions ``alpha`` times, less negative ones ``beta`` times.

    Raises OptionError unless ``alpha - beta`` is 1 and neither is negative.
    """
    if real(alpha, "alpha") - real(beta, "beta") != 1 or beta < 0:
        raise OptionError(
            f"alpha - beta must be 1 and beta not negative, got {alpha} and {beta}"
        )
    by = _positive(stabiliser, "stabiliser")
    apply = partial(_alpha_beta, alpha=alpha, beta=beta, by=by)
    return _rule(f"alpha_beta({alpha:g}, {beta:g})", apply)


def z_plus(stabiliser: float = STABILISER) -> Rule:
    """Only contributions above 0 count: ``alpha_beta(1, 0)``."""
    return replace(alpha_beta(1, 0, stabiliser), name="z_plus")


def flat(stabiliser: float = STABILISER) -> Rule:
    """Relevance spread evenly over all that is read (Lapuschkin et al. 2017)."""
    terms = (Term(np.ones_like, np.ones_like, None),)
    by = _positive(stabiliser, "stabiliser")
    return _rule("flat", partial(_terms, terms=terms, by=by))


def w_square(stabiliser: float = STABILISER) -> Rule:
    """Relevance in proportion to squared weights (Montavon et al. 2017)."""
    terms = (Term(np.ones_like, np.square, np.square),)
    by = _positive(stabiliser, "stabiliser")
    return _rule("w_square", partial(_terms, terms=terms, by=by))


def z_box(low: Any, high: Any, stabiliser: float = STABILISER) -> Rule:
    """For a first layer whose inputs lie between ``low`` and ``high``.

    Numbers, or arrays that broadcast against the input (Montavon et al. 2017).
    """
    terms = (
        Term(_same, _same, _same),
        Term(partial(_filled, low), _above, _above, -1),
        Term(partial(_filled, high), _below, _below, -1),
    )
    by = _positive(stabiliser, "stabiliser")
    return _rule("z_box", partial(_terms, terms=terms, by=by))


def _filled(value: Any, x: Array) -> Array:
    return np.zeros_like(x) + np.asarray(value, dtype=x.dtype, like=x)


def _positive(value: float, name: str) -> float:
    number = real(value, name)
    if number < 0:
        raise OptionError(f"{name} must not be negative, got {value}")
    return number
