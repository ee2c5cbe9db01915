"""What a method hands back: an array, how it was made, and a picture of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array

if TYPE_CHECKING:
    from PIL.Image import Image

Progress = Callable[[int, int], None]  # (done, total)


@dataclass(frozen=True, eq=False)
class Result:
    """``pixels`` is what a method computed, ``settings`` every option behind it."""

    pixels: Array
    settings: Mapping[str, Any]

    def drawn(self) -> np.ndarray[Any, Any]:
        """The picture as an array ``(H, W, 3)`` of uint8."""
        raise NotImplementedError

    def image(self) -> Image:
        """The picture, as a Pillow image."""
        from PIL import Image

        return Image.fromarray(self.drawn())

    def save(self, path: str | PathLike[str]) -> None:
        """Write the picture as a PNG with the settings in its metadata."""
        from ..io.png import write_png

        write_png(path, self.drawn(), metadata(self.settings))


def metadata(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as PNG text: one entry of JSON, and the software that wrote it."""
    return {
        "Software": f"numpy_deconv {settings['numpy_deconv']}",
        "numpy_deconv.settings": json.dumps(dict(settings), default=str),
    }
