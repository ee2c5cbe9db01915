"""Sampling at the positions of a grid: against torch, every mode and border."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.layers.grid_sample import BORDERS, MODES, GridSample

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(2)
THEIRS = {"linear": "bilinear", "cubic": "bicubic", "nearest": "nearest"}


@pytest.mark.parametrize(
    ("mode", "border", "corners", "rank"),
    [
        each
        for each in itertools.product(MODES, BORDERS, (False, True), (2, 3))
        if each[0] != "cubic" or each[3] == 2
    ],
)
def test_like_torch(mode: str, border: str, corners: bool, rank: int) -> None:
    size, out = (5, 7, 4)[:rank], (3, 6, 2)[:rank]
    x, grid = RNG.normal(size=(2, 3, *size)), RNG.uniform(-1.7, 1.7, (2, *out, rank))
    layer = GridSample((), mode, border, corners)
    y, saved = layer.forward(x, grid)
    there = [torch.tensor(each, requires_grad=True) for each in (x, grid)]
    want = torch.nn.functional.grid_sample(*there, THEIRS[mode], border, corners)
    np.testing.assert_allclose(y, want.detach().numpy(), atol=1e-11)
    signal = RNG.normal(size=y.shape)
    want.backward(torch.tensor(signal))
    for ours, theirs in zip(layer.vjp(saved, signal), there, strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), atol=1e-10)


def test_many_gradients_of_one_sample_by_its_own_grid() -> None:
    x, grid = RNG.normal(size=(1, 2, 5, 5)), RNG.uniform(-1, 1, (1, 3, 3, 2))
    layer = GridSample()
    y, saved = layer.forward(x, grid)
    signals = RNG.normal(size=(4, *y.shape[1:]))
    together: Any = layer.vjp(saved, signals)
    for row in range(4):
        for whole, alone in zip(
            together, layer.vjp(saved, signals[row : row + 1]), strict=True
        ):
            np.testing.assert_allclose(whole[row : row + 1], alone, atol=1e-12)


def test_what_is_refused() -> None:
    with pytest.raises(OptionError, match="'odd' is no way to sample"):
        GridSample((), "odd")
    with pytest.raises(ShapeError, match="says no positions in"):
        GridSample().forward(np.ones((1, 1, 4, 4)), np.ones((1, 3, 3, 3)))
    assert GridSample().describe() == "GridSample linear, zeros"
