"""Published settings of gradient ascent, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class AscentSettings:
    """How ``class_visualization`` climbs.

    Each step adds ``learning_rate`` times the gradient of ``score - l2 * ||x||**2``
    (of unit length with ``normalize``), under a random shift of up to ``jitter``
    pixels, and clips to valid pixels; every ``blur_every`` steps the picture is
    blurred with ``blur_sigma`` pixels.
    """

    steps: int
    learning_rate: float
    l2: float
    jitter: int
    blur_every: int
    blur_sigma: float
    start: Literal["normal", "uniform", "zero"] = "normal"
    normalize: bool = False
    source: str = ""


PRESETS = {
    "cs231n": AscentSettings(
        steps=100,
        learning_rate=25,
        l2=1e-3,
        jitter=16,
        blur_every=10,
        blur_sigma=0.5,
        source="Stanford cs231n, assignment 3, class visualization",
    ),
    "cs231n_tensorflow": AscentSettings(
        steps=200,
        learning_rate=25,
        l2=1e-3,
        jitter=16,
        blur_every=10,
        blur_sigma=0.5,
        start="uniform",
        source="Stanford cs231n, assignment 3, TensorFlow version",
    ),
    "simonyan": AscentSettings(
        steps=200,
        learning_rate=1,
        l2=1e-3,
        jitter=0,
        blur_every=0,
        blur_sigma=0,
        start="zero",
        source="Simonyan et al. 2013, section 2",
    ),
}
