"""Kernels on the worst permitted machine, where PyTorch stays far from the bound.

Every one is a usual way to compute its operation. PyTorch's elementary functions are
good to little more than half a unit in the last place while a bound must allow for
those of others, which are good to two or four; so it cannot come near.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np
from oracle_worst_case import Kernel, Machine, Number, worst

from numpy_deconv import oracle
from numpy_deconv.oracle.terms.elementary import EXP, LOG, POW, TANH

Array = Any
f4 = np.float32


class Trial(NamedTuple):
    """A call, the way its result (at ``at``) is computed, and whose result it is."""

    inputs: list[Array]
    attrs: dict[str, Any]
    kernel: Kernel
    at: Any = ...


Trials = Callable[[], Iterator[Trial]]
WORST: dict[str, Trials] = {}


def way_of(op: str) -> Callable[[Trials], Trials]:
    """Register the decorated function's trials for an operation."""

    def register(trials: Trials) -> Trials:
        WORST[op] = trials
        return trials

    return register


def nearest(op: str, strength: float = 1.0) -> float:
    """The largest share of the hard bound that a trial of the operation reaches."""
    found = 0.0
    for trial in WORST[op]():
        bound = oracle.bound(op, trial.inputs, trial.attrs)
        y, H = (np.asarray(a)[trial.at] for a in (bound.y, bound.H))
        off = np.abs(worst(trial.kernel, strength).reshape(y.shape) - y)
        judged = (H > 0) & np.isfinite(H)
        found = max(found, float(np.max(off[judged] / H[judged], initial=0.0)))
    return found


def exp_of(m: Machine, x: Number) -> Number:
    """An exponential."""
    return m.applied(np.exp, np.exp, x, EXP)


def sum_of(terms: list[Number]) -> Number:
    """A sum from the left."""
    return reduce(add, terms)


def grid(low: float, high: float) -> Array:
    """Many numbers of a range."""
    return np.linspace(low, high, 801).astype(f4).reshape(1, 1, -1)


