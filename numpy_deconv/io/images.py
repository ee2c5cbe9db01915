"""Pictures in and out, by Pillow: everything becomes (H, W, 3) uint8 RGB.

This module imports Pillow, so the rest of the package imports it only when needed.
"""

from __future__ import annotations

import io
import math
import operator
import os
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from ..errors import DTypeError, OptionError, ShapeError
from .atomic import PathLike
from .image_modes import from_pixels, to_rgb
from .pillow_errors import decoding
from .png import read_png_metadata, write_png
from .regular_file import open_regular_file

__all__ = [
    "MAX_PIXELS",
    "centre_crop",
    "read_image",
    "read_png_metadata",
    "resize",
    "write_png",
]

Pixels = TypeVar("Pixels", np.uint8, np.float32)
ImageSource = PathLike | bytes | Image.Image | NDArray[np.uint8]

MAX_PIXELS = 64_000_000

# Not every format that Pillow knows: for EPS it would start another program.
_FORMATS = (
    "PNG",
    "JPEG",
    "MPO",
    "GIF",
    "BMP",
    "DIB",
    "TIFF",
    "WEBP",
    "AVIF",
    "JPEG2000",
    "PPM",
    "TGA",
    "ICO",
    "PCX",
    "SGI",
)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FILTERS = {name.lower(): value for name, value in Image.Resampling.__members__.items()}


def read_image(
    source: ImageSource, *, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """The picture as (H, W, 3) uint8 RGB, upright, the first frame if it moves.

    ``source`` is a path, the bytes of a file, a PIL image, or an array such as
    :func:`write_png` takes. The EXIF orientation is applied;
    :func:`numpy_deconv.io.image_modes.to_rgb` says what becomes of transparency,
    16-bit grey and other modes. A picture of more than ``max_pixels`` pixels is made
    smaller on the way in, keeping its proportions.

    Raises :class:`FileFormatError` if there is no such file, if it is no picture, is
    damaged or truncated, or has more pixels than Pillow takes for a decompression
    bomb (about 179 million).

    Example::

        read_image("cat.jpg").shape  # (480, 640, 3)
    """
    if operator.index(max_pixels) < 1:
        raise OptionError(f"max_pixels is {max_pixels}, it must be at least 1")
    if isinstance(source, np.ndarray):
        source = from_pixels(source)
    if isinstance(source, Image.Image):
        with decoding("the image"):
            return _pixels(source, max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(io.BytesIO(source), "the image data", max_pixels)
    if not isinstance(source, str | os.PathLike):
        raise OptionError(
            f"an image is read from a path, bytes, a PIL image or an array, not a "
            f"{type(source).__name__}"
        )
    file, _ = open_regular_file(source)
    with file:
        return _decode(file, str(source), max_pixels)


def resize(
    image: NDArray[Pixels], size: tuple[int, int], filter: str = "bilinear"
) -> NDArray[Pixels]:
    """``image`` (H, W) or (H, W, C), uint8 or float32, at ``size`` = (height, width).

    Pillow's filters, which smooth when they shrink: ``"nearest"``, ``"box"``,
    ``"bilinear"``, ``"hamming"``, ``"bicubic"``, ``"lanczos"``.

    Raises :class:`OptionError` for another filter, :class:`ShapeError` or
    :class:`DTypeError` for another array.

    Example::

        resize(read_image("cat.jpg"), (224, 224)).shape  # (224, 224, 3)
    """
    if filter not in _FILTERS:
        raise OptionError(f"filter {filter!r} is not one of {', '.join(_FILTERS)}")
    height, width = _checked_size(size)
    pixels: NDArray[Any] = np.asarray(image)
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ShapeError(f"an image is (H, W) or (H, W, C), not {pixels.shape}")
    if pixels.dtype not in (np.uint8, np.float32):
        raise DTypeError(f"resize takes uint8 or float32, not {pixels.dtype}")
    planes = pixels[:, :, None] if pixels.ndim == 2 else pixels
    resized = [
        Image.fromarray(np.ascontiguousarray(planes[:, :, channel])).resize(
            (width, height), _FILTERS[filter]
        )
        for channel in range(planes.shape[2])
    ]
    stacked: NDArray[Pixels] = np.stack([np.asarray(p) for p in resized], axis=-1)
    return stacked.reshape((height, width, *pixels.shape[2:]))


def centre_crop(image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """The middle ``size`` = (height, width) of an (H, W, ...) array, as a view.

    An odd margin is split as torchvision does: half a pixel rounds to even. Raises
    :class:`ShapeError` if ``size`` is larger than the image.

    Example::

        centre_crop(np.zeros((5, 8, 3)), (3, 4)).shape  # (3, 4, 3)
    """
    height, width = _checked_size(size)
    if image.ndim < 2 or image.shape[0] < height or image.shape[1] < width:
        raise ShapeError(
            f"cannot crop {height} x {width} out of an array of shape {image.shape}; "
            "resize it first"
        )
    top = round((image.shape[0] - height) / 2)
    left = round((image.shape[1] - width) / 2)
    return image[top : top + height, left : left + width]


def _decode(file: BinaryIO, subject: str, max_pixels: int) -> NDArray[np.uint8]:
    Image.init()
    formats = [name for name in _FORMATS if name in Image.OPEN]
    with decoding(subject), Image.open(file, formats=formats) as image:
        # JPEG can be decoded at a half, a quarter or an eighth of its size.
        image.draft(None, _size_within(image.size, max_pixels))
        return _pixels(image, max_pixels)


def _pixels(image: Image.Image, max_pixels: int) -> NDArray[np.uint8]:
    image.load()
    rgb = to_rgb(image)
    size = _size_within(rgb.size, max_pixels)
    if size != rgb.size:
        rgb = rgb.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.array(_upright(image, rgb))


def _upright(image: Image.Image, rgb: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    # The pixels are sound, so a damaged EXIF block is no reason to refuse them.
    except Exception:
        return rgb
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return rgb if turn is None else rgb.transpose(turn)


def _size_within(size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    width, height = size
    if width * height <= max_pixels:
        return size
    scale = math.sqrt(max_pixels / (width * height))
    # A side that would be less than a pixel is one, and then the other is the limit.
    width, height = (max(1, int(length * scale)) for length in size)
    return min(width, max_pixels), min(height, max_pixels)


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    try:
        height, width = (operator.index(length) for length in size)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"size must be (height, width), not {size!r}") from error
    if height < 1 or width < 1:
        raise ShapeError(f"size must be positive, not {height} x {width}")
    return height, width
