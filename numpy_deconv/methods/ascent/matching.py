"""Distances to what another picture's activations are: features, and their Grams."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...arrays import Array
from ...errors import ShapeError
from .objectives import OfLayer


@dataclass(frozen=True, eq=False)
class FeatureDistance(OfLayer):
    """``sum((a - target)**2)`` of a layer's activations, times ``scale``.

    To be subtracted. Mahendran & Vedaldi 2015, equation 2, with ``scale`` one over the
    target's squared norm; the content loss of Gatys et al. 2016.
    """

    layer: str
    target: Array = field(repr=False)
    scale: float = 1.0

    def of(self, maps: Array) -> tuple[Array, Array]:
        if maps.shape[1:] != self.target.shape[1:]:
            raise ShapeError(
                f"{self.layer!r} put out {maps.shape}, but is to be like "
                f"{self.target.shape}: use pictures of one size"
            )
        apart = maps - self.target
        values = self.scale * (apart * apart).reshape(len(maps), -1).sum(axis=1)
        return values, 2 * self.scale * apart


@dataclass(frozen=True, eq=False)
class GramDistance(OfLayer):
    """``sum((gram(a) - target)**2)`` over pairs of maps ``(C, C)``, times ``scale``.

    To be subtracted: the style loss of Gatys et al. 2016. It knows which maps are
    strong together, and nothing about where.
    """

    layer: str
    target: Array = field(repr=False)
    scale: float = 1.0

    def of(self, maps: Array) -> tuple[Array, Array]:
        apart = gram(maps) - self.target
        values = self.scale * (apart * apart).reshape(len(maps), -1).sum(axis=1)
        flat = maps.reshape(*maps.shape[:2], -1)
        share = 4 * self.scale / flat[0].size
        # apart is symmetric: both factors of each product have the same slope
        return values, share * (apart @ flat).reshape(maps.shape)


def gram(maps: Array) -> Array:
    """How strong each two maps are together: ``(N, C, C)`` of ``(N, C, *size)``.

    The sum over positions of their product, divided by the number of all activations.
    """
    flat = maps.reshape(*maps.shape[:2], -1)
    products = flat @ np.swapaxes(flat, 1, 2)
    return products / products.dtype.type(flat[0].size)
