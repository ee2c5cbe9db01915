"""max_unpool: each value back to the place its switch names.

``out (N, C, *output_size)  <-  y (N, C, *in)``, switches counted in a plane of
``output_size``. Several values may name one place; ``overlap`` says which one stays::

    assign  the last in C order      first  the first      max  the first maximum
    sum     all, added               mean   all, averaged
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.oracle.definition.exact import (
    Array,
    Index,
    beats,
    entries,
    indices,
    quotient,
    settle,
    unflat,
    zeros,
)

OVERLAPS = ("assign", "sum", "max", "mean", "first")


def _writers(
    y: Array, switches: Array, output_size: Sequence[int], overlap: str
) -> dict[Index, list[Index]]:
    """For each covered place, the indices in ``y`` whose values it keeps."""
    if overlap not in OVERLAPS:
        raise OptionError(f"overlap {overlap!r} must be one of {OVERLAPS}.")
    if np.shape(y) != np.shape(switches):
        raise ShapeError(
            f"switches {np.shape(switches)} must have y's shape {np.shape(y)}."
        )
    plane = tuple(output_size)
    values, targets = entries(y), entries(switches)
    writers: dict[Index, list[Index]] = {}
    for at in indices(y.shape):
        if not 0 <= targets[at] < math.prod(plane):
            raise ShapeError(f"switch {targets[at]} is outside a plane of {plane}.")
        place = (*at[:2], *unflat(targets[at], plane))
        kept = writers.setdefault(place, [at])
        if kept == [at] or overlap == "first":
            continue
        if overlap in ("sum", "mean"):
            kept.append(at)
        elif overlap == "assign" or beats(values[at], values[kept[0]]):
            kept[0] = at
    return writers


def max_unpool(
    y: Array, switches: Array, output_size: Sequence[int], *, overlap: str = "assign"
) -> Array:
    """``y`` scattered to its switches, zero wherever no switch points."""
    values = entries(y)
    out = zeros((*y.shape[:2], *output_size))
    for place, kept in _writers(y, switches, output_size, overlap).items():
        total = sum(values[at] for at in kept)
        out[place] = quotient(total, len(kept)) if overlap == "mean" else total
    return settle(out, y)


def max_unpool_grad(
    grad: Array,
    y: Array,
    switches: Array,
    output_size: Sequence[int],
    *,
    overlap: str = "assign",
) -> tuple[Array, None]:
    """The true gradient for ``y``: only the values that were kept receive any."""
    gy, gs = zeros(y.shape), entries(grad)
    for place, kept in _writers(y, switches, output_size, overlap).items():
        for at in kept:
            gy[at] = gs[place] / len(kept) if overlap == "mean" else gs[place]
    return (gy.astype(float) if overlap == "mean" else settle(gy, grad)), None
