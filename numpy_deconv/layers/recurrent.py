"""Recurrent layers, one direction each: what text recognisers put behind convolutions.

::

    y (T, 1, N, H)  <-  x (T, N, I)        time first; 1 is the direction, as in ONNX
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, widened
from ..errors import ShapeError
from ..registry import beside
from .layer import ReadsAll, WithoutRule


class History(NamedTuple):
    """The input, and at each time the states before the step and the gates in it."""

    x: Array
    before: dict[int, tuple[Array, ...]]
    gates: dict[int, tuple[Array, ...]]


@dataclass(frozen=True, eq=False)
class Recurrent(ReadsAll, WithoutRule):
    """A state carried along the first axis; ``reverse``: from its end.

    ``weight (G*H, I)`` and ``recurrent (G*H, H)`` hold G gates below each other, the
    biases ``(G*H,)`` likewise. ``start`` are the states before the first step, each
    ``(1, H)`` or ``(N, H)``; without them they are 0. ``shown`` is the number of the
    state that is put out: 1 is the cell of an LSTM.
    """

    parameters = ("weight", "recurrent", "bias", "recurrent_bias")

    weight: Array
    recurrent: Array
    bias: Array
    recurrent_bias: Array
    start: tuple[Array, ...] = ()
    reverse: bool = False
    shown: int = 0

    states = 1

    @property
    def hidden(self) -> int:
        """Size of the state."""
        return int(self.recurrent.shape[1])

    @abstractmethod
    def step(
        self, given: Array, before: tuple[Array, ...]
    ) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """The states after ``given``, the input's share of the gates; and the gates."""

    @abstractmethod
    def back(
        self,
        after: tuple[Array, ...],
        before: tuple[Array, ...],
        gates: tuple[Array, ...],
    ) -> tuple[tuple[Array, ...], Array, Array]:
        """From gradients of the states after a step: those of the states before it, of
        what the input added to the gates, and of what the state did."""

    def forward(self, *xs: Array) -> tuple[Array, History]:
        (x,) = xs
        if x.ndim != 3 or x.shape[2] != self.weight.shape[1]:
            raise ShapeError(
                f"an input of shape {x.shape} is no sequence (time, batch, "
                f"{self.weight.shape[1]})"
            )
        given = _product(x, beside(self.weight, x).T) + beside(self.bias, x)
        zeros = np.zeros_like(x, shape=(x.shape[1], self.hidden))
        states = tuple(
            beside(s, x).astype(x.dtype, copy=False) + zeros for s in self.start
        )
        states = states or (zeros,) * self.states
        y = np.zeros_like(x, shape=(len(x), 1, x.shape[1], self.hidden))
        before, gates = {}, {}
        for time in self._times(len(x)):
            before[time] = states
            states, gates[time] = self.step(given[time], states)
            y[time, 0] = states[self.shown]
        return y, History(x, before, gates)

    def _times(self, length: int) -> range:
        return range(length)[:: -1 if self.reverse else 1]

    def vjp(self, saved: History, gy: Array) -> tuple[Array | None, ...]:
        given, _ = self._slopes(saved, gy)
        return (_product(given, beside(self.weight, gy)),)

    def param_grads(self, saved: History, gy: Array) -> dict[str, Array]:
        given, added = self._slopes(saved, gy)
        flat = given.reshape(-1, given.shape[-1])
        return {
            "weight": _product(flat.T, saved.x.reshape(len(flat), -1)),
            "recurrent": sum(
                (self.recurrent_grad(added[t], saved.before[t], saved.gates[t])
                 for t in saved.before),
                start=np.zeros_like(self.recurrent),
            ),
            "bias": given.sum(axis=(0, 1)),
            "recurrent_bias": added.sum(axis=(0, 1)),
        }  # fmt: skip

    def recurrent_grad(
        self, added: Array, before: tuple[Array, ...], gates: tuple[Array, ...]
    ) -> Array:
        """The share of one step in the gradient of ``recurrent``."""
        return _product(added.T, before[0])

    def _slopes(self, saved: History, gy: Array) -> tuple[Array, Array]:
        """Gradients of what the input and the state add to the gates, at each time."""
        shape = (len(gy), gy.shape[2], len(self.weight))
        given, added = np.zeros_like(gy, shape=shape), np.zeros_like(gy, shape=shape)
        after = (np.zeros_like(gy, shape=gy.shape[2:]),) * self.states
        for time in reversed(self._times(len(gy))):
            states = tuple(
                each + gy[time, 0] if number == self.shown else each
                for number, each in enumerate(after)
            )
            after, given[time], added[time] = self.back(
                states, saved.before[time], saved.gates[time]
            )
        return given, added

    def describe(self) -> str:
        sizes = f"{self.weight.shape[1]} -> {self.hidden}"
        return f"{type(self).__name__} {sizes}" + ", from the end" * self.reverse

    def _added(self, state: Array) -> Array:
        """What the state adds to the gates."""
        weight = beside(self.recurrent, state)
        return _product(state, weight.T) + beside(self.recurrent_bias, state)


