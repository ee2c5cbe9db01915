"""The error analysis of every operation: magnitudes, term counts, roundings."""

from ..call import Call
from . import (
    batch_training,
    normalisation,
    pointwise,
    pooling,
    resampling,
    response_norm,
    sums,
    weighing,
)
from .terms import TERMS, Results, Terms

__all__ = ["Results", "Terms", "terms"]

FAMILIES = (
    batch_training,
    normalisation,
    pointwise,
    pooling,
    resampling,
    response_norm,
    sums,
    weighing,
)
"""The modules that fill TERMS when they are imported."""


def terms(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """The terms of each output, whose truth is ``results``."""
    make = TERMS.get(call.operation.name, sums.linear)
    return make(call, results)
