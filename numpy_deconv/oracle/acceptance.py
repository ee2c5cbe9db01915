"""Switches that are right though they are not the reference's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from .call import Array, Call
from .pool import Pool, rebased
from .terms.pooling import candidates


def accepted(call: Call, output: str, got: Any, values: Array) -> Array | None:
    """Mask of ``got`` where the call's semantics accept another switch.

    ``values`` are the true maxima. Among several NaN any may be named with
    ``nan_index="any"``, among equal maxima with ``tie="any"``.
    """
    if output != "switches":
        return None
    switches, flags = np.asarray(got), call.semantics
    if switches.shape != values.shape:
        return None
    several_nan = flags.nan_index == "any" and bool(np.isnan(values).any())
    if flags.tie != "any" and not several_nan:
        return None
    fits: Array = np.zeros(values.shape, bool)
    size = call["x"].shape[2:]
    plane = np.arange(int(np.prod(size))).reshape(size)
    for outputs, inputs, good in candidates(call, values):
        named = np.full(values.shape, -1, np.int64)
        named[outputs] = plane[inputs[1:]]
        if call.operation.name == "max_pool":
            named = rebased(named, call, Pool(call))
        fits[outputs] |= good & (named[outputs] == switches[outputs])
    undecided = np.isnan(values) if several_nan else np.zeros(values.shape, bool)
    return fits & (undecided | (flags.tie == "any"))
