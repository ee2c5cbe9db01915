"""Every optimiser goes where ``torch.optim`` goes, step by step."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch_ascent

from numpy_deconv.errors import OptionError
from numpy_deconv.methods.ascent import LBFGS, Adam, Descent, Momentum, RMSprop
from numpy_deconv.methods.ascent.optimisers import Optimiser

STEPS = 60
OPTIMISERS: list[tuple[type[Optimiser], dict[str, Any]]] = [
    (Descent, {"rate": 0.03}),
    (Momentum, {"rate": 0.01, "momentum": 0.9}),
    (Momentum, {"rate": 0.02, "momentum": 0.5}),
    (Adam, {"rate": 0.05, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
    (Adam, {"rate": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3}),
    (RMSprop, {"rate": 0.02, "decay": 0.99, "eps": 1e-8}),
    (RMSprop, {"rate": 0.1, "decay": 0.5, "eps": 1e-2}),
    (LBFGS, {"rate": 1.0, "history": 100}),
    (LBFGS, {"rate": 0.5, "history": 3}),
]

rng = np.random.default_rng(0)
START = rng.normal(size=(1, 2, 4, 3))
CURVES = rng.uniform(0.2, 4, START.shape)
WAVES = rng.normal(size=START.shape)


def loss(x: Any) -> Any:
    """Not convex, and of different curvature along each axis."""
    bowl = torch_ascent.tensor(CURVES) * x**2
    return (bowl + (x * 2 + torch_ascent.tensor(WAVES)).sin()).sum()


def gradient(x: np.ndarray) -> np.ndarray:
    return 2 * CURVES * x + 2 * np.cos(2 * x + WAVES)


@pytest.mark.parametrize(("kind", "options"), OPTIMISERS)
def test_steps_are_torchs(kind: type[Optimiser], options: dict[str, Any]) -> None:
    optimiser, x, memory = kind(**options), START, None
    peer = torch_ascent.descent(kind.__name__, options, loss, START)
    for expected in islice(peer, STEPS):
        x, memory = optimiser.step(x, gradient(x), memory)
        np.testing.assert_allclose(x, expected, rtol=1e-12, atol=1e-12)
        x = expected  # rounding errors would grow from step to step
    assert np.linalg.norm(gradient(x)) < np.linalg.norm(gradient(START))


def test_lbfgs_finds_the_bottom_of_a_bowl() -> None:
    x, memory = START, None
    for _ in range(40):
        x, memory = LBFGS().step(x, 2 * CURVES * x, memory)
    np.testing.assert_allclose(x, 0, atol=1e-8)


@pytest.mark.parametrize(("kind", "options"), OPTIMISERS)
def test_nothing_is_written_into(
    kind: type[Optimiser], options: dict[str, Any]
) -> None:
    optimiser, x, memory = kind(**options), START.astype(np.float32), None
    for _ in range(4):
        slope = gradient(x).astype(np.float32)
        x.setflags(write=False)
        slope.setflags(write=False)
        x, memory = optimiser.step(x, slope, memory)
        assert x.dtype == np.float32


@pytest.mark.parametrize(
    ("normalise", "factor"),
    [
        ("none", 0.5),
        ("l2", 0.5 / 5),
        ("mean_abs", 0.5 / 3.5),
        ("progress", 0.5 / 25),
    ],
)
def test_normalised_steps(normalise: Any, factor: float) -> None:
    x, slope = np.zeros((1, 1, 2)), np.array([[[3.0, -4.0]]])
    found, _ = Descent(0.5, normalise).step(x, slope, None)
    np.testing.assert_allclose(found, -factor * slope)
    limited, _ = Descent(0.5, normalise, limit=1e-3).step(x, slope, None)
    np.testing.assert_allclose(limited, -1e-3 * slope)


def test_progress_is_how_much_is_gained() -> None:
    slope = gradient(START)
    found, _ = Descent(1e-4, "progress").step(START, slope, None)
    lost = float(((found - START) * slope).sum())
    assert lost == pytest.approx(-1e-4)


@pytest.mark.parametrize("normalise", ["l2", "mean_abs", "progress"])
def test_without_a_slope_it_stays(normalise: Any) -> None:
    found, _ = Descent(1.0, normalise).step(START, np.zeros_like(START), None)
    np.testing.assert_array_equal(found, START)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(0), "the learning rate must be positive, got 0"),
        (lambda: Momentum(-1.0), "the learning rate must be positive, got -1"),
        (lambda: RMSprop(np.inf), "the learning rate must be positive"),
        (lambda: Descent(1.0, "l3"), "normalise must be one of .*got 'l3'"),  # type: ignore[arg-type]
        (lambda: LBFGS(history=0), "history must be a whole number of at least 1"),
    ],
)
def test_wrong_options(make: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()
