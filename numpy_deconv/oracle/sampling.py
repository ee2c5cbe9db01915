"""Outputs too large to compute again: sampled elements, and one random projection."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ..arrays import as_array, to_numpy
from ..errors import OptionError
from ..functional import conv, linear
from .call import Array, Attributes, Call, Inputs, bind
from .elements import can_sample, element
from .growth import gamma
from .judging import BoundReport
from .numerics import Numerics, Resolved, numerics_of
from .operations import Output
from .semantics import Semantics

TILES = (8, 16, 32, 64)


def spotcheck(
    y: Any,
    op: str,
    inputs: Inputs,
    attrs: Attributes | None = None,
    k: int = 1000,
    *,
    numerics: Numerics | str | None = None,
    semantics: Semantics | str = "torch",
    output: str | None = None,
    seed: int = 0,
) -> BoundReport:
    """Judge about ``k`` elements of ``y`` as direct dot products, each to the last bit.

    They are the corners, the edges of blocks of 8, 16, 32 and 64, the very last one,
    and random ones. Of a convolution or a linear layer's output a projection on random
    weights along its channels is checked as well, which sees every element
    (:func:`freivalds`). For sums of products and ``avg_pool``; a result's gradients are
    named by ``output``.

    >>> x, w = np.ones((1, 2, 9, 9), np.float32), np.ones((3, 2, 3, 3), np.float32)
    >>> spotcheck(np.full((1, 3, 7, 7), 18, np.float32), "conv", [x, w]).verdict
    'PASS'
    """
    call = bind(op, inputs, attrs, semantics)
    if not can_sample(call):
        raise OptionError(f"{op} cannot be sampled: use assert_conforms")
    if k < 1:
        raise OptionError(f"k must be at least 1 element, got {k}")
    found = call.operation.output(output)
    got = to_numpy(as_array(y, "y"))
    resolved = numerics_of(numerics).resolved(call.dtype)
    wrong: list[tuple[tuple[int, ...], float, float, float]] = []
    worst, places = 0.0, sampled_places(got.shape, k, seed)
    for at in places:
        want, magnitude, n = element(call, found.name, at)
        allowed = _allowed(want, magnitude, n, found, resolved)
        value = float(got[at])
        error = abs(value - want)
        agree = value == want or (value != value and want != want)
        if not agree and not error <= allowed:
            wrong.append((at, value, want, allowed))
        if not agree and math.isfinite(error) and allowed:
            worst = max(worst, error / allowed)
    if not wrong and call.operation.name in ("conv", "linear"):
        wrong = _projected(got, call, resolved, seed)
    return _summary(op, found.name, len(places), wrong, worst)


def _summary(
    op: str,
    output: str,
    checked: int,
    wrong: list[tuple[tuple[int, ...], float, float, float]],
    worst: float,
) -> BoundReport:
    if not wrong:
        reason = "within its bounds wherever it was sampled"
        return BoundReport(op, output, "PASS", reason, checked, 0, 0, worst, worst, 0.0)
    at, got, want, allowed = wrong[0]
    reason = (
        f"{len(wrong)} of the elements sampled are wrong, the first at {at}: got "
        f"{got!r}, truth {want!r}, where rounding explains at most {allowed:.3g}"
    )
    hard = max(worst, abs(got - want) / allowed if allowed else math.inf)
    return BoundReport(
        op,
        output,
        "FAIL",
        reason,
        checked,
        0,
        len(wrong),
        hard,
        hard,
        0.0,
        at,
        got,
        want,
        allowed,
    )


def _allowed(
    want: float, magnitude: float, n: int, output: Output, numerics: Resolved
) -> float:
    """The hard bound of one direct sum."""
    rounds = max(0, n + {"sum": -1, "products": 0, "mean": 1}[output.kind])
    growth = float(gamma(np.float64(rounds), numerics.acc.u))
    squared = (1 + numerics.u_in) ** 2 if output.kind == "products" else 1.0
    error = (squared * (1 + growth) - 1) * magnitude if magnitude else 0.0
    narrow = numerics.out.digits < numerics.acc.digits
    rounding = numerics.out.u * (abs(want) + error) if narrow else 0.0
    return error + rounding + (2 * n * numerics.eta if magnitude else 0.0)


def sampled_places(
    shape: tuple[int, ...], k: int, seed: int = 0
) -> list[tuple[int, ...]]:
    """Up to ``k`` indices: corners, the last, block edges, then random ones."""
    if not math.prod(shape):
        return []
    corners = itertools.product(*({0, n - 1} for n in shape))
    rng = np.random.default_rng(seed)
    found = dict.fromkeys([tuple(n - 1 for n in shape), *itertools.islice(corners, k)])
    edges = [
        sorted({e + d for t in TILES for e in range(t, n, t) for d in (-1, 0, 1)})
        for n in shape
    ]
    edges = [[e for e in some if e < n] for some, n in zip(edges, shape, strict=True)]
    for number in range(2 * k):
        if len(found) >= k:
            break
        # half of what is left lies on the edge of a block along some axis
        at = [int(rng.integers(n)) for n in shape]
        if number % 2:
            for axis, some in enumerate(edges):
                if some and rng.random() < 0.7:
                    at[axis] = int(rng.choice(some))
        found[tuple(at)] = None
    return list(found)[:k]


def freivalds(y: Any, call: Call, seed: int = 0) -> tuple[Array, Array]:
    """``(error, magnitude)`` of a projection of all of ``y`` on random channel weights.

    ``Σ_k r_k y_k = conv(x, Σ_k r_k w_k)``, with ``r_k`` of absolute value 1 to 512, for
    one group at a time, costs a 1/K of the convolution (Freivalds 1977). The magnitude
    is the sum of ``|r_k|`` times each element's own.
    """
    if call.operation.name not in ("conv", "linear"):
        raise OptionError(
            f"freivalds is for conv and linear, not {call.operation.name}"
        )
    rng, weight = np.random.default_rng(seed), call["weight"]
    r = rng.integers(1, 513, len(weight)) * rng.choice([-1.0, 1.0], len(weight))
    got = np.asarray(y).astype(np.float64)
    if call.operation.name == "linear":
        return _projection_of_linear(got, call, r)
    groups = int(call.attributes["groups"])
    errors, magnitudes = [], []
    per, depth = len(weight) // groups, weight.shape[1]
    options = {**call.attributes, "groups": 1}
    for g in range(groups):
        own, some = slice(g * per, (g + 1) * per), r[g * per : (g + 1) * per]
        x = call["x"][:, g * depth : (g + 1) * depth]
        bias = call.arrays["bias"]
        kernel = np.tensordot(some, weight[own], 1)[None]
        size = np.tensordot(np.abs(some), np.abs(weight[own]), 1)[None]
        shift = None if bias is None else np.atleast_1d(some @ bias[own])
        grown = (
            None if bias is None else np.atleast_1d(np.abs(some) @ np.abs(bias[own]))
        )
        wanted = conv(x, kernel, shift, **options)[:, 0]
        errors.append(np.einsum("k,nk...->n...", some, got[:, own]) - wanted)
        magnitudes.append(conv(np.abs(x), size, grown, **options)[:, 0])
    return np.stack(errors, 1), np.stack(magnitudes, 1)


def _projection_of_linear(got: Array, call: Call, r: Array) -> tuple[Array, Array]:
    x, weight, bias = call["x"], call["weight"], call.arrays["bias"]
    offset = 0.0 if bias is None else float(r @ bias)
    wanted = linear(x, (r @ weight)[None])[..., 0] + offset
    size = np.abs(r) @ np.abs(weight)
    grown = 0.0 if bias is None else float(np.abs(r) @ np.abs(bias))
    return got @ r - wanted, linear(np.abs(x), size[None])[..., 0] + grown


def _projected(
    got: Array, call: Call, numerics: Resolved, seed: int
) -> list[tuple[tuple[int, ...], float, float, float]]:
    """Places of the projection beyond its bound, as (index, error, 0, bound)."""
    error, magnitude = freivalds(got, call, seed)
    n = math.prod(call["weight"].shape[1:]) + 1
    rounds = np.float64(n)
    growth = gamma(rounds, numerics.acc.u) + gamma(2 * rounds, 2.0**-53)
    factor = (1 + numerics.u_in) ** 2 * (1 + growth) * (1 + numerics.out.u) - 1
    with np.errstate(all="ignore"):
        allowed = factor * magnitude + 1024 * n * numerics.eta * len(call["weight"])
        bad = np.isfinite(error) & (np.abs(error) > allowed)
    return [
        (
            tuple(int(i) for i in at),
            float(error[tuple(at)]),
            0.0,
            float(allowed[tuple(at)]),
        )
        for at in np.argwhere(bad)[:10]
    ]
