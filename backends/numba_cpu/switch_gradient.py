"""The gradient of scattering: what a kept value gets, and one that was replaced not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import arena
from .compiled import compiled
from .layout import channels_last, logical
from .switches import Planes, count_hits, gather, scatter

Array = np.ndarray[Any, Any]


def scatter_grad(grad: Array, values: Array, switches: Array, overlap: str) -> Array:
    """True gradient of :func:`~.switches.scatter` in ``values``."""
    if overlap == "sum":
        return gather(grad, switches)
    batch, channels, *size = grad.shape
    pooled = math.prod(switches.shape[2:])
    planes = Planes(batch, channels, math.prod(size), pooled, grad.itemsize)
    source, index = channels_last(grad), channels_last(switches, np.int64)
    y = arena.take((batch, *index.shape[1:]), grad.dtype)
    if overlap == "mean":
        shape = planes.shape(grad, switches)
        flat = source.reshape(-1), index.reshape(-1), y.reshape(-1)
        planes.run(_mean_grad, *flat, shape, scratch=np.int64)
        return logical(y)
    each = channels_last(values)
    highest = grad[:1, :, :0]  # unused
    if overlap == "max":
        highest = scatter(values, switches, tuple(size), "max")
    planes.run(
        _kept_grad,
        source.reshape(-1),
        index.reshape(-1),
        each.reshape(-1),
        channels_last(highest).reshape(-1),
        y.reshape(-1),
        planes.shape(grad, switches, values, highest),
        overlap == "assign",
        overlap == "max",
        scratch=np.int64,
    )
    return logical(y)


@compiled
def _mean_grad(  # type: ignore[no-untyped-def]
    start, stop, hits, grad, switches, y, shape
):
    area, pooled, channels, width, portions, grad_step, switch_step = shape
    for task in range(start, stop):
        n, portion = divmod(task, portions)
        c0 = portion * width
        c1 = min(c0 + width, channels)
        count_hits(hits, switches, n * switch_step, area, pooled, channels, c0, c1)
        for p in range(pooled):
            for c in range(c0, c1):
                s = switches[np.uintp(n * switch_step + p * channels + c)]
                value = y.dtype.type(0)
                if np.uint64(s) < np.uint64(area):
                    met = hits[np.uintp(s * (c1 - c0) + c - c0)]
                    value = grad[np.uintp(n * grad_step + s * channels + c)] / met
                y[np.uintp((n * pooled + p) * channels + c)] = value


@compiled
def _kept_grad(  # type: ignore[no-untyped-def]
    start, stop, owner, grad, switches, values, highest, y, shape, last, largest
):
    """The gradient at its switch, for the one value that was kept there."""
    (
        area, pooled, channels, width, portions,
        grad_step, switch_step, value_step, high_step,
    ) = shape  # fmt: skip
    for task in range(start, stop):
        n, portion = divmod(task, portions)
        c0 = portion * width
        c1 = min(c0 + width, channels)
        for i in range(pooled):
            p = i if last else pooled - 1 - i  # whoever comes last owns the place
            for c in range(c0, c1):
                s = switches[np.uintp(n * switch_step + p * channels + c)]
                if np.uint64(s) < np.uint64(area):
                    if largest:
                        value = values[np.uintp(n * value_step + p * channels + c)]
                        high = highest[np.uintp(n * high_step + s * channels + c)]
                        if value != high and value == value:
                            continue
                    owner[np.uintp(s * (c1 - c0) + c - c0)] = p
        for p in range(pooled):
            for c in range(c0, c1):
                s = switches[np.uintp(n * switch_step + p * channels + c)]
                value = y.dtype.type(0)
                if (
                    np.uint64(s) < np.uint64(area)
                    and owner[np.uintp(s * (c1 - c0) + c - c0)] == p
                ):
                    value = grad[np.uintp(n * grad_step + s * channels + c)]
                y[np.uintp((n * pooled + p) * channels + c)] = value
