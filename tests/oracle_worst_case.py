"""A machine whose every operation errs as far as it may, in the direction that hurts.

It shows that a bound is no larger than it must be: a kernel is run once without errors,
the tape then tells for each of its operations which sign of its error moves the result
upwards, and in a second run each one errs by exactly its permitted share with that
sign. Its answer is a correct one, for every operation kept its promise; and one that
errs twice as far is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
UNIT = 2.0**-24
"""Of single precision, in which the judged arithmetic is."""
ALMOST = 1 - 2.0**-20
"""Share of a permitted error that is made: the products of two errors are left out."""


@dataclass
class Number:
    """A value on a machine's tape."""

    machine: Machine
    value: Array
    index: int

    def __add__(self, other: Number) -> Number:
        total = self.value + other.value
        return self.machine.made(total, [(self, 1.0), (other, 1.0)], 1)

    def __sub__(self, other: Number) -> Number:
        total = self.value - other.value
        return self.machine.made(total, [(self, 1.0), (other, -1.0)], 1)

    def __mul__(self, other: Number) -> Number:
        product = self.value * other.value
        partials = [(self, other.value), (other, self.value)]
        return self.machine.made(product, partials, 1)

    def __truediv__(self, other: Number) -> Number:
        quotient = self.value / other.value
        partials = [(self, 1 / other.value), (other, -quotient / other.value)]
        return self.machine.made(quotient, partials, 1)

    def __neg__(self) -> Number:
        return self.machine.made(-self.value, [(self, -1.0)], 0)


class Machine:
    """Arithmetic with relative errors of given signs, ``strength`` times the permitted
    ones; a first run without signs leaves them behind."""

    def __init__(self, signs: Sequence[Array] = (), strength: float = 1.0) -> None:
        self.signs, self.strength = signs, strength
        self.tape: list[list[tuple[int, Array]]] = []

    def made(
        self, value: Array, partials: Sequence[tuple[Number, Array]], units: float
    ) -> Number:
        """The result of an operation that may be off by so many unit roundoffs."""
        index = len(self.tape)
        self.tape.append([(number.index, slope) for number, slope in partials])
        if len(self.signs) > index:
            off = self.signs[index] * (units * UNIT * self.strength * ALMOST)
            value = value * (1 + off)
        return Number(self, np.asarray(value, np.float64), index)

    def given(self, value: Array) -> Number:
        """A number that is exact."""
        return self.made(value, [], 0)

    def rounded(self, value: Array) -> Number:
        """A constant that single precision rounds."""
        return self.made(value, [], 1)

    def applied(
        self,
        function: Callable[[Array], Array],
        slope: Callable[[Array], Array],
        x: Number,
        units: float,
    ) -> Number:
        """An elementary function that is allowed that many units."""
        return self.made(function(x.value), [(x, slope(x.value))], units)

    def power(self, base: Number, exponent: Number, units: float) -> Number:
        """``base ** exponent``."""
        b, e = base.value, exponent.value
        value = b**e
        partials = [(base, e * value / b), (exponent, value * np.log(b))]
        return self.made(value, partials, units)

    def upwards(self, result: Number) -> list[Array]:
        """For each operation the sign of a relative error that raises the result."""
        adjoints: list[Array] = [0.0] * len(self.tape)
        adjoints[result.index] = 1.0
        for index in range(result.index, -1, -1):
            for parent, slope in self.tape[index]:
                adjoints[parent] = adjoints[parent] + adjoints[index] * slope
        return adjoints


Kernel = Callable[[Machine], Number]


def worst(kernel: Kernel, strength: float) -> Array:
    """The kernel's answer when every operation errs ``strength`` times as far as it
    may, always so that the result is too large."""
    values: list[Array] = []

    class Recording(Machine):
        def made(self, value: Array, partials: Any, units: float) -> Number:
            values.append(value)
            return super().made(value, partials, units)

    machine = Recording()
    with np.errstate(all="ignore"):
        slopes = machine.upwards(kernel(machine))
        signs = [np.sign(s * v) for s, v in zip(slopes, values, strict=True)]
        return kernel(Machine(signs, strength)).value
