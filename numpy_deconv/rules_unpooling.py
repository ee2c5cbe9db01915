"""Other ways down through a max pool than by the switches of its first maxima.

``centre`` is the deconvnet without switches: each value goes to the middle of its
window (Mahendran & Vedaldi 2016 compare both). ``ties`` says who is given the signal of
a window with several maxima: after a ReLU a tenth and more of them are all zero, so
this places a share of what is seen::

    DECONVNET.replace({MaxPool: centre})
    DECONVNET.replace({MaxPool: ties("skip_zero")})
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .arrays import Array
from .errors import OptionError
from .layers import MaxPool
from .layers.switches import Pooled
from .rules import Rule, Signals

TIES = ("first", "last", "split", "skip_zero")


def _centre(layer: Any, saved: Pooled, gy: Array) -> Signals:
    window, flat = layer.window(saved.size), np.zeros((), np.int64)
    for axis, (length, out) in enumerate(zip(saved.size, gy.shape[2:], strict=True)):
        middle = window.dilation[axis] * ((window.kernel[axis] - 1) // 2)
        first = middle - window.padding[axis][0]
        at = np.clip(first + window.stride[axis] * np.arange(out), 0, length - 1)
        flat = flat[..., None] * length + at
    switches = np.asarray(np.broadcast_to(flat, (1, *gy.shape[1:])).copy(), like=gy)
    return (Pooled(switches, saved.size).scattered(gy, "sum"),)


centre = Rule("centre", _centre)
"""For :class:`~numpy_deconv.layers.MaxPool` only."""


def ties(winner: str) -> Rule:
    """Unpooling, summed, where the ``winner`` of a window gets its signal.

    ``"first"`` or ``"last"`` in row-major order, ``"split"``: all maxima share it
    evenly, ``"skip_zero"``: the first, but a window whose maximum is 0 gives nothing.
    For :class:`~numpy_deconv.layers.MaxPool` only. Raises OptionError for another word.
    """
    if winner not in TIES:
        raise OptionError(f"ties={winner!r} is none of {', '.join(TIES)}")
    return Rule(f"ties({winner})", partial(_ties, winner=winner), of_inputs=True)


def _ties(
    layer: MaxPool, inputs: tuple[Array, ...], gy: Array, *, winner: str
) -> Signals:
    (x,) = inputs
    y, saved = layer.forward(x)
    if winner in ("first", "skip_zero"):
        kept = gy * (y != 0) if winner == "skip_zero" else gy
        return (layer.unpool(saved, kept, "sum"),)
    window: Any = layer.window(x.shape[2:])
    taps = list(window.taps(x.shape[2:], y.shape[2:]))
    hits = [
        ((..., *read), (..., *out), x[(..., *read)] == y[(..., *out)])
        for _, out, read in taps
    ]
    gx = np.zeros_like(gy, shape=(len(gy), *x.shape[1:]))
    if winner == "split":
        count = np.zeros_like(y)
        for _, out, hit in hits:
            count[out] += hit
        share = gy / np.maximum(count, 1)
        for read, out, hit in hits:
            gx[read] += share[out] * hit
        return (gx,)
    free = np.ones_like(y, dtype=bool)
    for read, out, hit in reversed(hits):
        gx[read] += gy[out] * (hit & free[out])
        free[out] &= ~hit
    return (gx,)
