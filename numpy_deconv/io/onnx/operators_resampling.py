"""Resize, in all its versions, its predecessor Upsample, and GridSample."""

from __future__ import annotations

import math

from ...errors import FileFormatError
from ...layers import Upsample
from ...layers.grid_sample import GridSample
from ...layers.resize import Resampling, Resize
from .operators_shape import checked_axes
from .tracing import Call, Results, Shape, Value, operator

_POLICIES = {"not_larger": min, "not_smaller": max}


@operator("Upsample")
def _upsample(call: Call) -> Results:
    """Scales were an attribute until operator set 9, and are an input since."""
    x = call.input(0)
    given = call.optional_constant(1, "scales")
    scales = call.attribute("scales", ()) if given is None else given.reshape(-1)
    mode = call.attribute("mode", "nearest")
    how = Resampling(_mode(mode), "asymmetric", "floor")
    return _resized(call, x, tuple(range(x.rank)), how, tuple(map(float, scales)), None)


@operator("Resize")
def _resize(call: Call) -> Results:
    x = call.input(0)
    first = 1 if call.opset == 10 else 2
    given = call.optional_constant(first, "scales")
    scales = None if given is None or not given.size else given.reshape(-1)
    sizes = call.whole_numbers(first + 1, "sizes") or None
    axes = checked_axes(call.attribute("axes", tuple(range(x.rank))), x.rank)
    if (scales is None) == (sizes is None):
        raise FileFormatError("it needs scales or sizes, one of them")
    old = call.opset == 10
    how = Resampling(
        mode=_mode(call.attribute("mode", "nearest")),
        coordinates=call.attribute(
            "coordinate_transformation_mode", "asymmetric" if old else "half_pixel"
        ),
        nearest=call.attribute(
            "nearest_mode", "simple" if old else "round_prefer_floor"
        ),
        cubic=call.attribute("cubic_coeff_a", -0.75),
        exclude_outside=bool(call.attribute("exclude_outside", 0)),
        antialias=bool(call.attribute("antialias", 0)),
        extrapolation=call.attribute("extrapolation_value", 0.0),
    )
    numbers = None if scales is None else tuple(map(float, scales))
    policy = call.attribute("keep_aspect_ratio_policy", "stretch")
    if sizes is not None and policy in _POLICIES and len(sizes) == len(axes):
        ratios = (n / max(1, x.shape[a]) for n, a in zip(sizes, axes, strict=True))
        factor = _POLICIES[policy](ratios)
        numbers = (factor,) * len(axes)
        sizes = tuple(math.floor(x.shape[a] * factor + 0.5) for a in axes)
    return _resized(call, x, axes, how, numbers, sizes)


def _mode(mode: str) -> str:
    return {"bilinear": "linear", "trilinear": "linear"}.get(mode, mode)


def _resized(
    call: Call,
    x: Value,
    axes: Shape,
    how: Resampling,
    scales: tuple[float, ...] | None,
    sizes: Shape | None,
) -> Value:
    for numbers in (scales, sizes):
        if numbers is not None and (
            len(numbers) != len(axes)
            or not all(0 < n < 2**31 and math.isfinite(n) for n in numbers)
        ):
            raise FileFormatError(f"{numbers} do not resize {len(axes)} axes")
    regions = _regions(call, len(axes)) if how.coordinates == _CROP else None
    kept = [i for i, axis in enumerate(axes) if _changes(x, axis, i, scales, sizes)]
    if regions is None:
        axes = tuple(axes[i] for i in kept)
        scales = None if scales is None else tuple(scales[i] for i in kept)
        sizes = None if sizes is None else tuple(sizes[i] for i in kept)
    if not axes:
        return x
    if 0 in x.shape:
        raise FileFormatError(f"its input {x.shape} is empty")
    layer = Resize(axes, scales, sizes, how, regions)
    shape = layer.resized(x.shape)
    factors = tuple(n / m for n, m in zip(shape, x.shape, strict=True))
    return call.add(_simpler(layer, x, factors) or layer, x, shape=shape)


_CROP = "tf_crop_and_resize"


def _regions(call: Call, axes: int) -> tuple[tuple[float, float], ...]:
    numbers = call.constant(1, "roi").reshape(-1).tolist()
    if len(numbers) != 2 * axes:
        raise FileFormatError(f"its roi {numbers} are not two numbers per axis")
    return tuple(zip(numbers[:axes], numbers[axes:], strict=True))


def _changes(
    x: Value, axis: int, i: int, scales: tuple[float, ...] | None, sizes: Shape | None
) -> bool:
    if sizes is not None:
        return sizes[i] != x.shape[axis]
    return scales is not None and scales[i] != 1


def _simpler(layer: Resize, x: Value, factors: tuple[float, ...]) -> Upsample | None:
    """The layer for whole factors of all spatial axes, which backends make fast."""
    how = layer.how
    exact = not layer.scales or all(s == factors[a] for a, s in _scaled(layer))
    whole = all(f.is_integer() for f in factors) and factors[:2] == (1, 1)
    if not (whole and exact and 3 <= x.rank <= 5) or how.antialias:
        return None
    centred = how.coordinates == "half_pixel"
    nearest = how.mode == "nearest" and (
        (how.coordinates == "asymmetric" and how.nearest in ("floor", "simple"))
        or (centred and how.nearest == "round_prefer_floor")
    )
    linear = how.mode == "linear" and centred and not how.exclude_outside
    if nearest:
        return Upsample(factors[2:])
    return Upsample(factors[2:], "bilinear") if linear else None


def _scaled(layer: Resize) -> list[tuple[int, float]]:
    return list(zip(layer.axes, layer.scales or (), strict=True))


_GRID_MODES = {"bilinear": "linear", "bicubic": "cubic"}  # until operator set 20


@operator("GridSample")
def _grid_sample(call: Call) -> Results:
    x, grid = call.input(0), call.input(1)
    fits = x.rank == grid.rank > 2 and grid.shape[-1] == x.rank - 2
    if not fits or x.shape[0] != grid.shape[0] or 0 in x.shape:
        raise FileFormatError(f"a grid of {grid.shape} names no places in {x.shape}")
    mode = call.attribute("mode", "linear")
    layer = GridSample(
        (x.array, grid.array) if x.is_constant != grid.is_constant else (),
        _GRID_MODES.get(mode, mode),
        call.attribute("padding_mode", "zeros"),
        bool(call.attribute("align_corners", 0)),
    )
    live = [each for each in (x, grid) if not each.is_constant] or [x, grid]
    shape = (*x.shape[:2], *grid.shape[1:-1])
    return call.add(layer, *live, shape=shape, dtype=x.dtype)
