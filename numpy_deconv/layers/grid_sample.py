"""Pictures read at positions that a grid names: spatial transformers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, widened
from ..errors import OptionError, ShapeError
from ..registry import current
from .arithmetic import Operation
from .boxes import Indices, rows_of
from .layer import ReadsAll, WithoutRule

MODES = ("nearest", "linear", "cubic")
BORDERS = ("zeros", "border", "reflection")
CUBIC = -0.75  # as torch and ONNX have it


@dataclass(frozen=True, eq=False)
class GridSample(ReadsAll, Operation, WithoutRule):
    """``x (N, C, *size)`` at ``grid (N, *out, rank)``, from -1 to 1 along each axis.

    The last axis of the grid has the axis of ``x`` that changes fastest first. With
    ``align_corners`` -1 and 1 are the centres of the outermost samples, else the edges.
    Jaderberg et al. 2015; numbers as torch's ``grid_sample``.
    """

    mode: str = "linear"
    border: str = "zeros"
    align_corners: bool = False

    def __post_init__(self) -> None:
        for value, known in ((self.mode, MODES), (self.border, BORDERS)):
            if value not in known:
                raise OptionError(
                    f"{value!r} is no way to sample: use one of {', '.join(known)}"
                )

    def check(self, *operands: Array) -> None:
        x, grid = operands
        rank = x.ndim - 2
        fits = grid.ndim == x.ndim and grid.shape[-1:] == (rank,)
        if not fits or (len(x) != len(grid) and 1 not in (len(x), len(grid))):
            raise ShapeError(
                f"a grid of shape {grid.shape} says no positions in {x.shape}"
            )

    def value(self, *operands: Array) -> Array:
        x, grid = operands
        return _sampled(x, grid, self)

    def slopes(self, gy: Array, *operands: Array) -> tuple[Array | None, ...]:
        x, grid = operands
        return _slopes(gy, x, grid, self)

    def vjp(self, saved: tuple[Array, ...], gy: Array) -> tuple[Array | None, ...]:
        grads = self.slopes(gy, *self._filled(saved))
        return tuple(grads[place] for place in self._places)

    def describe(self) -> str:
        return f"GridSample {self.mode}, {self.border}"

    def take(self, saved: tuple[Array, ...], samples: Indices) -> Any:
        if any(c is not None and len(c) != 1 for c in self.constants):
            return NotImplemented
        return tuple(rows_of(x, samples) for x in saved)


def _axis_taps(
    grid: Array, length: int, layer: GridSample
) -> tuple[list[Array], list[Array], list[Array]]:
    """For one axis: the samples read, their weights, and the weights' slopes in the
    grid's unit; samples beyond the border are kept where ``zeros`` wants none."""
    scale = (length - 1) / 2 if layer.align_corners else length / 2
    at = (grid + 1) * scale - (0 if layer.align_corners else 0.5)
    slope = np.full_like(at, scale)
    if layer.mode != "cubic":
        at, slope = _within(at, slope, length, layer)
    if layer.mode == "nearest":
        return [np.round(at)], [np.ones_like(at)], [np.zeros_like(at)]
    base = np.floor(at)
    part = at - base
    if layer.mode == "linear":
        weights, slopes = [1 - part, part], [-slope, slope]
        return [base, base + 1], weights, slopes
    places = [base + step for step in (-1, 0, 1, 2)]
    weights = [_cubic(at - p) for p in places]
    slopes = [_cubic_slope(at - p) * slope for p in places]
    still = np.zeros_like(at)
    places = [_within(p, still, length, layer)[0] for p in places]
    return places, weights, slopes


def _within(at: Array, slope: Array, length: int, layer: GridSample) -> Any:
    """Positions brought back by the border's rule, and their slope there."""
    if layer.border == "zeros":
        return at, slope
    if layer.border == "reflection":
        low = 0.0 if layer.align_corners else -0.5
        span = length - 1 if layer.align_corners else length
        away = np.abs(at - low)
        slope = np.where(at < low, -slope, slope)
        turns = np.floor(away / span) if span else away * 0
        rest = away - turns * span
        odd = turns % 2 == 1
        at = np.where(odd, span - rest, rest) + low if span else away * 0
        slope = np.where(odd, -slope, slope)
    inside = (at >= 0) & (at <= length - 1)
    return np.clip(at, 0, length - 1), np.where(inside, slope, 0)


