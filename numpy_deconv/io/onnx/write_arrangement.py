"""Writing layers that join, cut, reshape, reduce and resample."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...layers import Concat, Flatten, Pad, Upsample
from ...layers.extend import Extend
from ...layers.reduction import Reduce
from ...layers.reshaping import (
    Cast,
    Constant,
    Expand,
    Gather,
    Reshape,
    Slice,
    Transpose,
)
from ...layers.resize import Resampling, Resize
from ...layers.space_depth import DepthToSpace, SpaceToDepth
from ...window import Window
from .operators_arrangement import PAD_MODES
from .operators_reduction import KINDS
from .writing import Place, cannot, writes

_MODES = {ours: theirs for theirs, ours in PAD_MODES.items()}
_REDUCTIONS = {ours: theirs for theirs, ours in KINDS.items()}
_LARGEST = 2**63 - 1


@writes(Concat)
def _concat(place: Place) -> None:
    layer: Any = place.layer
    place.node("Concat", place.inputs, axis=int(layer.axis))


@writes(Flatten)
def _flatten(place: Place) -> None:
    layer: Any = place.layer
    start = layer.start_axis % len(place.shapes[0])
    if start == 1:
        place.node("Flatten", place.inputs)
        return
    shape = place.numbers("shape", *(0,) * start, -1)
    place.node("Reshape", [*place.inputs, shape])


@writes(Reshape)
def _reshape(place: Place) -> None:
    """A 0 keeps the batch whatever its size."""
    layer: Any = place.layer
    shape = (0, *layer.shape) if layer.batch else layer.shape
    if 0 in layer.shape:
        raise cannot(place, "an axis of 0 would mean another one's size")
    place.node("Reshape", [*place.inputs, place.numbers("shape", *shape)])


@writes(Transpose)
def _transpose(place: Place) -> None:
    layer: Any = place.layer
    place.node("Transpose", place.inputs, perm=list(layer.order))


@writes(Slice)
def _slice(place: Place) -> None:
    layer: Any = place.layer
    cuts = [(a, s) for a, s in enumerate(layer.slices) if s != slice(None)]
    starts, ends, steps = [], [], []
    for _, cut in cuts:
        step = 1 if cut.step is None else cut.step
        first, last = (0, _LARGEST) if step > 0 else (_LARGEST, -_LARGEST)
        starts.append(first if cut.start is None else cut.start)
        ends.append(last if cut.stop is None else cut.stop)
        steps.append(step)
    inputs = [
        place.numbers("starts", *starts),
        place.numbers("ends", *ends),
        place.numbers("axes", *(axis for axis, _ in cuts)),
        place.numbers("steps", *steps),
    ]
    place.node("Slice", [*place.inputs, *inputs])


@writes(Gather)
def _gather(place: Place) -> None:
    layer: Any = place.layer
    indices = place.parameter("indices", layer.indices.astype(np.int64))
    place.node("Gather", [*place.inputs, indices], axis=int(layer.axis))


@writes(Expand)
def _expand(place: Place) -> None:
    layer: Any = place.layer
    place.node("Expand", [*place.inputs, place.numbers("shape", *layer.shape)])


@writes(Cast)
def _cast(place: Place) -> None:
    import onnx

    layer: Any = place.layer
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(layer.dtype))
    place.node("Cast", place.inputs, to=int(kind))


@writes(Constant)
def _constant(place: Place) -> None:
    """Expanded to as many samples as what it reads has."""
    layer: Any = place.layer
    shape = place.node("Shape", place.inputs, "batch", start=0, end=1)
    rest = place.numbers("rest", *(1,) * (layer.value.ndim - 1))
    full = place.node("Concat", [shape, rest], "shape", axis=0)
    place.node("Expand", [place.parameter("value"), full])


@writes(Pad)
def _pad(place: Place) -> None:
    layer: Any = place.layer
    pairs = Window.of(1, len(place.size), padding=layer.padding).padding
    _extended(place, ((0, 0), (0, 0), *pairs))


@writes(Extend)
def _extend(place: Place) -> None:
    layer: Any = place.layer
    _extended(place, layer.pairs)


def _extended(place: Place, pairs: tuple[tuple[int, int], ...]) -> None:
    layer: Any = place.layer
    widths = [begin for begin, _ in pairs] + [end for _, end in pairs]
    inputs = [*place.inputs, place.numbers("pads", *widths)]
    if layer.mode == "constant":
        inputs.append(place.scalar("value", layer.value))
    place.node("Pad", inputs, mode=_MODES[layer.mode])


@writes(Reduce)
def _reduce(place: Place) -> None:
    layer: Any = place.layer
    axes = range(len(place.shapes[0])) if layer.axes is None else layer.axes
    place.node(
        _REDUCTIONS[layer.kind],
        [*place.inputs, place.numbers("axes", *axes)],
        keepdims=int(layer.keepdims),
        noop_with_empty_axes=1,
    )


@writes(DepthToSpace)
def _depth_to_space(place: Place) -> None:
    layer: Any = place.layer
    mode = "CRD" if layer.by_channel else "DCR"
    place.node("DepthToSpace", place.inputs, blocksize=int(layer.block), mode=mode)


@writes(SpaceToDepth)
def _space_to_depth(place: Place) -> None:
    layer: Any = place.layer
    if layer.by_channel:
        raise cannot(place, "ONNX has the blocks before the channels only")
    place.node("SpaceToDepth", place.inputs, blocksize=int(layer.block))


@writes(Upsample)
def _upsample(place: Place) -> None:
    """By its sizes; where samples lie follows from the scales."""
    layer: Any = place.layer
    rank = len(place.size)
    each = layer.scale if hasattr(layer.scale, "__len__") else (layer.scale,) * rank
    nearest = layer.mode == "nearest"
    how = Resampling(
        "nearest" if nearest else "linear",
        "asymmetric" if nearest else "half_pixel",
        "floor",
    )
    _resized(place, tuple(range(2, 2 + rank)), tuple(map(float, each)), None, how)


@writes(Resize)
def _resize(place: Place) -> None:
    layer: Any = place.layer
    if layer.regions is not None:
        raise cannot(place, "regions are not written")
    if layer.how.nearest == "simple" and layer.how.mode == "nearest":
        raise cannot(place, "newer operator sets do not round as the first one did")
    if layer.scales is not None and layer.sizes is not None:
        raise cannot(place, "scales and sizes together are not written")
    _resized(place, layer.axes, layer.scales, layer.sizes, layer.how)


def _resized(
    place: Place,
    axes: tuple[int, ...],
    scales: tuple[float, ...] | None,
    sizes: tuple[int, ...] | None,
    how: Resampling,
) -> None:
    inputs = [*place.inputs, ""]
    if sizes is not None:
        inputs += ["", place.numbers("sizes", *sizes)]
    else:
        inputs.append(place.parameter("scales", np.array(scales, np.float32)))
    place.node(
        "Resize",
        inputs,
        axes=[int(axis) for axis in axes],
        mode=how.mode,
        coordinate_transformation_mode=how.coordinates,
        nearest_mode=how.nearest,
        cubic_coeff_a=float(how.cubic),
        exclude_outside=int(how.exclude_outside),
        antialias=int(how.antialias),
    )
