"""Max pooling with switches, and the pools that average.

A switch is the flat index of a window's winner in the unpadded plane, so the same
array serves the gradient, the deconvnet's unpooling, and ``max_unpool``::

    switch = h*W + w        y[n, c, i, j] = x[n, c].flat[switches[n, c, i, j]]
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array, widened
from ..per_axis import Sizes
from ..window import Window


def max_pool(x: Array, window: Window) -> tuple[Array, Array]:
    """Largest value of each window and its switch (int64); the first of equals wins.

    NaN is larger than everything. Only samples of the image take part: padding never
    wins, not even over -inf.
    """
    size = x.shape[2:]
    output_size = window.output_size(size)
    y: Array = np.zeros_like(x, shape=(*x.shape[:2], *output_size), order="C")
    switches: Array = np.full_like(y, -1, dtype=np.int64)
    plane: Array = np.arange(math.prod(size), dtype=np.int64).reshape(size)
    for _, outputs, inputs in window.taps(size, output_size):
        challenger = x[(..., *inputs)]
        best, winner = y[(..., *outputs)], switches[(..., *outputs)]
        # "not <=" lets a NaN in, "best == best" lets none be replaced
        wins = ~(challenger <= best) & (best == best) | (winner < 0)
        np.copyto(best, challenger, where=wins)
        np.copyto(winner, _like(plane[inputs], winner), where=wins)
    return y, switches


def _like(plane: Array, other: Array) -> Array:
    return np.asarray(plane, like=other)


def adaptive_max_pool(x: Array, output_size: Sizes) -> tuple[Array, Array]:
    """:func:`max_pool` over cells ``[floor(i*L/O), ceil((i+1)*L/O))``."""
    size = x.shape[2:]
    y: Array = np.zeros_like(x, shape=(*x.shape[:2], *output_size), order="C")
    switches: Array = np.zeros_like(y, dtype=np.int64)
    plane: Array = np.arange(math.prod(size), dtype=np.int64).reshape(size)
    for cell, inputs in cells(size, output_size):
        window = x[(..., *inputs)]
        window = window.reshape(*x.shape[:2], math.prod(window.shape[2:]))
        first = window.argmax(axis=2)  # the first maximum, and NaN counts as one
        y[(..., *cell)] = np.take_along_axis(window, first[..., None], 2)[..., 0]
        switches[(..., *cell)] = _like(plane[inputs].ravel(), switches)[first]
    return y, switches


def cells(size: Sizes, output_size: Sizes) -> list[tuple[Sizes, tuple[slice, ...]]]:
    """Each output position of an adaptive pool, with the inputs it covers."""
    bounds = [
        [
            slice(i * length // outputs, -(-(i + 1) * length // outputs))
            for i in range(outputs)
        ]
        for length, outputs in zip(size, output_size, strict=True)
    ]
    return [
        (cell, tuple(axis[i] for axis, i in zip(bounds, cell, strict=True)))
        for cell in np.ndindex(*output_size)
    ]


def divided(total: Array, count: Array) -> Array:
    """``total / count`` in total's dtype; integers truncate toward zero, as torch."""
    if total.dtype.kind in "iu":
        return np.sign(total) * (np.abs(total) // count)
    return total / count.astype(total.dtype)


@widened
def avg_pool(x: Array, window: Window, count_include_pad: bool) -> Array:
    """Mean of each window; padding counts as zeros or not at all."""
    size = x.shape[2:]
    total = window_sum(x, window)
    counts = window.counts(size, total.shape[2:], padded=count_include_pad)
    return divided(total, _like(counts, total))


@widened
def window_sum(x: Array, window: Window) -> Array:
    """Sum of each window over the samples of the image."""
    size = x.shape[2:]
    output_size = window.output_size(size)
    total: Array = np.zeros_like(x, shape=(*x.shape[:2], *output_size), order="C")
    for _, outputs, inputs in window.taps(size, output_size):
        total[(..., *outputs)] += x[(..., *inputs)]
    return total


@widened
def avg_pool_grad(
    grad: Array, input_size: Sizes, window: Window, count_include_pad: bool
) -> Array:
    """Adjoint of :func:`avg_pool`: each window spreads its share, same divisor."""
    positions = grad.shape[2:]
    counts = window.counts(input_size, positions, padded=count_include_pad)
    return window_sum_grad(
        grad / _like(counts, grad).astype(grad.dtype), input_size, window
    )


@widened
def window_sum_grad(grad: Array, input_size: Sizes, window: Window) -> Array:
    """Adjoint of :func:`window_sum`: add each window's gradient to all its samples."""
    image: Array = np.zeros_like(grad, shape=(*grad.shape[:2], *input_size), order="C")
    for _, outputs, inputs in window.taps(input_size, grad.shape[2:]):
        image[(..., *inputs)] += grad[(..., *outputs)]
    return image


@widened
def adaptive_avg_pool(x: Array, output_size: Sizes) -> Array:
    """Mean over cells ``[floor(i*L/O), ceil((i+1)*L/O))`` per axis."""
    size = x.shape[2:]
    y: Array = np.zeros_like(x, shape=(*x.shape[:2], *output_size), order="C")
    axes = tuple(range(2, x.ndim))
    for cell, inputs in cells(size, output_size):
        window = x[(..., *inputs)]
        count = np.asarray(math.prod(window.shape[2:]))
        y[(..., *cell)] = divided(window.sum(axis=axes), _like(count, y))
    return y


@widened
def adaptive_avg_pool_grad(grad: Array, input_size: Sizes) -> Array:
    """Adjoint of :func:`adaptive_avg_pool`."""
    image: Array = np.zeros_like(grad, shape=(*grad.shape[:2], *input_size), order="C")
    lift = (...,) + (None,) * len(input_size)
    for cell, inputs in cells(input_size, grad.shape[2:]):
        window = image[(..., *inputs)]
        window += (grad[(..., *cell)] / math.prod(window.shape[2:]))[lift]
    return image


@widened
def lp_pool(x: Array, window: Window, power: float, rescale_clipped: bool) -> Array:
    """``(sum |x|**p) ** (1/p)`` of each window."""
    total = window_sum(np.abs(x) ** power, window)
    if rescale_clipped:
        total = total * _rescale(x.shape[2:], window, total)
    return total ** (1 / power)


@widened
def lp_pool_grad(
    grad: Array, x: Array, y: Array, window: Window, power: float, rescale_clipped: bool
) -> Array:
    """Gradient of :func:`lp_pool` at ``x``, where it has the value ``y``.

    A window of zeros has no gradient for ``p = 1`` or below; 0 is taken.
    """
    share = grad * np.where(y > 0, y, 1) ** (1 - power) * (y > 0)
    if rescale_clipped:
        share = share * _rescale(x.shape[2:], window, share)
    slope = np.sign(x) * np.abs(np.where(x == 0, 1, x)) ** (power - 1)
    return window_sum_grad(share, x.shape[2:], window) * slope


def _rescale(size: Sizes, window: Window, like: Array) -> Array:
    """Torch's factor for a window that ceil_mode cut: it counts as a full one."""
    outputs = like.shape[2:]
    counts = window.counts(size, outputs, padded=True)
    return _like(window.size / counts, like).astype(like.dtype)
