"""Lucid's way out of dead units: rectifiers that let a signal through at first."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Array
from ...layers import Clip, ReLU
from ...rules import Rule, Rules, Signals


def _redirect(layer: Any, saved: Any, gy: Array) -> Signals:
    (gradient,) = layer.vjp(saved, gy)
    low = 0.0 if isinstance(layer, ReLU) else layer.low
    high = None if isinstance(layer, ReLU) else layer.high
    away = np.zeros(gy.shape, bool, like=gy)
    if low is not None:
        away = away | ((saved < low) & (gy < 0))
    if high is not None:
        away = away | ((saved > high) & (gy > 0))
    axes = tuple(range(1, gy.ndim))
    reached = (gradient != 0).any(axis=axes, keepdims=True)
    return (np.where(reached, gradient, np.where(away, gy.dtype.type(0), gy)),)


redirect = Rule("redirect", _redirect)

REDIRECTED = Rules("redirected", {ReLU: redirect, Clip: redirect})
"""For gradients to climb: where a rectifier stops all of a sample's signal, what would
drive it further into saturation is stopped, and the rest passes."""
