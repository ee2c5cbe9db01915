"""Which declared precision a kernel's errors are consistent with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .call import Array, Attributes, Call, Inputs, bind
from .error_bound import analysed, soft_bound
from .numerics import PROFILES, format_of
from .semantics import Semantics
from .terms import Terms
from .truth import truth

TIGHTEST_FIRST = ("f64", "f32", "f16-out", "tf32", "bf16", "f16-acc", "bf16-acc")
WORSE = "less than any known precision, or a wrong result"


def inferred_precision(
    got: Mapping[str, Any],
    op: str,
    inputs: Inputs,
    attrs: Attributes | None = None,
    *,
    semantics: Semantics | str = "torch",
) -> str:
    """The tightest profile whose statistical bound all outputs keep.

    ``got`` are the kernel's outputs by name. A probability, not a proof: a term that
    was left out may look like a low precision, so judge in exact arithmetic first.
    """
    call = bind(op, inputs, attrs, semantics)
    return precision_of(call, got, analysed(call, truth(call)))


def precision_of(
    call: Call, got: Mapping[str, Any], parts: Mapping[str, tuple[Terms, Array]]
) -> str:
    """:func:`inferred_precision` of a call whose terms are known."""
    native = format_of(call.dtype)
    for profile in TIGHTEST_FIRST:
        if profile == "f64" and (native is None or native.name != "f64"):
            continue
        if all(
            _kept(got[name], y, each, profile, call)
            for name, (each, y) in parts.items()
            if name in got
        ):
            return profile
    return WORSE


def _kept(got: Any, y: Array, parts: Terms, profile: str, call: Call) -> bool:
    if y.dtype.kind in "iu":
        return True
    resolved = PROFILES[profile].resolved(call.dtype)
    with np.errstate(all="ignore"):
        allowed = soft_bound(y, parts, resolved)
        error = np.abs(np.asarray(got).astype(np.float64) - y)
        judged = np.isfinite(allowed) & np.isfinite(error)
        if parts.skip is not None:
            judged = judged & ~parts.skip
    return bool(np.all(~judged | (error <= allowed)))
