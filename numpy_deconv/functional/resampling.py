"""Padding and upsampling of the spatial axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Array, as_array, require_float, require_rank
from ..errors import OptionError, ShapeError
from ..per_axis import Pairs
from ..reference import resampling as kernels
from ..registry import current
from ..window import Window
from .differentiation import Pullback, pullback_of
from .options import real

UPSAMPLE_MODES = ("nearest", "bilinear")


def pad(x: Any, padding: Any, mode: str = "constant", value: float = 0) -> Array:
    """Extend the spatial axes; ``padding`` is in numbers or (begin, end) pairs.

    ``mode`` is ``"constant"`` (with ``value``), ``"reflect"``, ``"replicate"`` or
    ``"circular"``.
    """
    x = as_array(x, "x")
    return kernels.pad(x, _pairs(x, padding, mode), mode, _fill(x, value))


def _fill(x: Array, value: float) -> float:
    """What padding is filled with; unlike other options it may be NaN."""
    if isinstance(value, float | np.floating) and value != value:
        number = math.nan
    else:
        number = real(value, "value")
    if x.dtype.kind in "iu":
        limits = np.iinfo(x.dtype)
        if not limits.min <= number <= limits.max or number != int(number):
            raise OptionError(
                f"{x.dtype} cannot hold value={value}: give a whole number in its "
                "range, or convert x to float32"
            )
    return number


def _pairs(x: Array, padding: Any, mode: str) -> Pairs:
    size = require_rank(x, "x")
    if not isinstance(mode, str) or mode not in kernels.PAD_MODES:
        raise OptionError(
            f"mode={mode!r} is not known: use one of {tuple(kernels.PAD_MODES)}"
        )
    if isinstance(padding, str):
        raise OptionError(
            f"padding={padding!r} fits windows: pad takes numbers or pairs"
        )
    pairs = Window.of(1, len(size), padding=padding).padding
    for axis, (length, ends) in enumerate(zip(size, pairs, strict=True)):
        limit = {"reflect": length - 1, "circular": length}.get(mode)
        if limit is not None and max(ends) > limit:
            raise ShapeError(
                f"{mode} padding of {ends} on spatial axis {axis} needs more samples "
                f"than the {length} there are: use at most {limit}"
            )
        if mode == "replicate" and length == 0 and max(ends):
            raise ShapeError(f"spatial axis {axis} is empty: nothing to replicate")
    return pairs


def upsample(x: Any, scale: Any, mode: str = "nearest") -> Array:
    """Resample each spatial axis to ``floor(L * scale)`` samples.

    ``"nearest"`` repeats samples, ``"bilinear"`` interpolates linearly along every
    spatial axis, sample centres at half-integers (torch's ``align_corners=False``).
    """
    x = as_array(x, "x")
    return current(x).upsample(x, _scales(x, scale, mode), mode)


def _scales(x: Array, scale: Any, mode: str) -> tuple[float, ...]:
    size = require_rank(x, "x")
    if not isinstance(mode, str) or mode not in UPSAMPLE_MODES:
        raise OptionError(f"mode={mode!r} is not known: use one of {UPSAMPLE_MODES}")
    if mode == "bilinear":
        require_float(x, "x", "linear upsampling")
    several = isinstance(scale, list | tuple) or np.ndim(scale) > 0
    each = scale if several else (scale,) * len(size)
    if len(each) != len(size):
        raise ShapeError(
            f"scale={scale!r} has {len(each)} entries, but x has {len(size)} spatial "
            "axes"
        )
    factors = tuple(float(real(factor, "scale")) for factor in each)
    for length, factor in zip(size, factors, strict=True):
        if factor == math.inf:
            raise OptionError("scale must be finite, got inf")
        if not factor > 0 or kernels.upsampled_length(length, factor) < 1:
            raise OptionError(
                f"scale {factor:g} leaves nothing of an axis of {length}: use more"
            )
    return factors


@pullback_of(pad, "x")
def _pad_pullback(
    y: Array, /, x: Array, padding: Any, mode: str, value: float
) -> Pullback:
    pairs = _pairs(x, padding, mode)
    return lambda grad: (kernels.pad_grad(grad, pairs, mode),)


@pullback_of(upsample, "x")
def _upsample_pullback(value: Array, x: Array, scale: Any, mode: str) -> Pullback:
    factors = _scales(x, scale, mode)
    return lambda grad: (current(grad).upsample_grad(grad, x.shape[2:], factors, mode),)
