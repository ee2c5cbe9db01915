"""Functions that only move elements: pad, upsample, concat, flatten.

Each is a list of ``(index in y, index in x, share)``: y gathers ``share * x``, and the
gradient goes back the same way.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.oracle.definition.exact import (
    Array,
    Index,
    entries,
    flat,
    indices,
    settle,
    zeros,
)
from numpy_deconv.oracle.definition.geometry import Padding, axis_of, begin_end

Moves = Iterator[tuple[Index, Index, float]]


def _source(place: int, length: int, mode: str) -> int | None:
    """The element seen at ``place`` of an endless axis; None is the constant.

    a b c d  ->  reflect  . d c b [a b c d] c b a .     replicate  a a [a b c d] d d
                 circular . b c d [a b c d] a b c .     constant   v v [a b c d] v v
    """
    if 0 <= place < length:
        return place
    if mode == "constant":
        return None
    if mode == "replicate":
        return 0 if place < 0 else length - 1
    if mode == "circular":
        return place % length
    return -place if place < 0 else 2 * (length - 1) - place


def _pad_pairs(x: Array, padding: Padding, mode: str) -> list[tuple[int, int]]:
    pairs = begin_end(padding, x.ndim - 2)
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise OptionError(f"mode {mode!r} is not a way to pad.")
    for length, pair in zip(x.shape[2:], pairs, strict=True):
        most = {"reflect": length - 1, "circular": length}.get(mode, max(pair))
        if max(pair) > most or (mode == "replicate" and not length):
            raise ShapeError(f"padding {pair} is too large for {mode!r} of {length}.")
    return pairs


def _pad_moves(x: Array, pairs: list[tuple[int, int]], mode: str) -> Moves:
    sizes = [n + b + e for n, (b, e) in zip(x.shape[2:], pairs, strict=True)]
    for at in indices((*x.shape[:2], *sizes)):
        sources = [
            _source(place - begin, length, mode)
            for place, length, (begin, _) in zip(
                at[2:], x.shape[2:], pairs, strict=True
            )
        ]
        real = [source for source in sources if source is not None]
        if len(real) == len(sources):
            yield at, (*at[:2], *real), 1


def pad(x: Array, padding: Padding, mode: str = "constant", value: float = 0) -> Array:
    """``x`` with more elements around each plane."""
    pairs = _pad_pairs(x, padding, mode)
    sizes = [n + b + e for n, (b, e) in zip(x.shape[2:], pairs, strict=True)]
    y = zeros((*x.shape[:2], *sizes))
    y[...] = value
    xs = entries(x)
    for at_y, at_x, _ in _pad_moves(x, pairs, mode):
        y[at_y] = xs[at_x]
    return settle(y, x)


def pad_grad(
    grad: Array, x: Array, padding: Padding, mode: str = "constant", value: float = 0
) -> tuple[Array]:
    """The gradient for pad's ``x``."""
    pairs = _pad_pairs(x, padding, mode)
    return (_back(grad, x.shape, _pad_moves(x, pairs, mode), integer=True),)


def _back(grad: Array, shape: Index, moves: Moves, integer: bool) -> Array:
    gx, gs = zeros(shape), entries(grad)
    for at_y, at_x, share in moves:
        gx[at_x] += gs[at_y] * share
    return settle(gx, grad) if integer else gx.astype(float)


def _blend(
    i: int, length: int, count: int, scale: float, mode: str
) -> dict[int, float]:
    """Which elements of an axis make up element ``i`` of the scaled one."""
    if mode == "nearest":
        return {min(math.floor(i / scale), length - 1): 1}
    if count == length:
        return {i: 1}
    # the centres of the elements are at half-integers of a common axis
    centre = max((i + 0.5) / scale - 0.5, 0.0)
    low = min(math.floor(centre), length - 1)
    high = min(low + 1, length - 1)
    blend = {low: 1 - (centre - low)}
    blend[high] = blend.get(high, 0) + (centre - low)
    return blend


def _scales(x: Array, scale: float | Sequence[float], mode: str) -> tuple[float, ...]:
    if mode not in ("nearest", "bilinear"):
        raise OptionError(f"mode {mode!r} must be 'nearest' or 'bilinear'.")
    scales = tuple(scale) if isinstance(scale, Sequence) else (scale,) * (x.ndim - 2)
    if len(scales) != x.ndim - 2:
        raise ShapeError(f"scale {scale!r} must be one number for each axis.")
    if any(not 0 < s < math.inf for s in scales):
        raise OptionError(f"scale {scale!r} must be positive.")
    if any(n * s < 1 for n, s in zip(x.shape[2:], scales, strict=True)):
        raise ShapeError(f"scale {scale!r} leaves nothing of sizes {x.shape[2:]}.")
    return scales


