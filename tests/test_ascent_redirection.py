"""Rectifiers that let a signal through where all of it would stop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numpy_deconv.layers import Clip, Conv, ReLU
from numpy_deconv.methods import visualize
from numpy_deconv.methods.ascent import Channel
from numpy_deconv.methods.ascent.redirection import REDIRECTED
from numpy_deconv.net import Sequential


@pytest.mark.parametrize(
    ("layer", "x", "signal", "expected"),
    [
        # some of the signal gets through: nothing is redirected
        (ReLU(), [-1.0, 2.0, -3.0], [1.0, 1.0, -1.0], [0.0, 1.0, 0.0]),
        # none does: what would push further down stays stopped
        (ReLU(), [-1.0, -2.0, -3.0], [1.0, 0.5, -1.0], [1.0, 0.5, 0.0]),
        (Clip(0.0, 6.0), [-1.0, 7.0, 8.0], [2.0, 1.0, -1.0], [2.0, 0.0, -1.0]),
        (Clip(0.0, 6.0), [-1.0, 3.0, 8.0], [2.0, 1.0, -1.0], [0.0, 1.0, 0.0]),
    ],
)
def test_dead_units_are_brought_to_life(
    layer: Any, x: list[float], signal: list[float], expected: list[float]
) -> None:
    net = Sequential({"rectifier": layer})
    tape = net.run(np.array([x]).reshape(1, 3, 1))
    gy = np.array([signal]).reshape(1, 3, 1)
    found = tape.project(gy, start="rectifier", rules=REDIRECTED)
    assert found.ravel().tolist() == expected


def test_a_dead_map_comes_to_life() -> None:
    weight = np.full((1, 3, 3, 3), -1.0)
    net = Sequential({"conv": Conv(weight, np.array([-0.5])), "relu": ReLU()})
    start = np.full((1, 3, 6, 6), 0.2)
    options: dict[str, Any] = {"steps": 20, "transforms": ()}
    dead = visualize(net, start, Channel("relu", 0), redirected=0, **options)
    assert max(dead.history) == 0
    start = np.full((1, 3, 6, 6), 0.2)
    units: dict[str, Any] = {"units": "input", "parametrisation": ()}
    alive = visualize(net, start, Channel("relu", 0), **options, **units)
    assert alive.history[-1] > 0