def _cubic(distance: Array) -> Array:
    d = np.abs(distance)
    near = ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1
    far = ((CUBIC * d - 5 * CUBIC) * d + 8 * CUBIC) * d - 4 * CUBIC
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def _cubic_slope(distance: Array) -> Array:
    d = np.abs(distance)
    near = (3 * (CUBIC + 2) * d - 2 * (CUBIC + 3)) * d
    far = (3 * CUBIC * d - 10 * CUBIC) * d + 8 * CUBIC
    return np.sign(distance) * np.where(d <= 1, near, np.where(d < 2, far, 0))


def _corners(x: Array, grid: Array, layer: GridSample) -> Any:
    """Each combination of the axes' taps: flat places ``(N, L)``, and per axis the
    weights and slopes; a place outside has the weight 0."""
    size, rank = x.shape[2:], x.ndim - 2
    points = grid.reshape(len(grid), -1, rank)
    taps = [
        _axis_taps(points[..., rank - 1 - axis], size[axis], layer)
        for axis in range(rank)
    ]
    for chosen in itertools.product(range(len(taps[0][0])), repeat=rank):
        flat: Any = 0
        inside: Any = True
        for axis, tap in enumerate(chosen):
            place = taps[axis][0][tap]
            inside = inside & (place >= 0) & (place <= size[axis] - 1)
            bounded = np.where(np.isfinite(place), place, 0)
            index = np.clip(bounded, 0, size[axis] - 1).astype(np.int64)
            flat = flat * size[axis] + index
        weights = [taps[axis][1][tap] for axis, tap in enumerate(chosen)]
        slopes = [taps[axis][2][tap] for axis, tap in enumerate(chosen)]
        yield flat, inside, weights, slopes


def _product(parts: list[Array]) -> Any:
    total: Any = 1
    for part in parts:
        total = total * part
    return total


@widened
def _sampled(x: Array, grid: Array, layer: GridSample) -> Array:
    rows = max(len(x), len(grid))
    planes = np.broadcast_to(x, (rows, *x.shape[1:])).reshape(*(rows, x.shape[1]), -1)
    y: Any = 0
    for flat, inside, weights, _ in _corners(x, grid, layer):
        share = np.where(inside, _product(weights), 0).astype(x.dtype)[:, None]
        index = np.broadcast_to(flat, (rows, flat.shape[1]))[:, None]
        y = y + np.take_along_axis(planes, index, axis=2) * share
    return y.reshape(rows, x.shape[1], *grid.shape[1:-1])


@widened
def _slopes(gy: Array, x: Array, grid: Array, layer: GridSample) -> tuple[Array, Array]:
    rows, rank = len(gy), x.ndim - 2
    lined = gy.reshape(rows, gy.shape[1], -1)
    planes = np.broadcast_to(x, (rows, *x.shape[1:])).reshape(rows, x.shape[1], -1)
    gx = np.zeros_like(gy, shape=planes.shape)
    along = [np.zeros_like(gy, shape=(rows, lined.shape[2])) for _ in range(rank)]
    place = planes.shape[2:]
    for flat, inside, weights, slopes in _corners(x, grid, layer):
        index = np.broadcast_to(flat, (rows, flat.shape[1]))[:, None]
        share = np.where(inside, _product(weights), 0)[:, None]
        signal = (lined * share).astype(gy.dtype)
        places = np.broadcast_to(index, signal.shape)
        gx = gx + current(gx).scatter(signal, places, place, "sum")
        told = (np.take_along_axis(planes, index, axis=2) * lined).sum(axis=1)
        for axis in range(rank):
            others = [w for a, w in enumerate(weights) if a != axis]
            along[axis] += np.where(inside, _product(others) * slopes[axis], 0) * told
    of_grid = np.stack(along[::-1], axis=-1).reshape(rows, *grid.shape[1:])
    if len(x) == 1 != rows and len(grid) == rows:
        gx = gx.sum(axis=0, keepdims=True)
    return gx.reshape(-1, *x.shape[1:]).astype(gy.dtype), of_grid.astype(gy.dtype)
