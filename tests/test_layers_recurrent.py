"""Recurrent layers: values and gradients against torch, and by central differences."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from numpy_deconv.errors import ShapeError
from numpy_deconv.layers.recurrent import GRU, LSTM, RNN, Recurrent
from numpy_deconv.net import Sequential

torch = pytest.importorskip("torch")

Array = npt.NDArray[Any]
RNG = np.random.default_rng(4)
INPUTS, HIDDEN = 3, 5
ORDERS = {RNN: [0], GRU: [1, 0, 2], LSTM: [0, 2, 3, 1]}
"""Which of our gates are torch's r, z, n and i, f, g, o."""


def drawn(*shape: int) -> Array:
    return RNG.normal(size=shape)


def made(kind: Any, **options: Any) -> Recurrent:
    gates = len(ORDERS[kind]) * HIDDEN
    return kind(
        drawn(gates, INPUTS),
        drawn(gates, HIDDEN),
        drawn(gates),
        drawn(gates),
        **options,
    )


def of_torch(layer: Recurrent) -> Any:
    kind: Any = type(layer)
    module = getattr(torch.nn, kind.__name__)(INPUTS, HIDDEN).double()
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    arrays = (layer.weight, layer.recurrent, layer.bias, layer.recurrent_bias)
    with torch.no_grad():
        for name, array in zip(names, arrays, strict=True):
            blocks = np.split(array, len(ORDERS[kind]))
            theirs = [blocks[place] for place in ORDERS[kind]]
            getattr(module, name).copy_(torch.tensor(np.concatenate(theirs)))
    return module


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
@pytest.mark.parametrize("reverse", [False, True])
def test_like_torch(kind: Any, reverse: bool) -> None:
    layer, x, signal = made(kind, reverse=reverse), drawn(6, 2, 3), drawn(6, 1, 2, 5)
    there = torch.tensor(x, requires_grad=True)
    seen = there.flip(0) if reverse else there
    y = of_torch(layer)(seen)[0]
    y = y.flip(0) if reverse else y
    y.backward(torch.tensor(signal[:, 0]))
    ours, saved = layer.forward(x)
    np.testing.assert_allclose(ours[:, 0], y.detach().numpy(), atol=1e-12)
    (grad,) = layer.vjp(saved, signal)
    np.testing.assert_allclose(grad, there.grad.numpy(), atol=1e-12)


LAYERS = [
    made(RNN),
    made(GRU, reverse=True),
    made(GRU, reset_after=False, start=(drawn(1, HIDDEN),)),
    made(LSTM, start=(drawn(2, HIDDEN), drawn(2, HIDDEN))),
    made(LSTM, shown=1),
]
every_layer = pytest.mark.parametrize("layer", LAYERS)


@every_layer
def test_gradients_are_slopes(layer: Recurrent) -> None:
    x, signal = drawn(4, 2, INPUTS), drawn(4, 1, 2, HIDDEN)
    _, saved = layer.forward(x)
    (grad,) = layer.vjp(saved, signal)
    grads = {"input": grad, **layer.param_grads(saved, signal)}
    assert grads.keys() == {"input", *layer.params}
    for name, found in grads.items():
        step = 1e-6 * RNG.normal(size=found.shape)
        ends = []
        for sign in (1, -1):
            other, moved = copy.copy(layer), x
            if name == "input":
                moved = x + sign * step
            else:
                value = getattr(layer, name) + sign * step
                object.__setattr__(other, name, value)
            ends.append(float((other.forward(moved)[0] * signal).sum()))
        slope = float((found * step).sum())
        assert abs((ends[0] - ends[1]) / 2 - slope) < 1e-6 * np.abs(found * step).sum()


@every_layer
def test_many_gradients_of_one_sample(layer: Recurrent) -> None:
    if layer.start and len(layer.start[0]) > 1:
        return
    _, saved = layer.forward(drawn(4, 1, INPUTS))
    signals = drawn(4, 1, 3, HIDDEN)
    (together,) = layer.vjp(saved, signals)
    for row in range(3):
        (alone,) = layer.vjp(saved, signals[:, :, row : row + 1])
        np.testing.assert_allclose(together[:, row : row + 1], alone, atol=1e-12)


def test_words() -> None:
    assert made(GRU, reverse=True).describe() == "GRU 3 -> 5, from the end"
    with pytest.raises(ShapeError, match=r"\(2, 3\) is no sequence \(time, batch, 3\)"):
        Sequential({"lstm": made(LSTM)}).run(drawn(2, 3))
