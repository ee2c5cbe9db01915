"""Kernels that are wrong in one known way each: the oracle's own test, and yours."""

from __future__ import annotations

from . import (
    convolutions,
    dense,
    everywhere,
    gradients,
    moving,
    pools,
    roundings,
    training,
    unpools,
)
from .mutant import MUTANTS, Mutant, mutants

__all__ = ["MUTANTS", "Mutant", "mutants"]

FAMILIES = (
    convolutions,
    pools,
    unpools,
    moving,
    dense,
    training,
    gradients,
    roundings,
    everywhere,
)
"""The modules that fill MUTANTS when they are imported."""
