"""From arrays of a net to pictures: colour planes, heat maps, grids of maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import ShapeError
from ..io.pictures import stretch, tile

if TYPE_CHECKING:
    from ..models.preprocess import Preprocess

Picture = np.ndarray[Any, Any]

TILE = 96  # small maps are enlarged, by whole numbers, to at least this many pixels


def _planes(values: Array) -> Picture:
    array = to_numpy(values)
    if array.ndim != 3:
        raise ShapeError(
            f"an array of shape {array.shape} is no picture (C, H, W): take .pixels"
        )
    return array.astype(np.float64)


def _colours(values: Array, preprocess: Preprocess | None) -> Picture:
    """Three planes, red first; any other number of channels is averaged to grey."""
    planes = _planes(values)
    if len(planes) != 3:
        return np.repeat(planes.mean(axis=0, keepdims=True), 3, axis=0)
    if preprocess is not None and preprocess.channels == "BGR":
        return planes[::-1]
    return planes


def signed_picture(values: Array, preprocess: Preprocess | None) -> Picture:
    """``(C, H, W)`` stretched from its own minimum..maximum to a colour picture."""
    planes = _colours(values, preprocess)
    if planes.min() == planes.max():  # nothing arrived: black, whatever its value
        return np.zeros((*planes.shape[1:], 3), np.uint8)
    return stretch(planes.transpose(1, 2, 0))


def balanced_picture(values: Array, preprocess: Preprocess | None) -> Picture:
    """``(C, H, W)`` around mid grey, which is 0; the strongest 0.5 % saturate.

    A gradient has a few very large values; a plain stretch shows nothing else.
    """
    planes = _colours(values, preprocess)
    limit = np.quantile(np.abs(planes), 0.995) or np.abs(planes).max() or 1
    levels = np.clip(np.rint(127.5 + 127.5 * planes / limit), 0, 255)
    return np.ascontiguousarray(levels.astype(np.uint8).transpose(1, 2, 0))


def grey_picture(plane: Array) -> Picture:
    """``(H, W)`` stretched to grey levels; a constant map is clipped to 0..255."""
    return np.repeat(stretch(_planes(plane[None])[0])[..., None], 3, axis=2)


def hot_picture(plane: Array) -> Picture:
    """``(H, W)`` from black over red and yellow to white, 0 being black."""
    values = np.maximum(_planes(plane[None])[0], 0)
    heat = values / (values.max() or 1)
    channels = [np.clip(3 * heat - k, 0, 1) for k in range(3)]
    return np.rint(255 * np.stack(channels, axis=2)).astype(np.uint8)


def network_picture(x: Array, preprocess: Preprocess | None) -> Picture:
    """One net input ``(1, C, H, W)`` as the picture it stands for."""
    if preprocess is not None:
        return preprocess.inverse(to_numpy(x).astype(np.float32))[0]
    return signed_picture(x[0], None)


def enlarged(picture: Picture) -> Picture:
    """A small picture enlarged by a whole number, each pixel a square."""
    factor = max(1, TILE // max(picture.shape[:2]))
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def grid(pictures: Sequence[Picture], columns: int | None = None) -> Picture:
    """Pictures of one size in a grid on white."""
    return tile([enlarged(p) for p in pictures], columns)
