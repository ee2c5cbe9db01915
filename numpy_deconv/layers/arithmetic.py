"""Arithmetic, element by element, of activations and constants, with broadcasting."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ShapeError
from ..registry import beside
from .boxes import Boxes, Indices, rows_of
from .broadcasting import broadcast_shape, same_everywhere, total, unbroadcast
from .layer import Layer, Outline, Pointwise


@dataclass(frozen=True, eq=False)
class Offset(Pointwise):
    """``x + value``, the constant broadcast against ``x``."""

    parameters = ("value",)

    value: Array

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        broadcast_shape(x.shape, self.value.shape)
        return x + beside(self.value, x), x

    def vjp(self, saved: Any, gy: Array) -> tuple[Array | None, ...]:
        shape = broadcast_shape(saved.shape, self.value.shape)
        return (unbroadcast(gy, saved.shape, shape),)

    def slim(self, saved: Any, y: Array) -> Outline:
        return Outline(saved.shape)

    def param_grads(self, saved: Any, gy: Array) -> dict[str, Array]:
        return {"value": total(gy, self.value.shape)}

    def take(self, saved: Any, samples: Indices) -> Any:
        same = broadcast_shape(saved.shape, self.value.shape) == saved.shape
        return Outline(saved.shape) if same else NotImplemented

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer | None:
        return self if same_everywhere(self.value, len(output.plane)) else None

    def crop(
        self, saved: Any, inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, Outline] | None:
        if self.on_windows(inputs, output) is None:
            return None
        return self, Outline((len(output), *saved.shape[1:2], *inputs[0].shape))


@dataclass(frozen=True, eq=False)
class Scale(Offset):
    """``x * value``, the constant broadcast against ``x``."""

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        broadcast_shape(x.shape, self.value.shape)
        return x * beside(self.value, x), x

    def vjp(self, saved: Any, gy: Array) -> tuple[Array | None, ...]:
        return super().vjp(saved, gy * beside(self.value, gy))

    def slim(self, saved: Any, y: Array) -> Outline:
        return Outline(saved.shape)

    def param_grads(self, saved: Any, gy: Array) -> dict[str, Array]:
        return {"value": total(gy * saved, self.value.shape)}

    def take(self, saved: Any, samples: Indices) -> Any:
        return super().take(saved, samples)

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer | None:
        return super().on_windows(inputs, output)

    def crop(
        self, saved: Any, inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, Outline] | None:
        return super().crop(saved, inputs, output)


@dataclass(frozen=True, eq=False)
class Operation(Layer):
    """A function of several operands, some of which may be constants.

    ``constants`` has one entry per operand: an array, or None for an input. Without it
    every operand is an input.
    """

    arity = None
    operands = 2

    constants: tuple[Array | None, ...] = ()

    @abstractmethod
    def value(self, *operands: Array) -> Array:
        """The result of all operands."""

    @abstractmethod
    def slopes(self, gy: Array, *operands: Array) -> tuple[Array | None, ...]:
        """What each operand's gradient is before what was broadcast is summed."""

    def forward(self, *xs: Array) -> tuple[Array, tuple[Array, ...]]:
        operands = self._filled(xs)
        self.check(*operands)
        return self.value(*operands), xs

    def check(self, *operands: Array) -> None:
        """Raise ShapeError for operands that do not fit each other."""
        broadcast_shape(*(each.shape for each in operands))

    def vjp(self, saved: tuple[Array, ...], gy: Array) -> tuple[Array | None, ...]:
        operands = self._filled(saved)
        shape = broadcast_shape(*(each.shape for each in operands))
        slopes = self.slopes(gy, *operands)
        return tuple(
            None if slopes[i] is None else unbroadcast(slopes[i], x.shape, shape)
            for i, x in zip(self._places, saved, strict=True)
        )

    @property
    def _places(self) -> list[int]:
        """Which operands are inputs."""
        given = self.constants or (None,) * self.operands
        return [i for i, constant in enumerate(given) if constant is None]

    def _filled(self, xs: tuple[Array, ...]) -> list[Array]:
        if len(xs) != len(self._places):
            raise ShapeError(
                f"{self.describe()} reads {len(self._places)} inputs, got {len(xs)}"
            )
        inputs = iter(xs)
        given = self.constants or (None,) * self.operands
        return [
            next(inputs) if each is None else beside(each, xs[0]) if xs else each
            for each in given
        ]

    def take(self, saved: tuple[Array, ...], samples: Indices) -> Any:
        shapes = [x.shape for x in self._filled(saved)]
        result = broadcast_shape(*shapes)
        if any(len(x.shape) != len(result) or len(x) != result[0] for x in saved):
            return NotImplemented
        return tuple(rows_of(x, samples) for x in saved)

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer | None:
        rank, constants = len(output.plane), self.constants
        fixed = (c for c in constants if c is not None)
        return self if all(same_everywhere(c, rank) for c in fixed) else None

    def crop(
        self, saved: tuple[Array, ...], inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, tuple[Array, ...]] | None:
        if self.on_windows(inputs, output) is None:
            return None
        return self, tuple(b.cut(x) for b, x in zip(inputs, saved, strict=True))


