"""In which units a picture is climbed, and how it becomes what the net takes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...arrays import Array, is_float, to_numpy
from ...errors import OptionError
from ...per_axis import Sizes, is_several, per_axis
from ...registry import placed
from ..subject import net_of, preprocess_of

Units = Literal["input", "unit", "levels", "centred"]
UNITS: dict[str, tuple[float, float]] = {
    "input": (-1.0, 1.0),
    "unit": (0.0, 1.0),
    "levels": (0.0, 255.0),
    "centred": (-127.5, 127.5),
}
"""Units, and the range that is taken for all of it when a net does not tell its own."""


@dataclass(frozen=True, eq=False)
class Space:
    """The pictures of one net: ``input = picture * scale + offset``.

    In ``"input"`` units they are the net's input, in ``"unit"`` 0 to 1, in ``"levels"``
    0 to 255, in ``"centred"`` levels minus the mean picture. ``low`` and ``high`` are
    the least and most a pixel may be, ``(1, C, 1, ...)``; None for a bare net, which
    takes pictures in those units as they are.
    """

    channels: int
    size: Sizes
    dtype: np.dtype[Any]
    like: Array
    scale: Array | None = None
    offset: Array | None = None
    low: Array | None = None
    high: Array | None = None
    default: tuple[float, float] = (-1.0, 1.0)
    reversed: bool = False  # blue first

    @classmethod
    def of(
        cls,
        subject: Any,
        shape: tuple[int, ...] | None,
        units: Units,
        like: Array | None = None,
    ) -> Space:
        """Of a net or a model, for pictures ``(C, *size)``; by default the model's.

        They are where ``like`` is, or where the selected backend computes.
        Raises OptionError if nobody says how large pictures are, or for other units.
        """
        if units not in UNITS:
            raise OptionError(f"units must be one of {list(UNITS)}, got {units!r}")
        if shape is not None:
            shape = _sound(shape)
        net, preprocess = net_of(subject), preprocess_of(subject)
        floats = [p for p in net.params.values() if is_float(p.dtype)]
        dtype = floats[0].dtype if floats else np.dtype(np.float32)
        if like is None:
            like = placed(np.zeros(0, dtype))
        if preprocess is None:
            if shape is None:
                raise OptionError(
                    "a bare net does not know its pictures: give size=(C, H, W)"
                )
            return cls(shape[0], shape[1:], dtype, like, default=UNITS[units])
        channels, *size = shape if shape is not None else (3, *preprocess.size)
        ends = (end.astype(np.float64) for end in preprocess.bounds)
        low, high = (np.asarray(end, like=like) for end in ends)
        scale, offset = _affine(units, low, high)
        if offset is not None:
            low, high = low - offset, high - offset
        if scale is not None:
            low, high = low / scale, high / scale
        turned = preprocess.channels == "BGR"
        return cls(
            channels,
            tuple(size),
            dtype,
            like,
            scale,
            offset,
            low,
            high,
            UNITS[units],
            turned,
        )

    @property
    def range(self) -> tuple[Any, Any]:
        """Least and most of a pixel, for noise that is to fill all of it."""
        if self.low is None or self.high is None:
            return self.default
        return to_numpy(self.low), to_numpy(self.high)

    def clip(self, x: Array) -> Array:
        """Pixels out of range moved to the nearer end of it."""
        if self.low is None or self.high is None:
            return x
        return np.clip(x, self.low.astype(x.dtype), self.high.astype(x.dtype))

    def to_input(self, picture: Array) -> Array:
        """What the net takes in."""
        if self.scale is not None:
            picture = picture * self.scale.astype(picture.dtype)
        if self.offset is not None:
            picture = picture + self.offset.astype(picture.dtype)
        return picture

    def from_input(self, x: Array) -> Array:
        """The picture of which ``x`` is the net's input."""
        if self.offset is not None:
            x = x - self.offset.astype(x.dtype)
        if self.scale is not None:
            x = x / self.scale.astype(x.dtype)
        return x

    def pull(self, gradient: Array) -> Array:
        """From the gradient for the input to that for the picture."""
        if self.scale is None:
            return gradient
        return gradient * self.scale.astype(gradient.dtype)


def _sound(shape: Any) -> tuple[int, ...]:
    """Channels and lengths that a picture can have."""
    if not is_several(shape) or len(shape) < 2:
        raise OptionError(f"size must be (C, H, W), got {shape!r}")
    return per_axis(shape, len(shape), "size", 1)


def _affine(units: str, low: Array, high: Array) -> tuple[Array | None, Array | None]:
    if units == "input":
        return None, None
    if units == "unit":
        return high - low, low
    return (high - low) / 255, low if units == "levels" else None
