"""Heat maps: over the picture, or around white; and maps resized to the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array, to_numpy
from ..functional import upsample
from .attribution import Attribution
from .drawing import Picture, hot_picture, network_picture
from .subject import preprocess_of

COLD_TO_HOT = (
    (0.19, 0.07, 0.23),
    (0.27, 0.43, 0.91),
    (0.10, 0.84, 0.80),
    (0.66, 0.98, 0.25),
    (0.99, 0.71, 0.21),
    (0.85, 0.22, 0.03),
    (0.48, 0.02, 0.01),
)
"""Dark blue over green to dark red; brightness alone already tells low from high."""

SHADE = 0.35  # how dark the coldest places of a picture become
UNSATURATED = 0.995  # the share of the values that have colours of their own


@dataclass(frozen=True, eq=False)
class Heat(Attribution):
    """``pixels (N, *size)``: where in ``x`` the class is; drawn over the picture."""

    x: Array

    def drawn(self, sample: int = 0) -> Picture:
        """One sample's picture, coloured by heat where it is hot, dark elsewhere."""
        shown = network_picture(
            self.x[sample : sample + 1], preprocess_of(self.subject)
        )
        return over_picture(self.pixels[sample], shown)


@dataclass(frozen=True, eq=False)
class Signed(Attribution):
    """``pixels (N, C, *size)``: what each input adds to the score, or takes away."""

    def drawn(self, sample: int = 0) -> Picture:
        """One sample, summed over the channels: red adds, blue takes away."""
        return both_ways(self.pixels[sample])


@dataclass(frozen=True, eq=False)
class Unsigned(Attribution):
    """``pixels (N, C, *size)``, of which only the magnitude is drawn."""

    def drawn(self, sample: int = 0) -> Picture:
        """One sample: the largest of the channels, from black over red to white.

        The strongest 0.5 % saturate.
        """
        strongest = np.abs(to_numpy(self.pixels[sample])).max(axis=0)
        limit = np.quantile(strongest, UNSATURATED) or strongest.max()
        return hot_picture(np.minimum(strongest, limit))


def both_ways(values: Array) -> Picture:
    """``(C, H, W)`` summed over C: blue below 0, white at 0, red above.

    The strongest 0.5 % saturate.
    """
    plane = to_numpy(values).astype(np.float64).sum(axis=0)
    limit = np.quantile(np.abs(plane), UNSATURATED) or np.abs(plane).max() or 1
    share = np.clip(plane / limit, -1, 1)[..., None]
    red, blue = np.array([0.70, 0.02, 0.10]), np.array([0.02, 0.20, 0.60])
    end = np.where(share > 0, red, blue)
    colour = 1 - np.abs(share) * (1 - end)
    return np.rint(255 * colour).astype(np.uint8)


def over_picture(heat: Array, picture: Picture) -> Picture:
    """A heat map ``(H, W)`` over the picture ``(H, W, 3)``, half and half."""
    share = unit_range(to_numpy(heat).astype(np.float64))
    mixed = (
        0.5 * palette(share) + 0.5 * picture * (SHADE + (1 - SHADE) * share)[..., None]
    )
    return np.rint(mixed).astype(np.uint8)


def unit_range(plane: Picture) -> Picture:
    """Values stretched to 0..1; a constant plane is 0."""
    low, high = plane.min(), plane.max()
    return (plane - low) / ((high - low) or 1)


def palette(
    share: Picture, colours: Sequence[Sequence[float]] = COLD_TO_HOT
) -> Picture:
    """Numbers from 0 to 1 as colours ``(..., 3)`` from 0 to 255, blended between."""
    places = np.linspace(0, 1, len(colours))
    parts = [np.interp(share, places, part) for part in zip(*colours, strict=True)]
    return 255 * np.stack(parts, axis=-1)


def resized(maps: Array, size: Sequence[int]) -> Array:
    """Maps ``(N, C, *any)`` interpolated linearly to ``(N, C, *size)``."""
    scales = [_scale(a, b) for a, b in zip(maps.shape[2:], size, strict=True)]
    return upsample(maps, scales, "bilinear")


def _scale(length: int, wanted: int) -> float:
    """The factor by which ``upsample`` makes the one of the other, rounding down."""
    scale = wanted / length
    while math.floor(length * scale) < wanted:
        scale = math.nextafter(scale, math.inf)
    return scale
