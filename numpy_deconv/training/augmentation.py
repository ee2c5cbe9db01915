"""Random views of a picture: mirrored, cut out, recoloured; by Pillow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import OptionError

if TYPE_CHECKING:
    from PIL.Image import Image

Picture = np.ndarray[Any, Any]

TRIES = 10


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a training picture.

    ``flip`` mirrors half of them. ``crop`` takes, instead of the whole picture, a box
    of that share of its area at least, whose sides' ratio is within ``ratio`` to 1 of
    the picture's own pixels (Szegedy et al. 2015, section 6). ``colour`` changes
    brightness, contrast and saturation, each by a factor of up to ``1 +- colour``.
    """

    flip: bool = False
    crop: float | None = None
    ratio: float = 4 / 3
    colour: float = 0.0

    def __post_init__(self) -> None:
        if self.crop is not None and not 0 < self.crop <= 1:
            raise OptionError(
                f"crop is {self.crop}, but must be a share of the area, above 0 and at "
                "most 1"
            )
        if not (1 <= self.ratio < math.inf and 0 <= self.colour <= 1):
            raise OptionError(
                f"ratio is {self.ratio} and colour {self.colour}, but they must be 1 "
                "or more, and from 0 to 1"
            )

    def cut(self, picture: Picture, rng: np.random.Generator) -> Picture:
        """A random box of a picture ``(H, W, 3)``, or all of it."""
        if self.crop is None:
            return picture
        height, width = picture.shape[:2]
        for _ in range(TRIES):
            area = height * width * rng.uniform(self.crop, 1)
            aspect = math.exp(rng.uniform(-1, 1) * math.log(self.ratio))
            wide, high = (
                round(math.sqrt(area * aspect)),
                round(math.sqrt(area / aspect)),
            )
            if 0 < wide <= width and 0 < high <= height:
                top = int(rng.integers(height - high + 1))
                left = int(rng.integers(width - wide + 1))
                return picture[top : top + high, left : left + wide]
        return picture

    def recolour(self, picture: Picture, rng: np.random.Generator) -> Picture:
        """A view ``(H, W, 3)`` uint8, mirrored and recoloured by chance."""
        if self.flip and rng.random() < 0.5:
            picture = np.ascontiguousarray(picture[:, ::-1])
        if not self.colour:
            return picture
        from PIL import Image as Images
        from PIL import ImageEnhance

        image: Image = Images.fromarray(picture)
        kinds = (
            ImageEnhance.Brightness,
            ImageEnhance.Contrast,
            ImageEnhance.Color,
        )
        for number in rng.permutation(len(kinds)).tolist():
            factor = rng.uniform(1 - self.colour, 1 + self.colour)
            image = kinds[number](image).enhance(factor)
        return np.asarray(image)