def _upsample_moves(x: Array, scales: tuple[float, ...], mode: str) -> Moves:
    sizes = [math.floor(n * s) for n, s in zip(x.shape[2:], scales, strict=True)]
    for at in indices((*x.shape[:2], *sizes)):
        blends = [
            _blend(i, length, count, scale, mode).items()
            for i, length, count, scale in zip(
                at[2:], x.shape[2:], sizes, scales, strict=True
            )
        ]
        for choice in itertools.product(*blends):
            place = tuple(i for i, _ in choice)
            yield at, (*at[:2], *place), math.prod(share for _, share in choice)


def upsample(x: Array, scale: float | Sequence[float], mode: str = "nearest") -> Array:
    """Planes of ``floor(size * scale)``, by the nearest or by linear blending.

    ``"bilinear"`` blends along every axis, from the centres of the elements (PyTorch's
    ``align_corners=False``), and copies an axis whose size stays.
    """
    scales = _scales(x, scale, mode)
    sizes = [math.floor(n * s) for n, s in zip(x.shape[2:], scales, strict=True)]
    y, xs = zeros((*x.shape[:2], *sizes)), entries(x)
    for at_y, at_x, share in _upsample_moves(x, scales, mode):
        y[at_y] += xs[at_x] * share
    return settle(y, x) if mode == "nearest" else y.astype(float)


def upsample_grad(
    grad: Array, x: Array, scale: float | Sequence[float], mode: str = "nearest"
) -> tuple[Array]:
    """The gradient for upsample's ``x``."""
    moves = _upsample_moves(x, _scales(x, scale, mode), mode)
    return (_back(grad, x.shape, moves, integer=mode == "nearest"),)


def _concat_moves(
    arrays: tuple[Array, ...], axis: int
) -> Iterator[tuple[int, Index, Index]]:
    """Every ``(which array, index in it, index in y)``."""
    offset = 0
    for which, array in enumerate(arrays):
        for at in indices(array.shape):
            yield which, at, (*at[:axis], at[axis] + offset, *at[axis + 1 :])
        offset += array.shape[axis]


def concat(*arrays: Array, axis: int = 1) -> Array:
    """The arrays one after the other along ``axis``."""
    axis = axis_of(axis, arrays[0].ndim)
    shapes = [array.shape[:axis] + array.shape[axis + 1 :] for array in arrays]
    if any(shape != shapes[0] for shape in shapes):
        raise ShapeError(
            f"arrays {[array.shape for array in arrays]} differ beyond axis {axis}."
        )
    length = sum(array.shape[axis] for array in arrays)
    y = zeros((*arrays[0].shape[:axis], length, *arrays[0].shape[axis + 1 :]))
    values = [entries(array) for array in arrays]
    for which, at, at_y in _concat_moves(arrays, axis):
        y[at_y] = values[which][at]
    return settle(y, *arrays)


def concat_grad(grad: Array, *arrays: Array, axis: int = 1) -> tuple[Array, ...]:
    """The gradient for each of concat's arrays."""
    gradients = [zeros(array.shape) for array in arrays]
    gs = entries(grad)
    for which, at, at_y in _concat_moves(arrays, axis % arrays[0].ndim):
        gradients[which][at] = gs[at_y]
    return tuple(settle(gradient, grad) for gradient in gradients)


def _flat_shape(x: Array, start_axis: int) -> tuple[int, Index]:
    kept = axis_of(start_axis, x.ndim)
    return kept, (*x.shape[:kept], math.prod(x.shape[kept:]))


def flatten(x: Array, start_axis: int = 1) -> Array:
    """``x`` with ``start_axis`` and all axes after it as one, in row-major order."""
    kept, shape = _flat_shape(x, start_axis)
    y, xs = zeros(shape), entries(x)
    for at in indices(x.shape):
        y[(*at[:kept], flat(at[kept:], x.shape[kept:]))] = xs[at]
    return settle(y, x)


def flatten_grad(grad: Array, x: Array, start_axis: int = 1) -> tuple[Array]:
    """The gradient for flatten's ``x``."""
    kept, _ = _flat_shape(x, start_axis)
    gx, gs = zeros(x.shape), entries(np.asarray(grad))
    for at in indices(x.shape):
        gx[at] = gs[(*at[:kept], flat(at[kept:], x.shape[kept:]))]
    return (settle(gx, grad),)
