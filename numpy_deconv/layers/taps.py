"""Axes of which each entry is a weighted sum of a few others, and the way back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, widened


class Taps(NamedTuple):
    """Along one axis: which samples each output reads ``(out, taps)``, how much.

    ``outside (out,)`` says which outputs have a value of their own instead.
    """

    sources: Any
    weights: Any
    outside: Any


def picked(places: Any) -> Taps:
    """Each output one sample, as it is."""
    count = len(places)
    return Taps(places[:, None], np.ones((count, 1)), np.zeros(count, bool))


@widened
def along(x: Array, axis: int, taps: Taps, outside: float) -> Array:
    """Each entry along ``axis`` a weighted sum of ``x`` at its taps."""
    lined = (-1, *(1,) * (x.ndim - axis - 1))
    y: Any = None
    for tap in range(taps.sources.shape[1]):
        part = np.take(x, np.asarray(taps.sources[:, tap], like=x), axis=axis)
        share = taps.weights[:, tap]
        if (share != 1).any():
            part = part * np.asarray(share.astype(x.dtype).reshape(lined), like=x)
        y = part if y is None else y + part
    if taps.outside.any():
        beyond = np.asarray(taps.outside.reshape(lined), like=x)
        y = np.where(beyond, x.dtype.type(outside), y)
    return y


def transposed(forward: Taps, length: int) -> Taps:
    """Which outputs each of ``length`` samples went into, and how much of it."""
    weights = np.where(forward.outside[:, None], 0, forward.weights)
    outputs, taps = np.nonzero(weights)
    sources = forward.sources[outputs, taps]
    order = np.argsort(sources, kind="stable")
    sources, outputs, taps = sources[order], outputs[order], taps[order]
    counts = np.bincount(sources, minlength=length)
    place = np.arange(len(sources)) - np.repeat(np.cumsum(counts) - counts, counts)
    read = np.zeros((length, max(1, counts.max(initial=1))), np.int64)
    share = np.zeros(read.shape)
    read[sources, place] = outputs
    share[sources, place] = weights[outputs, taps]
    return Taps(read, share, np.zeros(length, bool))
