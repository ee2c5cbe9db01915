"""How far a correct kernel's answer may lie from the truth, element by element.

The hard bound holds for any order of summation, with fused multiply-adds or without
(Higham 2002, Accuracy and Stability of Numerical Algorithms, sections 3.1 and 3.5)::

    H  =  ((1 + u_in)² (1 + γ_n(u_acc)) - 1) · A  +  u_out · (|y| + ...)  +  n · η

The soft bound is what rounding errors of random sign stay within (Higham & Mary 2019)::

    P  =  6 · (√2 · u_in · S + √n · u_acc · A)  +  u_out · |y|      and at most H
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import OptionError
from .algorithms import algorithm_bound
from .call import Array, Attributes, Call, Inputs, bind
from .flushing import flush_slack
from .hard_bound import LAMBDA, HardBound
from .numerics import Numerics, Resolved, numerics_of
from .semantics import Semantics
from .terms import Terms, terms
from .truth import Truth, truth


class Bound(NamedTuple):
    """Truth and bounds of one output, all of its shape.

    ``y`` is the truth (float64; int64 for integers and switches), ``H`` the hard bound
    and ``P`` the soft one on ``|got - y|`` (inf: not judged), ``n`` the number of terms
    and ``A`` their magnitude, the same operation on absolute values.
    """

    y: Array
    H: Array
    P: Array
    n: Array
    A: Array


def bound(
    op: str,
    inputs: Inputs,
    attrs: Attributes | None = None,
    *,
    numerics: Numerics | str | None = None,
    semantics: Semantics | str = "torch",
    output: str | None = None,
) -> Bound:
    """Truth and error bounds of one output (the first, unless named) of ``op``.

    ``inputs`` are the kernel's very arrays, ``numerics`` what it declares about its
    arithmetic. Raises OptionError for names that are not known and for a sum in half
    precision that is too long to have a bound.

    >>> import numpy as np
    >>> x = np.ones((1, 1, 4), np.float32)
    >>> y, H, P, n, A = bound("conv", [x, x[..., :2] / 3])
    >>> n
    array([[[2., 2., 2.]]])
    >>> bool(H.max() < 1e-6)
    True
    """
    call = bind(op, inputs, attrs, semantics)
    name = call.operation.output(output).name
    found = bounds_of(call, numerics_of(numerics))
    if name not in found:
        raise OptionError(f"{op} has no output {name!r} without its input of that name")
    return found[name]


def bounds(
    op: str,
    inputs: Inputs,
    attrs: Attributes | None = None,
    *,
    numerics: Numerics | str | None = None,
    semantics: Semantics | str = "torch",
) -> dict[str, Bound]:
    """:func:`bound` of every output, by name: of ``conv.backward`` three."""
    return bounds_of(bind(op, inputs, attrs, semantics), numerics_of(numerics))


def bounds_of(call: Call, numerics: Numerics) -> dict[str, Bound]:
    """:func:`bounds` of a call that is already bound."""
    found = truth(call)
    resolved = numerics.resolved(call.dtype)
    results = {}
    for name, (parts, each) in analysed(call, found).items():
        results[name] = assemble(call, name, each, parts, resolved)
    return results


def analysed(call: Call, found: Truth) -> dict[str, tuple[Terms, Array]]:
    """Terms and truth of every output that is there, by the output's name."""
    parts = terms(call, found.values)
    return {
        name: (part, y)
        for name, part, y in zip(found.names, parts, found.values, strict=True)
        if part is not None and y is not None
    }


def assemble(
    call: Call, name: str, y: Array, parts: Terms, numerics: Resolved
) -> Bound:
    """Bounds for declared numerics from the terms of one output."""
    found = _assembled(call, name, y, parts, numerics)
    if not numerics.ftz:
        return found
    slack = flush_slack(call, name, y)
    return found._replace(H=found.H + slack, P=found.P + slack)


def _assembled(
    call: Call, name: str, y: Array, parts: Terms, numerics: Resolved
) -> Bound:
    n = np.broadcast_to(parts.n, y.shape)
    A = np.broadcast_to(parts.A, y.shape)
    if y.dtype.kind in "iu":
        H = np.where(
            np.broadcast_to(False if parts.skip is None else parts.skip, y.shape),
            np.inf,
            0.0,
        )
        return Bound(y, H, H, n, A)
    with np.errstate(all="ignore"):
        other = algorithm_bound(call, name, numerics)
        hard = HardBound(call, name, y, parts, numerics, other)
        H = hard.bound()
        # a sum's statistics are not those of another algorithm
        # nor are those of a rounding that an exponential magnifies
        summed = call.operation.adds_up(name) or not np.any(parts.rounds)
        soft = other is None and summed and hard.exceeds_statistics()
        P = H
        if soft:
            P = soft_bound(y, parts, numerics)
            np.minimum(P, H, out=P)
    return Bound(y, H, P, n, A)


def soft_bound(y: Array, parts: Terms, numerics: Resolved) -> Array:
    """The statistical bound, of sums of rounding errors of random sign."""
    spread = np.sqrt(np.asarray(parts.rounds, np.float64)) * (LAMBDA * numerics.acc.u)
    P = np.broadcast_to(spread * parts.A, y.shape)
    if not P.flags.writeable:
        P = P.copy()
    if parts.products and numerics.u_in and parts.S is not None:
        P += (LAMBDA * np.sqrt(2) * numerics.u_in) * parts.S()
    last = np.abs(y)
    if numerics.out.digits < numerics.acc.digits:
        P += (last < numerics.out.min_normal) * numerics.out.eta
    last *= numerics.out.u
    P += last
    slack = (parts.n + parts.rounds) * numerics.eta + parts.jump
    slack = slack + parts.floor * numerics.acc.min_normal
    P += slack + numerics.approximation * parts.bent
    return P
