"""PNG files with text in them: the settings that made a picture stay with it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from ..errors import DTypeError, OptionError
from .atomic import PathLike, atomic_write
from .image_modes import from_pixels
from .pillow_errors import decoding
from .regular_file import open_regular_file


def write_png(
    path: PathLike,
    pixels: NDArray[np.uint8] | Image.Image,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a PNG, complete or not at all, with ``metadata`` in its text chunks.

    ``pixels`` is uint8 (H, W), (H, W, 3) or (H, W, 4), or a PIL image. A missing
    folder is made. Raises :class:`OptionError` for another suffix than ``.png`` or a
    metadata key that PNG does not allow, :class:`ShapeError` or :class:`DTypeError`
    for other pixels, :class:`OutputError` if the file cannot be written.

    Example::

        write_png("out/projection.png", pixels, {"seed": "0"})
    """
    if not os.fspath(path).lower().endswith(".png"):
        raise OptionError(f"{path} would be a PNG: give it the suffix .png")
    image = pixels if isinstance(pixels, Image.Image) else from_pixels(pixels)
    text = PngInfo()
    for key, value in (metadata or {}).items():
        _check_metadata(key, value)
        text.add_text(key, value)
    encoded = io.BytesIO()
    try:
        image.save(encoded, "PNG", pnginfo=text)
    except OSError as error:
        raise DTypeError(f"cannot write {path}: {error}; convert it to RGB") from error
    with atomic_write(path) as file:
        file.write(encoded.getbuffer())


def read_png_metadata(path: PathLike) -> dict[str, str]:
    """The text chunks of a PNG file by key.

    Raises :class:`FileFormatError` if it is not a sound PNG file.
    """
    file, _ = open_regular_file(path)
    with file, decoding(str(path)), Image.open(file, formats=["PNG"]) as image:
        # text also reads the chunks behind the pixels.
        text = cast(PngImageFile, image).text
        return {key: str(value) for key, value in text.items()}


def _check_metadata(key: str, value: str) -> None:
    if not (isinstance(key, str) and isinstance(value, str)):
        raise OptionError(f"metadata {key!r}: {value!r} must be text to text")
    # The limits of the PNG specification, section 11.3.3.
    if not 1 <= len(key) <= 79 or not all(" " <= c <= "~" for c in key):
        raise OptionError(
            f"metadata key {key!r} must be 1 to 79 printable ASCII characters"
        )
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise OptionError(f"metadata {key!r} is not valid text")