def draws(*shape: int, count: int = 24, spread: float = 2.0) -> Iterator[Array]:
    """Arrays of normally distributed numbers."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield (spread * rng.normal(size=shape)).astype(f4)


@way_of("tanh")
def _tanh() -> Iterator[Trial]:
    x = grid(-3, 3)
    slope = lambda z: 1 - np.tanh(z) ** 2  # noqa: E731
    yield Trial([x], {}, lambda m: m.applied(np.tanh, slope, m.given(x), TANH))


@way_of("tanh.backward")
def _tanh_slope() -> Iterator[Trial]:
    x = grid(-6, 6)
    grad = np.ones_like(x)
    slope = lambda z: 1 - np.tanh(z) ** 2  # noqa: E731

    def kernel(m: Machine) -> Number:
        y = m.applied(np.tanh, slope, m.given(x), TANH)
        return m.given(grad) * (m.given(1.0) - y * y)

    yield Trial([grad, x], {}, kernel)


@way_of("elu")
def _elu() -> Iterator[Trial]:
    x = grid(-12, -0.01)
    yield Trial(
        [x],
        {"alpha": 1.3},
        lambda m: m.rounded(1.3) * (exp_of(m, m.given(x)) - m.given(1.0)),
    )


@way_of("elu.backward")
def _elu_slope() -> Iterator[Trial]:
    x = grid(-12, -0.01)
    grad = np.ones_like(x)
    yield Trial(
        [grad, x],
        {"alpha": 1.3},
        lambda m: m.given(grad) * (m.rounded(1.3) * exp_of(m, m.given(x))),
    )


@way_of("silu")
def _silu() -> Iterator[Trial]:
    x, one = grid(-20, 20), np.ones(())
    yield Trial(
        [x],
        {},
        lambda m: m.given(x) * (m.given(one) / (m.given(one) + exp_of(m, -m.given(x)))),
    )


@way_of("softplus")
def _softplus() -> Iterator[Trial]:
    x, beta = grid(-20, 20), 0.7

    def kernel(m: Machine) -> Number:
        z = m.rounded(beta) * m.given(x)
        power = exp_of(m, z)
        y = m.applied(np.log1p, lambda e: 1 / (1 + e), power, LOG)
        return y / m.rounded(beta)

    yield Trial([x], {"beta": beta, "threshold": 15.0}, kernel)


@way_of("softplus.backward")
def _softplus_slope() -> Iterator[Trial]:
    x = grid(-20, 15)
    grad = np.ones_like(x)

    def kernel(m: Machine) -> Number:
        power = exp_of(m, m.given(x))
        return m.given(grad) * (power / (m.given(1.0) + power))

    yield Trial([grad, x], {}, kernel)


def _denominators(m: Machine, x: Array, size: int, a: dict[str, Any]) -> list[Number]:
    channels = [m.given(x[0, c]) for c in range(x.shape[1])]
    squares = [c * c for c in channels]
    found = []
    for c in range(len(channels)):
        near = squares[max(0, c - size // 2) : c + (size - 1) // 2 + 1]
        share = m.rounded(a["alpha"]) / m.given(float(size))
        found.append(sum_of(near) * share + m.rounded(a["k"]))
    return found


@way_of("local_response_norm")
def _response_norm() -> Iterator[Trial]:
    a = {"size": 3, "alpha": 0.5, "beta": 0.75, "k": 0.3}
    for x in draws(1, 3, 1):

        def kernel(m: Machine, x: Array = x) -> Number:
            d = _denominators(m, x, 3, a)[1]
            power = m.power(d, m.rounded(a["beta"]), POW)
            return m.given(x[0, 1]) / power

        yield Trial([x], a, kernel, at=(0, 1))


@way_of("local_response_norm.backward")
def _response_norm_slope() -> Iterator[Trial]:
    a = {"size": 3, "alpha": 0.5, "beta": 0.75, "k": 0.3}
    for both in draws(2, 1, 3, 1):
        grad, x = both

        def kernel(m: Machine, grad: Array = grad, x: Array = x) -> Number:
            # as automatic differentiation of x / d ** beta has it
            d, beta = _denominators(m, x, 3, a), m.rounded(a["beta"])
            terms = []
            for c in range(3):
                power = m.power(d[c], beta, POW)
                y = (m.given(x[0, c]) / power) / power
                rest = m.power(d[c], beta - m.given(1.0), POW)
                terms.append(m.given(grad[0, c]) * y * (beta * rest))
            own = m.given(grad[0, 1]) / m.power(d[1], beta, POW)
            share = m.rounded(a["alpha"]) / m.given(3.0)
            return own - m.given(2 * x[0, 1]) * (share * sum_of(terms))

        yield Trial([grad, x], a, kernel, at=(0, 1))


def _norm(m: Machine, x: Array, p: float) -> Number:
    """As PyTorch has it: a mean of powers, times their number."""
    powers = [m.power(m.given(abs(v)), m.given(p), POW) for v in x.ravel()]
    mean = sum_of(powers) / m.given(float(x.size))
    total = mean * m.given(float(x.size))
    return m.power(total, m.rounded(1 / p), POW)


@way_of("lp_pool")
def _lp_pool() -> Iterator[Trial]:
    for x in draws(1, 1, 3):
        attrs = {"norm_type": 3.0, "kernel_size": 3}
        yield Trial([x], attrs, lambda m, x=x: _norm(m, x, 3.0))


@way_of("lp_pool.backward")
def _lp_pool_slope() -> Iterator[Trial]:
    grad = np.ones((1, 1, 1), f4)
    for x in draws(1, 1, 3, spread=1.0):

        def kernel(m: Machine, x: Array = x) -> Number:
            own = m.power(m.given(abs(x[..., 0])), m.given(2.0), POW)
            norm = m.power(_norm(m, x, 3.0), m.given(-2.0), POW)
            share = m.given(grad[..., 0] * np.sign(x[..., 0])) * norm
            return share * own

        attrs = {"norm_type": 3.0, "kernel_size": 3}
        yield Trial([grad, x], attrs, kernel, at=(0, 0, 0))


def log_probability(m: Machine, x: Array, label: int) -> Number:
    """``log softmax(x)`` at a label."""
    top = m.given(x.max())
    parts = [m.given(v) - top for v in x]
    total = sum_of([exp_of(m, part) for part in parts])
    logarithm = m.applied(np.log, lambda s: 1 / s, total, LOG)
    return parts[label] - logarithm


@way_of("cross_entropy")
def _cross_entropy() -> Iterator[Trial]:
    label = np.zeros(1, np.int64)
    for x in draws(1, 3):
        kernel = lambda m, x=x: -log_probability(m, x[0], 0)  # noqa: E731
        yield Trial([x, label], {}, kernel)


@way_of("cross_entropy.backward")
def _cross_entropy_slope() -> Iterator[Trial]:
    label, grad = np.ones(1, np.int64), np.ones((), f4)
    for x in draws(1, 3):

        def kernel(m: Machine, x: Array = x) -> Number:
            y = exp_of(m, log_probability(m, x[0], 0))
            return m.given(grad) * y

        yield Trial([grad, x, label], {}, kernel, at=(0, 0))


@way_of("mse")
def _mse() -> Iterator[Trial]:
    for x, target in draws(2, 1, 3):

        def kernel(m: Machine, x: Array = x, target: Array = target) -> Number:
            off = [
                m.given(a) - m.given(b) for a, b in zip(x[0], target[0], strict=True)
            ]
            return sum_of([d * d for d in off]) * m.rounded(1 / 3)

        yield Trial([x, target], {}, kernel)


@way_of("global_avg_pool.backward")
def _mean_slope() -> Iterator[Trial]:
    grad, x = np.full((1, 1, 1), 0.7, f4), np.ones((1, 1, 3), f4)
    kernel = lambda m: m.given(grad) * m.rounded(1 / 3)  # noqa: E731
    yield Trial([grad, x], {}, kernel, at=(slice(None), slice(None), slice(0, 1)))


@way_of("upsample")
def _upsample() -> Iterator[Trial]:
    scale, at = 2.3, 60
    place = (at + 0.5) / scale - 0.5
    low = int(place)
    for x in draws(1, 1, 40):

        def kernel(m: Machine, x: Array = x) -> Number:
            position = m.given(at + 0.5) * m.rounded(1 / scale) - m.given(0.5)
            # without error: both are near each other
            high = m.made(position.value - low, [(position, 1.0)], 0)
            weight = m.given(1.0) - high
            left, right = (m.given(x[0, 0, i]) for i in (low, low + 1))
            return left * weight + right * high

        yield Trial([x], {"scale": scale, "mode": "bilinear"}, kernel, at=(0, 0, at))
