"""Which samples make one sample, axis by axis: the plan of a pool or a resampling.

A pool, its adjoint, an adaptive pool and an upsampling are all separable: along each
axis an output has a short list of sources with a weight each, and the taps of a pixel
are the product of its axes' lists. The lists are a few numbers per row and column;
they are made once for a geometry and kept.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from ...reference.resampling import linear_sources, nearest_source
from ...window import Window

Array = np.ndarray[Any, Any]
KEPT = 256


class Sources(NamedTuple):
    """Output ``o`` is made of ``places[starts[o]:starts[o + 1]]`` with ``weights``."""

    starts: Array
    places: Array
    weights: Array

    @classmethod
    def of(cls, places: Array, weights: Array, inside: Array) -> Sources:
        """From tables ``(outputs, taps)``, of which some taps are ``inside``."""
        starts = np.append(0, inside.sum(axis=1).cumsum())
        return cls(starts, places[inside], weights[inside])

    @property
    def outputs(self) -> int:
        return len(self.starts) - 1

    def transposed(self, length: int) -> Sources:
        """For each of ``length`` sources the outputs it went into: the adjoint."""
        order = np.argsort(self.places, kind="stable")
        outputs = np.repeat(np.arange(self.outputs), np.diff(self.starts))
        counts = np.bincount(self.places, minlength=length)
        starts = np.append(0, counts.cumsum())
        return Sources(starts, outputs[order], self.weights[order])


class Plan(NamedTuple):
    """Sources of whole rows and of the pixels within; places count input pixels."""

    rows: Sources
    columns: Sources
    output_size: Sizes
    area: int
    cuts: dict[Any, Any]  # how the work on some batch was cut, kept by whoever did


def plan(axes: list[Sources], input_size: Sizes, dtype: str) -> Plan:
    """The axes' lists as one plan; leading axes are merged into the rows."""
    *outer, columns = axes
    strides = [int(np.prod(input_size[a + 1 :])) for a in range(len(outer))]
    rows = Sources(np.array([0, 1]), np.zeros(1, np.int64), np.ones(1))
    for axis, stride in zip(outer, strides, strict=True):
        rows = _product(rows, axis, stride)
    return Plan(
        rows._replace(weights=rows.weights.astype(dtype)),
        columns._replace(weights=columns.weights.astype(dtype)),
        tuple(axis.outputs for axis in axes),
        int(np.prod(input_size)),
        {},
    )


def _product(rows: Sources, axis: Sources, stride: int) -> Sources:
    places, weights, lengths = [], [], []
    for r, o in product(range(rows.outputs), range(axis.outputs)):
        first = slice(rows.starts[r], rows.starts[r + 1])
        second = slice(axis.starts[o], axis.starts[o + 1])
        along = rows.places[first, None] + axis.places[second] * stride
        places.append(along.ravel())
        weights.append((rows.weights[first, None] * axis.weights[second]).ravel())
        lengths.append(along.size)
    starts = np.append(0, np.cumsum(lengths))
    return Sources(starts, np.concatenate(places), np.concatenate(weights))


def window_axis(
    window: Window, axis: int, length: int, outputs: int, divisor: str
) -> Sources:
    """What each stop of a window reads inside the image.

    Weights are 1, or one over the taps in the image (``divisor="inside"``) or in image
    and padding (``"padded"``), which the weights of a mean are.
    """
    begin, end = window.padding[axis]
    taps = np.arange(window.kernel[axis]) * window.dilation[axis] - begin
    places = np.arange(outputs)[:, None] * window.stride[axis] + taps
    inside = (places >= 0) & (places < length)
    counted = inside
    if divisor == "padded":
        counted = (places >= -begin) & (places < length + end)
    counts = np.maximum(counted.sum(axis=1, keepdims=True), 1)
    weights = np.ones(places.shape) if divisor == "none" else 1 / counts
    return Sources.of(places, np.broadcast_to(weights, places.shape), inside)


@lru_cache(KEPT)
def window_plan(window: Window, input_size: Sizes, divisor: str, dtype: str) -> Plan:
    """Outputs from what the window reads."""
    outputs = window.output_size(input_size)
    axes = _window_axes(window, input_size, outputs, divisor)
    return plan(axes, input_size, dtype)


@lru_cache(KEPT)
def window_adjoint(
    window: Window, input_size: Sizes, output_size: Sizes, divisor: str, dtype: str
) -> Plan:
    """Inputs from the outputs that read them."""
    axes = _window_axes(window, input_size, output_size, divisor)
    return _adjoint(axes, input_size, dtype)


def _adjoint(axes: list[Sources], input_size: Sizes, dtype: str) -> Plan:
    turned = [a.transposed(n) for a, n in zip(axes, input_size, strict=True)]
    return plan(turned, tuple(axis.outputs for axis in axes), dtype)


def _window_axes(
    window: Window, input_size: Sizes, output_size: Sizes, divisor: str
) -> list[Sources]:
    sizes = zip(input_size, output_size, strict=True)
    return [
        window_axis(window, axis, length, outputs, divisor)
        for axis, (length, outputs) in enumerate(sizes)
    ]


def _cells(length: int, outputs: int) -> Sources:
    """Cells ``[floor(i*L/O), ceil((i+1)*L/O))`` and their means' weights."""
    cell = np.arange(outputs)
    first, stop = cell * length // outputs, -(-(cell + 1) * length // outputs)
    counts = stop - first
    starts = np.append(0, counts.cumsum())
    places = np.arange(starts[-1]) - np.repeat(starts[:-1] - first, counts)
    return Sources(starts, places, np.repeat(1 / counts, counts))


@lru_cache(KEPT)
def cells_plan(
    input_size: Sizes, output_size: Sizes, adjoint: bool, dtype: str
) -> Plan:
    """Cells that share the plane out evenly."""
    axes = [_cells(n, o) for n, o in zip(input_size, output_size, strict=True)]
    return (_adjoint if adjoint else plan)(axes, input_size, dtype)


def _resampled(length: int, scale: float, mode: str) -> Sources:
    if mode == "nearest":
        places = nearest_source(length, scale)[:, None]
        return Sources.of(places, np.ones(places.shape), places >= 0)
    low, high, weight = linear_sources(length, scale)
    places, weights = np.stack([low, high], 1), np.stack([1 - weight, weight], 1)
    return Sources.of(places, weights, weights > 0)


@lru_cache(KEPT)
def upsampling_plan(
    input_size: Sizes, scale: tuple[float, ...], mode: str, adjoint: bool, dtype: str
) -> Plan:
    """Nearest or linear resampling of every axis."""
    axes = [_resampled(n, s, mode) for n, s in zip(input_size, scale, strict=True)]
    return (_adjoint if adjoint else plan)(axes, input_size, dtype)


@lru_cache(KEPT)
def reached_plan(
    pooled: Sizes, strides: Sizes, reach: tuple[tuple[int, int], ...], size: Sizes
) -> Plan:
    """Pixels from the pooled pixels ``o`` that may point at them: ``o*s + low..high``
    along each axis."""
    axes = []
    for outputs, stride, (low, high), length in zip(
        pooled, strides, reach, size, strict=True
    ):
        places = np.arange(outputs)[:, None] * stride + np.arange(low, high + 1)
        inside = (places >= 0) & (places < length)
        axes.append(Sources.of(places, np.ones(places.shape), inside))
    return _adjoint(axes, size, "f4")