@dataclass(frozen=True, eq=False)
class Sub(Operation):
    """``a - b``."""

    def value(self, *operands: Array) -> Array:
        a, b = operands
        return a - b

    def slopes(self, gy: Array, *operands: Array) -> tuple[Array | None, ...]:
        return gy, -gy


@dataclass(frozen=True, eq=False)
class Div(Operation):
    """``a / b``; integers are divided towards zero."""

    def value(self, *operands: Array) -> Array:
        a, b = operands
        if a.dtype.kind not in "iu":
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                return a / b
        with np.errstate(divide="ignore"):
            quotient, rest = a // b, a % b
        return quotient + ((rest != 0) & ((a < 0) != (b < 0))).astype(quotient.dtype)

    def slopes(self, gy: Array, *operands: Array) -> tuple[Array | None, ...]:
        a, b = operands
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return gy / b, -gy * a / (b * b)


@dataclass(frozen=True, eq=False)
class Pow(Operation):
    """``a ** b``, in the type of ``a``."""

    def value(self, *operands: Array) -> Array:
        a, b = operands
        with np.errstate(all="ignore"):
            return np.power(a, b).astype(a.dtype, copy=False)

    def slopes(self, gy: Array, *operands: Array) -> tuple[Array | None, ...]:
        a, b = operands
        with np.errstate(all="ignore"):
            # 0 ** 0 has the slope 0, and the logarithm of 0 counts for nought
            for_a = np.where(b == 0, 0, b * np.power(a, b - 1))
            for_b = np.where(a > 0, np.power(a, b) * np.log(np.where(a > 0, a, 1)), 0)
        return (gy * for_a).astype(gy.dtype), (gy * for_b).astype(gy.dtype)


@dataclass(frozen=True, eq=False)
class Maximum(Operation):
    """The larger of two; where they are equal each has half of the gradient."""

    def value(self, *operands: Array) -> Array:
        return np.maximum(*operands)

    def slopes(self, gy: Array, *operands: Array) -> tuple[Array | None, ...]:
        a, b = operands
        share = (a > b) + (a == b) * gy.dtype.type(0.5)
        share = share.astype(gy.dtype)
        return gy * share, gy * (1 - share)


@dataclass(frozen=True, eq=False)
class Minimum(Operation):
    """The smaller of two; where they are equal each has half of the gradient."""

    def value(self, *operands: Array) -> Array:
        return np.minimum(*operands)

    def slopes(self, gy: Array, *operands: Array) -> tuple[Array | None, ...]:
        a, b = operands
        for_b, for_a = Maximum().slopes(gy, a, b)
        return for_a, for_b


@dataclass(frozen=True, eq=False)
class Where(Operation):
    """The second operand where the first is true, else the third."""

    operands = 3

    def value(self, *operands: Array) -> Array:
        return np.where(*operands)

    def slopes(self, gy: Array, *operands: Array) -> tuple[Array | None, ...]:
        condition = operands[0].astype(bool)
        zero = gy.dtype.type(0)
        return None, np.where(condition, gy, zero), np.where(condition, zero, gy)
