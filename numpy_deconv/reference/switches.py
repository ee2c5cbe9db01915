"""Switches at work: gathering from a plane, and scattering into one.

Scattering is the deconvnet's unpooling. Overlapping windows may point at one sample;
what then happens is the ``overlap`` rule, and only ``"sum"`` is the adjoint of the
gather.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array, accumulator, narrowed, widened
from ..errors import ShapeError
from ..per_axis import Sizes
from .pooling import divided


def gather(x: Array, switches: Array) -> Array:
    """Values of ``x`` at the switches; a batch of one is shared by the other's many."""
    batch = len(switches) if len(x) == 1 else len(x)
    planes = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
    index = switches.reshape(*switches.shape[:2], math.prod(switches.shape[2:]))
    planes = np.broadcast_to(planes, (batch, *planes.shape[1:]))
    index = np.broadcast_to(index, (batch, *index.shape[1:]))
    taken = np.take_along_axis(planes, index, axis=2)
    return taken.reshape(batch, *switches.shape[1:])


def require_inside(switches: Array, output_size: Sizes) -> None:
    """Raise ShapeError if a switch lies outside of a plane of this size."""
    area = math.prod(output_size)
    low, high = (int(switches.min()), int(switches.max())) if switches.size else (0, -1)
    if low < 0 or high >= area:
        raise ShapeError(
            f"switches reach from {low} to {high}, but a plane of size "
            f"{tuple(output_size)} has indices 0 to {area - 1}: give the output_size "
            "that was pooled"
        )


def scatter(values: Array, switches: Array, output_size: Sizes, overlap: str) -> Array:
    """Put each value at its switch in a plane of zeros.

    Where several meet: ``"sum"`` adds (the adjoint of :func:`gather`), ``"assign"``
    keeps the last in C order, ``"first"`` the first, ``"max"`` the largest and
    ``"mean"`` the average. Switches of a batch of one serve every sample of
    ``values``.
    """
    batch, channels, *_ = values.shape
    area = math.prod(output_size)
    flat = _flat(switches, batch, area)
    image = _OVERLAPS[overlap](values.reshape(-1), flat, batch * channels * area)
    return image.reshape(batch, channels, *output_size)


def switches_in_windows(
    switches: Array, size: Sizes, origins: Array, shape: Sizes
) -> tuple[Array, Array]:
    """Flat indices into planes of ``size`` as flat indices into windows of them.

    Row ``b``'s window is ``shape`` from ``origins[b]`` on; the switches are for each
    row, or of a batch of one for all. Also whether each lies in its window: if not, its
    index is 0.
    """
    row = (-1, *(1,) * (switches.ndim - 1))
    local, rest, inside = switches * 0, switches, None
    for axis, length in enumerate(shape):
        at, rest = _divided(rest, math.prod(size[axis + 1 :]))
        first = origins[:, axis]
        alike = (first == first[:1]).all()
        at = at - np.asarray(first[:1] if alike else first, like=switches).reshape(row)
        held = (at >= 0) & (at < length)
        inside = held if inside is None else inside & held
        local = local * length + at
    if inside is None:
        inside = local == 0
    return np.where(inside, local, 0), inside


def _divided(index: Array, area: int) -> tuple[Array, Array]:
    whole = index // area if area > 1 else index
    return whole, index - whole * area


def _flat(switches: Array, batch: int, area: int) -> Array:
    """Switches as indices into all planes together."""
    channels = switches.shape[1]
    index = switches.reshape(len(switches), channels, math.prod(switches.shape[2:]))
    index = np.broadcast_to(index, (batch, *index.shape[1:]))
    planes = np.arange(batch * channels).reshape(batch, channels, 1)
    return (index + area * np.asarray(planes, like=index)).reshape(-1)


def _assign(values: Array, flat: Array, length: int) -> Array:
    image = np.zeros_like(values, shape=length)
    image[flat] = values  # NumPy defines it: of repeated indices the last one stays
    return image


def _first(values: Array, flat: Array, length: int) -> Array:
    return _assign(values[::-1], flat[::-1], length)


@widened
def _sum(values: Array, flat: Array, length: int) -> Array:
    image = np.zeros_like(values, shape=length)
    np.add.at(image, flat, values)
    return image


def _max(values: Array, flat: Array, length: int) -> Array:
    image = _assign(values, flat, length)
    with np.errstate(invalid="ignore"):  # NaN wins, and says so by being there
        np.maximum.at(image, flat, values)
    return image


def _mean(values: Array, flat: Array, length: int) -> Array:
    dtype = values.dtype
    total = _sum(values.astype(accumulator(dtype)), flat, length)
    return narrowed(divided(total, np.maximum(_hits(flat, length), 1)), dtype)


def _hits(flat: Array, length: int) -> Array:
    hits = np.zeros_like(flat, shape=length)
    np.add.at(hits, flat, 1)
    return hits


_OVERLAPS = {
    "assign": _assign,
    "sum": _sum,
    "max": _max,
    "mean": _mean,
    "first": _first,
}
OVERLAPS = tuple(_OVERLAPS)


def scatter_grad(grad: Array, values: Array, switches: Array, overlap: str) -> Array:
    """True gradient of :func:`scatter` in ``values``.

    A value that another one replaced has had no part in the result, so its gradient is
    0; frameworks that hand every value the gradient at its switch are wrong there.
    """
    taken = gather(grad, switches)
    if overlap == "sum":
        return taken
    length = math.prod(grad.shape)
    flat = _flat(switches, len(values), math.prod(grad.shape[2:]))
    if overlap == "mean":
        shares = _hits(flat, length)[flat].reshape(values.shape)
        return narrowed(taken / shares, taken.dtype)
    order = np.arange(flat.size)
    if overlap == "max":
        each = values.reshape(-1)
        largest = _max(each, flat, length)[flat]
        order = order[(each == largest) | (each != each)]  # NaN is the largest
    last = np.zeros_like(flat, shape=length)
    order = order if overlap == "assign" else order[::-1]
    last[flat[order]] = order
    kept = (last[flat] == np.arange(flat.size)).reshape(values.shape)
    return np.where(kept, taken, 0).astype(taken.dtype)
