"""Padding and upsampling: separable maps from output positions to input positions."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array, widened
from ..per_axis import Pairs

# numpy.pad's name for each of torch's border modes
PAD_MODES = {
    "constant": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}


def pad(x: Array, padding: Pairs, mode: str, value: float) -> Array:
    """Extend the spatial axes by ``(begin, end)`` samples."""
    if mode == "constant":
        widths = ((0, 0), (0, 0), *padding)
        return np.pad(x, widths, mode="constant", constant_values=value)
    for axis, ends in enumerate(padding, start=2):
        sources = pad_sources(x.shape[axis], ends, mode)
        x = np.take(x, np.asarray(sources, like=x), axis=axis)
    return x


def pad_sources(length: int, ends: tuple[int, int], mode: str) -> Array:
    """The sample each position of a padded axis repeats; -1 where it is a constant."""
    if mode == "constant":
        return np.pad(np.arange(length), ends, constant_values=-1)
    return np.pad(np.arange(length), ends, mode=PAD_MODES[mode])  # type: ignore[call-overload]


@widened
def pad_grad(grad: Array, padding: Pairs, mode: str) -> Array:
    """Adjoint of :func:`pad`: border samples add to the samples they repeat."""
    for axis, ends in enumerate(padding, start=2):
        begin, length = ends[0], grad.shape[axis] - sum(ends)
        if mode == "constant":
            grad = grad[(slice(None),) * axis + (slice(begin, begin + length),)]
            continue
        grad = _add_along(grad, pad_sources(length, ends, mode), length, axis)
    return grad.copy()


def _add_along(values: Array, target: Array, length: int, axis: int) -> Array:
    """Sum slices of ``values`` that share a target index along ``axis``.

    Gathered, each target's first slice and then its second: what ``add.at`` gives,
    which a GPU would add in any order.
    """
    rows = np.moveaxis(values, axis, 0)
    total = np.zeros_like(rows, shape=(length, *rows.shape[1:]))
    order = np.argsort(target, kind="stable")
    counts = np.bincount(target, minlength=length)
    starts = np.cumsum(counts) - counts
    for number in range(counts.max(initial=0)):
        some = np.flatnonzero(counts > number)
        sources = order[starts[some] + number]
        at, taken = (np.asarray(each, like=total) for each in (some, sources))
        total[at] += rows[taken]
    return np.moveaxis(total, 0, axis)


def upsampled_length(length: int, scale: float) -> int:
    """``floor(length * scale)``."""
    return math.floor(length * scale)


def nearest_source(length: int, scale: float) -> Array:
    """Input position of each output: ``floor(i / scale)``."""
    outputs = np.arange(upsampled_length(length, scale))
    return np.minimum(np.floor(outputs / scale).astype(np.int64), length - 1)


def linear_sources(length: int, scale: float) -> tuple[Array, Array, Array]:
    """The two neighbours of each output and the second one's weight.

    Sample centres are at half-integers: ``(i + 0.5)/scale - 0.5``, not below 0. An axis
    that keeps its length keeps its samples, whatever the scale, as in torch.
    """
    outputs = np.arange(upsampled_length(length, scale))
    if len(outputs) == length:
        return outputs, outputs, np.zeros(length)
    position = np.maximum((outputs + 0.5) / scale - 0.5, 0)
    low = np.minimum(position.astype(np.int64), length - 1)
    return low, np.minimum(low + 1, length - 1), position - low


@widened
def upsample(x: Array, scale: tuple[float, ...], mode: str) -> Array:
    """Resample every spatial axis by its scale, nearest or linear."""
    for axis, factor in enumerate(scale, start=2):
        length = x.shape[axis]
        if mode == "nearest":
            x = np.take(x, nearest_source(length, factor), axis=axis)
            continue
        low, high, weight = linear_sources(length, factor)
        weight = _along(weight, x, axis)
        x = np.take(x, low, axis=axis) * (1 - weight) + (
            np.take(x, high, axis=axis) * weight
        )
    return x


@widened
def upsample_grad(
    grad: Array, input_size: tuple[int, ...], scale: tuple[float, ...], mode: str
) -> Array:
    """Adjoint of :func:`upsample`."""
    for axis, (length, factor) in enumerate(
        zip(input_size, scale, strict=True), start=2
    ):
        if mode == "nearest":
            grad = _add_along(grad, nearest_source(length, factor), length, axis)
            continue
        low, high, weight = linear_sources(length, factor)
        weight = _along(weight, grad, axis)
        grad = _add_along(grad * (1 - weight), low, length, axis) + _add_along(
            grad * weight, high, length, axis
        )
    return grad


def _along(weight: Array, x: Array, axis: int) -> Array:
    shape = [1] * x.ndim
    shape[axis] = -1
    return np.asarray(weight.astype(x.dtype), like=x).reshape(shape)
