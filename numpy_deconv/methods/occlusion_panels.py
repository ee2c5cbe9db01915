"""The panels of Zeiler & Fergus' figure 7: three maps over the places of the square."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..arrays import Array, to_numpy
from .drawing import Picture
from .heat import palette, unit_range

UNREACHED = 128  # grey, where an interrupted run has not been
GOLDEN = 0.618034  # of the colour circle: neighbours in the list differ most


class Panels(NamedTuple):
    """``activity``: the strongest map's sum; ``probability`` of the class; ``label``,
    the most probable class by colour, and ``legend``, the colour of each class there.

    Blue is low and red is high: where the class is lost, it is blue.
    """

    activity: Picture | None
    probability: Picture
    label: Picture
    legend: dict[int, tuple[int, int, int]]


def panels_of(
    activity: Array | None, probability: Array, best: Array, size: Sequence[int]
) -> Panels:
    """Maps ``(rows, columns)`` of one sample as pictures of ``size``."""
    classes, counts = np.unique(best[best >= 0], return_counts=True)
    common = [int(c) for c in classes[np.argsort(-counts, kind="stable")]]
    legend = {index: _colour(number) for number, index in enumerate(common)}
    label = np.full((*best.shape, 3), UNREACHED, np.uint8)
    for index, colour in legend.items():
        label[best == index] = colour
    return Panels(
        None if activity is None else _spread(_heat(activity), size),
        _spread(_heat(probability), size),
        _spread(label, size),
        legend,
    )


def _heat(values: Array) -> Picture:
    plane = to_numpy(values).astype(np.float64)
    reached = np.isfinite(plane)
    picture = np.full((*plane.shape, 3), UNREACHED, np.uint8)
    if reached.any():
        colours = palette(unit_range(plane[reached]))
        picture[reached] = np.rint(colours).astype(np.uint8)
    return picture


def _colour(number: int) -> tuple[int, int, int]:
    """Of the class that is so many places down the list of the most frequent."""
    hue = (0.58 + number * GOLDEN) % 1
    value = 0.85 if number % 2 == 0 else 0.6
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _spread(picture: Picture, size: Sequence[int]) -> Picture:
    """Each place as a block, together as large as the picture."""
    rows, columns = (
        np.arange(length) * places // length
        for length, places in zip(size, picture.shape[:2], strict=True)
    )
    return picture[rows][:, columns]
