"""Picture arithmetic: values to pixels, and many pictures to one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DTypeError, OptionError, ShapeError


def stretch(values: ArrayLike) -> NDArray[np.uint8]:
    """``values`` mapped linearly from [min, max] to 0..255, as uint8 of their shape.

    ``round(255 * (values - min) / (max - min))``. A constant array has no contrast to
    stretch: it keeps its value, clipped to 0..255, so a dead map is black.

    Raises :class:`DTypeError` if they are not real numbers and :class:`OptionError`
    if one is NaN or infinite.

    Example::

        stretch([-1.0, 0.0, 3.0])  # array([0, 64, 255], dtype=uint8)
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"only real numbers become pixels, not {array.dtype}")
    wide = array.astype(np.float64)
    if not np.isfinite(wide).all():
        count = int(np.count_nonzero(~np.isfinite(wide)))
        raise OptionError(
            f"{count} of {wide.size} values are NaN or infinite and have no place "
            "between black and white; look for the layer that made them"
        )
    if wide.size == 0:
        return wide.astype(np.uint8)
    low, high = float(wide.min()), float(wide.max())
    if low == high:
        return np.rint(np.clip(wide, 0, 255)).astype(np.uint8)
    if math.isinf(high - low):
        wide, low, high = wide / 2, low / 2, high / 2
    return np.rint((wide - low) / (high - low) * 255).astype(np.uint8)


def tile(
    images: Sequence[NDArray[Any]] | NDArray[Any],
    columns: int | None = None,
    gap: int = 2,
    background: int | float | tuple[float, float, float] = 255,
) -> NDArray[Any]:
    """A grid of pictures of equal size, row by row, in their dtype.

    ``M`` arrays of shape (H, W, 3) give ``(R*H + (R-1)*gap, columns*W +
    (columns-1)*gap, 3)`` with ``R = ceil(M / columns)``; ``background`` fills the gaps
    and the places that are left over. Without ``columns`` the grid is as square as it
    can be.

    Raises :class:`ShapeError` for no pictures or unequal ones, :class:`DTypeError`
    for unequal dtypes, :class:`OptionError` for bad numbers.

    Example::

        tile([np.zeros((8, 8, 3), np.uint8)] * 5, columns=3).shape  # (18, 28, 3)
    """
    pictures = [np.asarray(image) for image in images]
    if not pictures:
        raise ShapeError("there are no pictures to tile")
    shape, dtype = pictures[0].shape, pictures[0].dtype
    if len(shape) != 3 or shape[2] != 3:
        raise ShapeError(f"pictures to tile are (H, W, 3), not {shape}")
    for index, picture in enumerate(pictures):
        if picture.shape != shape:
            raise ShapeError(
                f"picture {index} is {picture.shape}, the first is {shape}: "
                "resize them to one size"
            )
        if picture.dtype != dtype:
            raise DTypeError(f"picture {index} is {picture.dtype}, the first {dtype}")
    if columns is None:
        columns = math.ceil(math.sqrt(len(pictures)))
    if columns < 1 or gap < 0:
        raise OptionError(
            f"columns is {columns} and gap {gap}; they must be at least 1 and 0"
        )
    height, width = shape[:2]
    rows = math.ceil(len(pictures) / columns)
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    grid = np.empty(size, dtype)
    grid[...] = background
    for index, picture in enumerate(pictures):
        top = index // columns * (height + gap)
        left = index % columns * (width + gap)
        grid[top : top + height, left : left + width] = picture
    return grid