@dataclass(frozen=True, eq=False)
class RNN(Recurrent):
    """``h' = tanh(W x + R h + b)``. Elman 1990."""

    def step(self, given: Array, before: tuple[Array, ...]) -> Any:
        (state,) = before
        after = np.tanh(given + self._added(state))
        return (after,), (after,)

    def back(self, after: Any, before: Any, gates: Any) -> Any:
        slope = after[0] * (1 - gates[0] * gates[0])
        return (_product(slope, beside(self.recurrent, slope)),), slope, slope


@dataclass(frozen=True, eq=False)
class LSTM(Recurrent):
    """Gates input, output, forget, cell in ONNX's order; states hidden and cell.

    ``c' = f c + i g``, ``h' = o tanh(c')``. Hochreiter & Schmidhuber 1997.
    """

    states = 2

    def step(self, given: Array, before: tuple[Array, ...]) -> Any:
        state, cell = before
        open_gates = given + self._added(state)
        i, o, f, g = np.split(open_gates, 4, axis=-1)
        i, o, f, g = _sigmoid(i), _sigmoid(o), _sigmoid(f), np.tanh(g)
        cell = f * cell + i * g
        return (o * np.tanh(cell), cell), (i, o, f, g, np.tanh(cell))

    def back(self, after: Any, before: Any, gates: Any) -> Any:
        i, o, f, g, bent = gates
        grad, of_cell = after
        of_cell = of_cell + grad * o * (1 - bent * bent)
        slopes = (
            of_cell * g * i * (1 - i),
            grad * bent * o * (1 - o),
            of_cell * before[1] * f * (1 - f),
            of_cell * i * (1 - g * g),
        )
        added = np.concatenate(slopes, axis=-1)
        down = _product(added, beside(self.recurrent, added))
        return (down, of_cell * f), added, added


@dataclass(frozen=True, eq=False)
class GRU(Recurrent):
    """Gates update z, reset r and candidate: ``h' = (1 - z) tanh(...) + z h``.

    With ``reset_after`` r multiplies what the state adds to the candidate, as cuDNN and
    torch do it; without it the state itself. Cho et al. 2014.
    """

    reset_after: bool = True

    def step(self, given: Array, before: tuple[Array, ...]) -> Any:
        (state,) = before
        added, n = self._added(state), self.hidden
        z = _sigmoid(given[:, :n] + added[:, :n])
        r = _sigmoid(given[:, n : 2 * n] + added[:, n : 2 * n])
        last = added[:, 2 * n :]
        if not self.reset_after:
            last = self._added(r * state)[:, 2 * n :]
        new = np.tanh(given[:, 2 * n :] + (r * last if self.reset_after else last))
        return ((1 - z) * new + z * state,), (z, r, new, last)

    def back(self, after: Any, before: Any, gates: Any) -> Any:
        (grad,), (state,) = after, before
        z, r, new, last = gates
        of_new = grad * (1 - z) * (1 - new * new)
        of_z = grad * (state - new) * z * (1 - z)
        weight = beside(self.recurrent, grad)
        n = self.hidden
        if self.reset_after:
            of_r, of_last = of_new * last * r * (1 - r), of_new * r
            through = _product(of_last, weight[2 * n :])
        else:
            through = _product(of_new, weight[2 * n :])
            of_r, of_last = through * state * r * (1 - r), of_new
            through = through * r
        gated = np.concatenate([of_z, of_r], axis=-1)
        down = grad * z + _product(gated, weight[: 2 * n]) + through
        given = np.concatenate([gated, of_new], axis=-1)
        return (down,), given, np.concatenate([gated, of_last], axis=-1)

    def recurrent_grad(self, added: Array, before: Any, gates: Any) -> Array:
        if self.reset_after:
            return super().recurrent_grad(added, before, gates)
        n, (state,) = 2 * self.hidden, before
        halves = (
            _product(added[:, :n].T, state),
            _product(added[:, n:].T, gates[1] * state),
        )
        return np.concatenate(halves)


@widened
def _product(a: Array, b: Array) -> Array:
    return np.matmul(a, b)


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small).astype(x.dtype) / (1 + small)
