"""Gradients held against central differences, in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
EPS = 1e-6


def assert_is_gradient(
    function: Callable[[Array], float],
    x: Array,
    gradient: Array,
    *,
    tolerance: float = 1e-6,
) -> None:
    """Compare slopes along random directions, and along a few single axes."""
    assert gradient.shape == x.shape
    assert gradient.dtype == x.dtype == np.float64
    rng = np.random.default_rng(3)
    directions = [rng.normal(size=x.shape) for _ in range(4)]
    for place in rng.integers(0, x.size, 4):
        axis = np.zeros(x.size)
        axis[place] = 1
        directions.append(axis.reshape(x.shape))
    for direction in directions:
        up, down = function(x + EPS * direction), function(x - EPS * direction)
        expected = (up - down) / (2 * EPS)
        found = float((gradient * direction).sum())
        scale = np.linalg.norm(gradient) * np.linalg.norm(direction)
        assert abs(found - expected) <= tolerance * (scale + 1e-3), (found, expected)


def assert_is_adjoint(
    apply: Callable[[Array], Array], adjoint: Callable[[Array], Array], x: Array
) -> None:
    """``<apply(x) - apply(0), y> = <x, adjoint(y)>`` for an affine map."""
    rng = np.random.default_rng(4)
    image = apply(x) - apply(np.zeros_like(x))
    y = rng.normal(size=image.shape)
    back = adjoint(y)
    assert back.shape == x.shape
    np.testing.assert_allclose((image * y).sum(), (x * back).sum(), rtol=1e-12)
