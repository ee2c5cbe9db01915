"""A small labelled set of real pictures that is installed with scikit-image.

Which photograph is a crop of 32 x 32 pixels from? Each is cut into bands of 40 rows;
crops to be tested with come from every fourth band, those to learn from from the rest,
and none reaches over a border between bands.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from skimage import data

PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "moon",
    "rocket",
)
SIZE = 32
BAND = 40  # rows
TESTED = 3  # of every four bands, the one that is never learnt from


class Crops(NamedTuple):
    """Net inputs ``x (N, 3, 32, 32)``, float32, and ``labels (N,)``."""

    x: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]

    def part(self, chosen: Any) -> Crops:
        """Some of them."""
        return Crops(self.x[chosen], self.labels[chosen])


def photograph(name: str) -> npt.NDArray[np.float32]:
    """Colours ``(H, W, 3)`` around 0; grey ones have three equal channels."""
    pixels = np.asarray(getattr(data, name)())
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=2)
    return pixels[..., :3].astype(np.float32) / 64 - 2


def crops(each: int, *, tested: bool, seed: int) -> Crops:
    """``each`` crops of every photograph, half of them mirrored."""
    chance = np.random.default_rng(seed)
    cut = []
    for name in PHOTOGRAPHS:
        whole = photograph(name)
        high, wide = whole.shape[:2]
        bands = [b for b in range(high // BAND) if (b % 4 == TESTED) == tested]
        for number in range(each):
            y = chance.choice(bands) * BAND + chance.integers(BAND - SIZE + 1)
            x = chance.integers(0, wide - SIZE + 1)
            view = whole[y : y + SIZE, x : x + SIZE]
            cut.append((view[:, ::-1] if number % 2 else view).transpose(2, 0, 1))
    labels = np.repeat(np.arange(len(PHOTOGRAPHS)), each)
    return Crops(np.ascontiguousarray(np.stack(cut)), labels)
