"""Resampling of any axes by ONNX's rules: coordinates, modes, antialiasing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import OptionError, ShapeError
from ..per_axis import Sizes
from ..window import Positions
from .boxes import Indices
from .layer import Layer, Outline, Reads, by
from .taps import Taps, along, transposed

MODES = ("nearest", "linear", "cubic")
COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple")


@dataclass(frozen=True)
class Resampling:
    """How positions of the output are found in the input, and what is read there.

    The names and the meaning are those of ONNX's operator Resize; nearest "simple" is
    that of its first version: the next sample where the result is smaller, else the
    last.
    """

    mode: str = "nearest"
    coordinates: str = "half_pixel"
    nearest: str = "round_prefer_floor"
    cubic: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False
    extrapolation: float = 0.0

    def __post_init__(self) -> None:
        for value, known in (
            (self.mode, MODES),
            (self.coordinates, COORDINATES),
            (self.nearest, NEAREST),
        ):
            if value not in known:
                raise OptionError(
                    f"{value!r} is no way to resample: use one of {', '.join(known)}"
                )


@dataclass(frozen=True, eq=False)
class Resize(Layer):
    """Axes ``axes`` resampled to ``floor(length * scale)``, or to ``sizes``.

    One scale per axis; ``sizes``, where given, are the results' lengths and ``scales``
    still say where samples lie. ``regions`` are the (start, end) of each axis that
    ``tf_crop_and_resize`` cuts out, in shares of its length.
    """

    axes: tuple[int, ...]
    scales: tuple[float, ...] | None = None
    sizes: tuple[int, ...] | None = None
    how: Resampling = Resampling()
    regions: tuple[tuple[float, float], ...] | None = None

    def resized(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that an input of this shape gets."""
        result = list(shape)
        for axis, _, length, _ in self._plan(shape):
            result[axis] = length
        return tuple(result)

    def _plan(
        self, shape: tuple[int, ...]
    ) -> list[tuple[int, float, int, tuple[float, float]]]:
        """Axis, scale, length of the result and region, of each resampled axis."""
        plan = []
        for i, axis in enumerate(self.axes):
            if not -len(shape) <= axis < len(shape):
                raise ShapeError(f"an input of shape {shape} has no axis {axis}")
            axis %= len(shape)
            region = self.regions[i] if self.regions else (0.0, 1.0)
            span = region[1] - region[0]
            cropped = self.how.coordinates == "tf_crop_and_resize"
            length = shape[axis] * (span if cropped else 1)
            if self.sizes is not None:
                size = self.sizes[i]
                scale = size / length if length else 1.0
                if self.scales is not None:
                    scale = self.scales[i]
            else:
                scale = (self.scales or ())[i]
                # In float32, as they are stored: 18 times 0.94444442 is 17
                size = math.floor(np.float32(length) * np.float32(scale))
            if size < 1 or not scale > 0:
                raise ShapeError(f"axis {axis} of {shape} cannot become {size} long")
            plan.append((axis, scale, size, region))
        return plan

    def forward(self, *xs: Array) -> tuple[Array, Outline]:
        (x,) = xs
        y = x
        for axis, scale, size, region in self._plan(x.shape):
            taps = axis_taps(x.shape[axis], size, scale, self.how, region)
            y = along(y, axis, taps, self.how.extrapolation)
        return y, Outline(x.shape)

    def vjp(self, saved: Outline, gy: Array) -> tuple[Array | None, ...]:
        for axis, scale, size, region in reversed(self._plan(saved.shape)):
            length = saved.shape[axis]
            if axis == 0 and size == length and len(gy) != size:
                continue  # any number of gradients for one sample
            taps = axis_taps(length, size, scale, self.how, region)
            gy = along(gy, axis, transposed(taps, length), 0.0)
        return (gy,)

    def describe(self) -> str:
        to = self.scales if self.sizes is None else self.sizes
        return f"Resize {self.how.mode} by {by(to)}"

    def take(self, saved: Outline, samples: Indices) -> Any:
        mixed = any(axis % len(saved.shape) == 0 for axis in self.axes)
        return NotImplemented if mixed else saved

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        read = list(at)
        plan = self._plan((1, 1, *sizes[0]))
        for axis, scale, length, region in plan:
            if axis > 1:
                before = sizes[0][axis - 2]
                taps = axis_taps(before, length, scale, self.how, region)
                where = at[axis - 2]
                used = taps.sources[where][taps.weights[where] != 0]
                read[axis - 2] = np.unique(used)
        return [tuple(read)]


@lru_cache(maxsize=256)
def axis_taps(
    length: int,
    size: int,
    scale: float,
    how: Resampling,
    region: tuple[float, float] = (0.0, 1.0),
) -> Taps:
    """Where ``size`` outputs of an axis of ``length`` samples read, and how much."""
    at = _positions(length, size, scale, how, region)
    outside = np.zeros(size, bool)
    if how.coordinates == "tf_crop_and_resize":
        outside = (at < 0) | (at > length - 1)
    if how.mode == "nearest":
        nearest = _rounded(at, how.nearest, scale).astype(np.int64).clip(0, length - 1)
        return Taps(nearest[:, None], np.ones((size, 1)), outside)
    base = np.floor(at).astype(np.int64)
    stretch = min(1.0, scale) if how.antialias else 1.0
    reach = math.ceil((1 if how.mode == "linear" else 2) / stretch)
    sources = base[:, None] + np.arange(1 - reach, reach + 1)
    distance = np.abs(at[:, None] - sources) * stretch
    if how.mode == "linear":
        weights = np.maximum(1 - distance, 0)
    else:
        weights = _cubic(distance, how.cubic)
    within = (sources >= 0) & (sources < length)
    if how.exclude_outside:
        weights = np.where(within, weights, 0)
    total = weights.sum(axis=1, keepdims=True)
    weights = weights / np.where(total == 0, 1, total)
    return Taps(sources.clip(0, length - 1), weights, outside)


def _positions(
    length: int, size: int, scale: float, how: Resampling, region: tuple[float, float]
) -> Any:
    """Where the outputs lie on the input's axis."""
    o = np.arange(size, dtype=np.float64)
    match how.coordinates:
        case "half_pixel":
            return (o + 0.5) / scale - 0.5
        case "half_pixel_symmetric":
            adjustment = size / (scale * length)
            return length / 2 * (1 - adjustment) + (o + 0.5) / scale - 0.5
        case "pytorch_half_pixel":
            return (o + 0.5) / scale - 0.5 if size > 1 else o * 0
        case "align_corners":
            return o * ((length - 1) / (size - 1)) if size > 1 else o * 0
        case "asymmetric":
            return o / scale
        case "tf_half_pixel_for_nn":
            return (o + 0.5) / scale
    start, end = region
    if size == 1:
        return o + 0.5 * (start + end) * (length - 1)
    return start * (length - 1) + o * ((end - start) * (length - 1) / (size - 1))


def _rounded(at: Any, rule: str, scale: float) -> Any:
    if rule == "simple":
        rule = "ceil" if scale < 1 else "floor"
    if rule == "floor":
        return np.floor(at)
    if rule == "ceil":
        return np.ceil(at)
    return np.ceil(at - 0.5) if rule == "round_prefer_floor" else np.floor(at + 0.5)


def _cubic(distance: Any, a: float) -> Any:
    """Keys' kernel (Keys 1981, equation 15)."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0))
