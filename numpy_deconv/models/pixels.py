"""What pictures are made into for a net that does not say so itself: named presets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..errors import FileFormatError, OptionError
from .preprocess import IMAGENET, Preprocess

_RAW = (0.0, 255.0)
_NONE = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}

PIXELS: Mapping[str, dict[str, Any]] = {
    "imagenet": {"mean": IMAGENET.mean, "std": IMAGENET.std},
    "unit": _NONE,
    "signed": {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
    "bytes": {**_NONE, "value_range": _RAW},
    "lite": {
        "mean": (127.0, 127.0, 127.0),
        "std": (128.0, 128.0, 128.0),
        "value_range": _RAW,
    },
    "caffe": {
        "mean": (123.68, 116.779, 103.939),
        "std": (1.0, 1.0, 1.0),
        "value_range": _RAW,
        "channels": "BGR",
    },
}
"""``imagenet`` is torchvision's, ``unit`` 0..1, ``signed`` -1..1, ``bytes`` 0..255,
``lite`` (0..255 - 127) / 128, ``caffe`` blue, green, red, less ImageNet's mean."""

_RANGES = {
    "NominalRange_0_255": "bytes",
    "Normalized_0_1": "unit",
    "Normalized_1_1": "signed",
}
"""ONNX's image metadata, ``Image.NominalPixelRange``."""

SMALLEST_CROPPED = 96
"""Smaller inputs see the whole picture, larger ones the middle 7/8 of it."""


def pixel_preset(name: str, size: tuple[int, int]) -> Preprocess:
    """The preset of that name for an input of ``(height, width)``.

    Raises OptionError, with the names there are, for another one.
    """
    if name not in PIXELS:
        raise OptionError(
            f"{name!r} is no way to prepare pixels: there are {', '.join(PIXELS)}"
        )
    square = size[0] == size[1] and size[0] >= SMALLEST_CROPPED
    short = size[0] * 8 // 7 if square else None
    return Preprocess(size=size, resize_short=short, **PIXELS[name])


def declared_pixels(
    metadata: Mapping[str, str], size: tuple[int, int]
) -> Preprocess | None:
    """What a file's ``Image.*`` metadata say; None where they say nothing."""
    preset = _RANGES.get(metadata.get("Image.NominalPixelRange", ""))
    if preset is None:
        return None
    prepared = pixel_preset(preset, size)
    if metadata.get("Image.BitmapPixelFormat", "").startswith("Bgr"):
        prepared = dataclasses.replace(prepared, channels="BGR")
    return prepared


def as_settings(preprocess: Preprocess) -> dict[str, Any]:
    """The fields, for a file's metadata."""
    return dataclasses.asdict(preprocess)


def from_settings(settings: Any) -> Preprocess:
    """:func:`as_settings`, undone; FileFormatError for anything else."""
    try:
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in settings.items()
        }
        return Preprocess(**plain)
    except (AttributeError, TypeError, ValueError) as error:
        raise FileFormatError(
            "its metadata about pictures are damaged: give preprocess= or a preset"
        ) from error
