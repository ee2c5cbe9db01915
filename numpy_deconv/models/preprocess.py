"""From a picture to what a net takes in, and back: geometry, scale, channel order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import OptionError, ShapeError
from ..registry import placed

if TYPE_CHECKING:
    from ..io.images import ImageSource

Array = np.ndarray[Any, Any]

STRIP = 8
"""Pictures longer than this many times their shorter side lose their ends first."""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """What a net's weights expect of a picture.

    ``size`` is the input's (height, width). With ``resize_short`` the shorter side is
    scaled to that many pixels and the centre is cut out; without it the whole picture
    is stretched to ``size``. Pixels 0..255 are then mapped onto ``value_range``, and
    ``mean`` is subtracted and ``std`` divided out, both in red, green, blue order.
    ``channels="BGR"`` reverses the planes at the end.

    Raises OptionError for values that make no picture.

    Example::

        x = IMAGENET("cat.jpg")           # (1, 3, 224, 224) float32
        picture = IMAGENET.inverse(x)[0]  # (224, 224, 3) uint8
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize_short: int | None = None
    interpolation: str = "bilinear"
    channels: Literal["RGB", "BGR"] = "RGB"
    value_range: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 1:
            raise OptionError(f"size is {self.size}, but must be (height, width)")
        if (
            len(self.mean) != 3
            or len(self.std) != 3
            or not all(value > 0 for value in self.std)
        ):
            raise OptionError(
                f"mean {self.mean} and std {self.std} must be three numbers each, "
                "red, green and blue, and std greater than 0"
            )
        if self.resize_short is not None and self.resize_short < max(self.size):
            raise OptionError(
                f"resize_short is {self.resize_short}, too small to cut {self.size} out"
            )
        if self.channels not in ("RGB", "BGR"):
            raise OptionError(
                f'channels is {self.channels!r}, but must be "RGB" or "BGR"'
            )
        if not self.value_range[0] < self.value_range[1]:
            raise OptionError(
                f"value_range is {self.value_range}, but must be (low, high)"
            )

    def __call__(self, image: ImageSource) -> Array:
        """The net's input ``(1, 3, height, width)``, float32, for one picture."""
        return self.encode(self.view(image)[None])

    def view(self, image: ImageSource) -> Array:
        """What the net sees of a picture: ``(height, width, 3)``, uint8, RGB.

        ``image`` is whatever :func:`numpy_deconv.io.images.read_image` takes: a path,
        a Pillow image, an array ``(H, W, 3)`` of uint8, ...
        """
        from ..io.images import centre_crop, read_image, resize

        picture = read_image(image)
        if self.resize_short is None:
            return resize(picture, self.size, filter=self.interpolation)
        # Only the middle is looked at, and all of a long strip would fill the memory.
        shorter = min(picture.shape[:2])
        height, width = (min(side, STRIP * shorter) for side in picture.shape[:2])
        picture = centre_crop(picture, (height, width))
        # Rounded down, as torchvision does: the same pixels for the same weights.
        height = height * self.resize_short // shorter
        width = width * self.resize_short // shorter
        resized = resize(picture, (height, width), filter=self.interpolation)
        return centre_crop(resized, self.size)

    def encode(self, pictures: Array) -> Array:
        """Network input ``(N, 3, H, W)``, float32, of pictures ``(N, H, W, 3)``, uint8.

        It lies where the selected backend computes: within ``use_backend("cupy")`` on
        the GPU.

        Raises:
            ShapeError: for another shape or dtype.
        """
        if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8:
            raise ShapeError(
                f"pictures are {pictures.shape} of {pictures.dtype}, "
                "but must be (N, H, W, 3) of uint8"
            )
        scale, offset = self._affine
        values = self._ordered(pictures.transpose(0, 3, 1, 2)) * scale
        values += offset
        return placed(np.ascontiguousarray(values))

    def inverse(self, x: Array) -> Array:
        """Network input ``(N, 3, H, W)`` as pictures ``(N, H, W, 3)``, uint8, RGB.

        Values outside the valid range are clipped, the rest rounded.

        Raises:
            ShapeError: for another shape.
            OptionError: for NaN, which is no pixel.
        """
        if x.ndim != 4 or x.shape[1] != 3:
            raise ShapeError(f"x is {x.shape}, but must be (N, 3, H, W)")
        if np.isnan(x).any():
            raise OptionError(
                "x holds NaN, which is no pixel: the run that made it failed"
            )
        scale, offset = self._affine
        pixels = np.rint(np.clip((x - offset) / scale, 0, 255)).astype(np.uint8)
        return np.ascontiguousarray(self._ordered(pixels).transpose(0, 2, 3, 1))

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest network input that is a pixel, each ``(1, 3, 1, 1)``."""
        scale, offset = self._affine
        return offset, offset + 255 * scale

    def clip(self, x: Array) -> Array:
        """``x`` with each value outside :attr:`bounds` moved to the nearer of them."""
        low, high = (np.asarray(end.astype(x.dtype), like=x) for end in self.bounds)
        return np.clip(x, low, high)

    @property
    def _affine(self) -> tuple[Array, Array]:
        # Input = pixel * scale + offset, per channel in the net's own order.
        low, high = self.value_range
        std = np.array(self.std).reshape(1, 3, 1, 1)
        mean = np.array(self.mean).reshape(1, 3, 1, 1)
        scale = self._ordered((high - low) / 255 / std)
        offset = self._ordered((low - mean) / std)
        return scale.astype(np.float32), offset.astype(np.float32)

    def _ordered(self, planes: Array) -> Array:
        return planes[:, ::-1] if self.channels == "BGR" else planes


IMAGENET = Preprocess(
    size=(224, 224),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    resize_short=256,
)
"""ImageNet's mean and standard deviation, as torchvision's weights expect them."""
