"""More usual ways to compute smooth operations, on the worst permitted machine: that
each bound admits all of them, whichever a kernel takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from oracle_worst_case import Machine, Number
from oracle_worst_kernels import (
    Trial,
    draws,
    exp_of,
    grid,
    log_probability,
    sum_of,
    way_of,
)

from numpy_deconv.oracle.terms.elementary import ERF, LOG, RSQRT

Array = Any
f4 = np.float32
ONE = np.ones(())


def _sigmoid(m: Machine, x: Number) -> Number:
    return m.given(ONE) / (m.given(ONE) + exp_of(m, -x))


@way_of("sigmoid")
def _sigmoids() -> Iterator[Trial]:
    x = grid(-30, 30)
    yield Trial([x], {}, lambda m: _sigmoid(m, m.given(x)))

    def of_powers(m: Machine) -> Number:
        power = exp_of(m, m.given(x))
        return power / (m.given(ONE) + power)

    yield Trial([x], {}, of_powers)


@way_of("sigmoid.backward")
def _sigmoid_slopes() -> Iterator[Trial]:
    x = grid(-20, 20)
    grad = np.ones_like(x)

    def of_value(m: Machine) -> Number:
        s = _sigmoid(m, m.given(x))
        return m.given(grad) * (s * (m.given(ONE) - s))

    def of_powers(m: Machine) -> Number:
        power = exp_of(m, -m.given(x))
        total = m.given(ONE) + power
        return m.given(grad) * (power / (total * total))

    yield Trial([grad, x], {}, of_value)
    yield Trial([grad, x], {}, of_powers)


@way_of("silu.backward")
def _silu_slopes() -> Iterator[Trial]:
    x = grid(-30, 20)
    grad = np.ones_like(x)

    def by_difference(m: Machine) -> Number:
        given, s = m.given(x), _sigmoid(m, m.given(x))
        inner = m.given(ONE) + given * (m.given(ONE) - s)
        return m.given(grad) * (s * inner)

    def by_two(m: Machine) -> Number:
        given, s = m.given(x), _sigmoid(m, m.given(x))
        inner = m.given(ONE) + given * _sigmoid(m, -given)
        return m.given(grad) * (s * inner)

    def by_value(m: Machine) -> Number:
        given, s = m.given(x), _sigmoid(m, m.given(x))
        y = given * s
        return m.given(grad) * (y + s * (m.given(ONE) - y))

    for way in (by_difference, by_two, by_value):
        yield Trial([grad, x], {}, way)


@way_of("hard_sigmoid")
def _hard_sigmoids() -> Iterator[Trial]:
    x = grid(-2.99, 2.99)
    yield Trial([x], {}, lambda m: (m.given(x) + m.given(3.0)) / m.given(6.0))
    sixth = 1 / 6
    yield Trial([x], {}, lambda m: (m.given(x) + m.given(3.0)) * m.rounded(sixth))
    yield Trial([x], {}, lambda m: m.given(x) * m.rounded(sixth) + m.given(0.5))


@way_of("hard_swish")
def _hard_swishes() -> Iterator[Trial]:
    x, sixth = grid(-2.99, 2.99), 1 / 6

    def by_sum(m: Machine) -> Number:
        return m.given(x) * (m.given(x) + m.given(3.0)) * m.rounded(sixth)

    def by_gate(m: Machine) -> Number:
        return m.given(x) * (m.given(x) * m.rounded(sixth) + m.given(0.5))

    yield Trial([x], {}, by_sum)
    yield Trial([x], {}, by_gate)


@way_of("hard_swish.backward")
def _hard_swish_slopes() -> Iterator[Trial]:
    x = grid(-2.99, 2.99)
    grad = np.ones_like(x)

    def by_third(m: Machine) -> Number:
        return m.given(grad) * (m.given(x) * m.rounded(1 / 3) + m.given(0.5))

    def by_sixth(m: Machine) -> Number:
        return m.given(grad) * ((m.given(2 * x) + m.given(3.0)) * m.rounded(1 / 6))

    yield Trial([grad, x], {}, by_third)
    yield Trial([grad, x], {}, by_sixth)


def _softmax(m: Machine, x: Array) -> list[Number]:
    top = m.given(x.max())
    powers = [exp_of(m, m.given(v) - top) for v in x]
    reciprocal = m.given(ONE) / sum_of(powers)
    return [power * reciprocal for power in powers]


@way_of("softmax")
def _softmaxes() -> Iterator[Trial]:
    for x in draws(1, 4):
        yield Trial([x], {}, lambda m, x=x: _softmax(m, x[0])[1], at=(0, 1))


@way_of("softmax.backward")
def _softmax_slopes() -> Iterator[Trial]:
    for both in draws(2, 1, 4):
        grad, x = both

        def by_mean(m: Machine, grad: Array = grad, x: Array = x) -> Number:
            y, g = _softmax(m, x[0]), [m.given(v) for v in grad[0]]
            mean = sum_of([a * b for a, b in zip(y, g, strict=True)])
            return y[1] * (g[1] - mean)

        def by_products(m: Machine, grad: Array = grad, x: Array = x) -> Number:
            y, g = _softmax(m, x[0]), [m.given(v) for v in grad[0]]
            products = [a * b for a, b in zip(y, g, strict=True)]
            return products[1] - y[1] * sum_of(products)

        yield Trial([grad, x], {}, by_mean, at=(0, 1))
        yield Trial([grad, x], {}, by_products, at=(0, 1))


@way_of("log_softmax")
def _log_softmaxes() -> Iterator[Trial]:
    for x in draws(1, 4):

        def by_whole_sum(m: Machine, x: Array = x) -> Number:
            total = sum_of([exp_of(m, m.given(v)) for v in x[0]])
            return m.given(x[0, 1]) - m.applied(np.log, lambda s: 1 / s, total, LOG)

        def at_once(m: Machine, x: Array = x) -> Number:
            top = m.given(x.max())
            total = sum_of([exp_of(m, m.given(v) - top) for v in x[0]])
            logarithm = m.applied(np.log, lambda s: 1 / s, total, LOG)
            return m.given(x[0, 1]) - (top + logarithm)

        yield Trial([x], {}, lambda m, x=x: log_probability(m, x[0], 1), at=(0, 1))
        yield Trial([x], {}, by_whole_sum, at=(0, 1))
        yield Trial([x], {}, at_once, at=(0, 1))


@way_of("log_softmax.backward")
def _log_softmax_slopes() -> Iterator[Trial]:
    for both in draws(2, 1, 4):
        grad, x = both

        def kernel(m: Machine, grad: Array = grad, x: Array = x) -> Number:
            y = exp_of(m, log_probability(m, x[0], 1))
            g = [m.given(v) for v in grad[0]]
            return g[1] - y * sum_of(g)

        yield Trial([grad, x], {}, kernel, at=(0, 1))


@way_of("batch_norm")
def _batch_norms() -> Iterator[Trial]:
    for x, mean, var, weight, bias in draws(5, 1):
        arrays = [x[None], mean, abs(var), weight, bias]

        def root(m: Machine, var: Array = var) -> Number:
            total = m.given(abs(var)) + m.rounded(1e-5)
            slope = lambda v: -0.5 * v**-1.5  # noqa: E731
            return m.applied(lambda v: v**-0.5, slope, total, RSQRT)

        def folded(m: Machine, a: list[Array] = arrays, r: Any = root) -> Number:
            x, mean, _, weight, bias = (m.given(v) for v in a)
            scale = weight * r(m)
            return x * scale + (bias - mean * scale)

        def plain(m: Machine, a: list[Array] = arrays, r: Any = root) -> Number:
            x, mean, _, weight, bias = (m.given(v) for v in a)
            return (x - mean) * r(m) * weight + bias

        yield Trial(arrays, {}, folded)
        yield Trial(arrays, {}, plain)


@way_of("gelu")
def _gelus() -> Iterator[Trial]:
    from math import erf, pi

    x = grid(-4, 6)
    each = np.vectorize(erf)
    slope = lambda z: 2 / np.sqrt(pi) * np.exp(-z * z)  # noqa: E731

    def kernel(m: Machine) -> Number:
        z = m.given(x) * m.rounded(2**-0.5)
        return m.given(x / 2) * (m.given(ONE) + m.applied(each, slope, z, ERF))

    yield Trial([x], {}, kernel)
