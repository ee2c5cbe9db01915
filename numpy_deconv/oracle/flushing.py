"""What comes of subnormal numbers that are flushed to zero, where that is declared."""

from __future__ import annotations

import numpy as np

from .call import Array, Call
from .evaluation import evaluate
from .numerics import FORMATS, format_of
from .truth import output_names


def flush_slack(call: Call, name: str, y: Array) -> Array:
    """How far flushing takes the output ``name`` from its truth ``y``, rounding aside.

    Inputs may be flushed before anything is computed, which can also let another of
    nearly equal elements be the largest, and the result after it. Infinite where a
    switch or a special value is another then.
    """
    tiny = (format_of(call.dtype) or FORMATS["f64"]).min_normal
    kept = {
        given: np.where(np.abs(array) < tiny, 0.0, array)
        for given, array in call.arrays.items()
        if array is not None and array.dtype.kind == "f"
    }
    other = y
    if any(np.any(array != call[given]) for given, array in kept.items()):
        other = evaluate(call.with_arrays(**kept))[output_names(call).index(name)]
    if y.dtype.kind != "f":
        return np.where(other == y, 0.0, np.inf)
    with np.errstate(all="ignore"):
        apart = np.abs(other - y)
        same = (other == y) | (np.isnan(other) & np.isnan(y))
        small = (np.abs(y) < tiny) | (np.abs(other) < tiny)
    apart = np.where(same, 0.0, np.where(np.isfinite(apart), apart, np.inf))
    return np.maximum(apart, np.where(small, np.abs(y), 0.0))
