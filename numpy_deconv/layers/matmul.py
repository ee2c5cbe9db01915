"""Matrix products of activations, with each other or with a constant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array, widened
from ..errors import ShapeError
from .arithmetic import Operation
from .boxes import Indices, rows_of
from .broadcasting import broadcast_shape, unbroadcast
from .layer import ReadsAll


@dataclass(frozen=True, eq=False)
class MatMul(ReadsAll, Operation):
    """``a @ b`` as NumPy's: over the last two axes, the others broadcast."""

    def check(self, *operands: Array) -> None:
        a, b = operands
        inner = b.shape[-2] if b.ndim > 1 else len(b) if b.ndim else None
        if not a.ndim or inner != a.shape[-1]:
            raise ShapeError(
                f"matrices of shapes {a.shape} and {b.shape} have no product"
            )
        broadcast_shape(a.shape[:-2], b.shape[:-2])

    def value(self, *operands: Array) -> Array:
        return _product(*operands)

    def slopes(self, gy: Array, *operands: Array) -> tuple[Array | None, ...]:
        a, b = operands
        return _product(gy, b.swapaxes(-1, -2)), _product(a.swapaxes(-1, -2), gy)

    def vjp(self, saved: tuple[Array, ...], gy: Array) -> tuple[Array | None, ...]:
        a, b = self._filled(saved)
        if a.ndim == 1 or b.ndim == 1:
            return self._of_vectors(saved, gy)
        lead = broadcast_shape(a.shape[:-2], b.shape[:-2])
        grads = self.slopes(gy, a, b)
        return tuple(
            unbroadcast(grads[i], x.shape, (*lead, *x.shape[-2:]))
            for i, x in zip(self._places, saved, strict=True)
        )

    def _of_vectors(
        self, saved: tuple[Array, ...], gy: Array
    ) -> tuple[Array | None, ...]:
        """A vector is a matrix of one row on the left, of one column on the right."""
        a, b = self._filled(saved)
        row, column = a.ndim == 1, b.ndim == 1
        if row:
            a, gy = a[None], gy[..., None, :] if not column else gy[..., None]
        if column:
            b, gy = b[:, None], gy[..., None]
        matrices = replace(self, constants=())
        for_a, for_b = matrices.vjp((a, b), gy)
        grads = (
            for_a[0] if row and for_a is not None else for_a,
            for_b[:, 0] if column and for_b is not None else for_b,
        )
        return tuple(grads[i] for i in self._places)

    def take(self, saved: tuple[Array, ...], samples: Indices) -> Any:
        rank = max(x.ndim for x in self._filled(saved))
        if any(x.ndim < 3 or x.ndim < rank for x in saved):
            return NotImplemented
        return tuple(rows_of(x, samples) for x in saved)


@widened
def _product(a: Array, b: Array) -> Array:
    return np.matmul(a, b)
