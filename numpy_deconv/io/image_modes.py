"""Any of Pillow's pixel formats as 8-bit RGB, by rules that are written down."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import DTypeError, FileFormatError, ShapeError

_WHITE = (255, 255, 255, 255)
_DEEPEST_16_BIT = 65535


def to_rgb(image: Image.Image) -> Image.Image:
    """``image`` in mode RGB.

    - transparency of any kind is composited on white;
    - 16-bit grey is divided by 257, so that 65535 becomes 255;
    - 32-bit integers count as 16-bit grey if all are from 0 to 65535 (so Pillow opens
      some 16-bit files), and are stretched from [min, max] to [0, 255] otherwise;
    - floats count as [0, 1] if all are within it, as [0, 255] if all are within that,
      and are stretched otherwise; NaN and infinity are refused;
    - everything else is converted as Pillow does (CMYK without a colour profile).

    Raises :class:`FileFormatError` for values that are not finite.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_grey(np.asarray(image))).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    # Premultiplied alpha (mode La) converts to RGBA only by way of LA.
    layer = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    paper = Image.new("RGBA", layer.size, _WHITE)
    return Image.alpha_composite(paper, layer).convert("RGB")


def from_pixels(pixels: NDArray[Any]) -> Image.Image:
    """The PIL image of a uint8 array (H, W), (H, W, 3) or (H, W, 4).

    Raises :class:`DTypeError` or :class:`ShapeError` for any other array.
    """
    if pixels.dtype != np.uint8:
        raise DTypeError(f"pixels are uint8, not {pixels.dtype}: stretch them first")
    channels = pixels.shape[2:]
    if pixels.ndim < 2 or channels not in ((), (3,), (4,)) or pixels.size == 0:
        raise ShapeError(
            f"pixels are (H, W), (H, W, 3) or (H, W, 4), not {pixels.shape}"
        )
    return Image.fromarray(np.ascontiguousarray(pixels))


def _grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    wide = values.astype(np.float64)
    if not np.isfinite(wide).all():
        raise FileFormatError("its values are not all finite; save it with finite ones")
    low, high = wide.min(), wide.max()
    if values.dtype.kind == "f":
        if low < 0 or high > 255:
            wide = _stretched(wide, low, high)
        elif high <= 1:
            wide = wide * 255
    elif low >= 0 and high <= _DEEPEST_16_BIT:
        wide = wide / (_DEEPEST_16_BIT / 255)
    else:
        wide = _stretched(wide, low, high)
    return np.rint(wide).astype(np.uint8)


def _stretched(
    wide: NDArray[np.float64], low: float, high: float
) -> NDArray[np.float64]:
    if low == high:
        return np.clip(wide, 0, 255)
    return (wide - low) / (high - low) * 255
