"""How relative errors grow along a chain of roundings."""

from __future__ import annotations

import numpy as np

from .call import Array

FLAT = 2.0**-20
"""Growth up to which the largest denominator may stand for all of them."""


def gamma(rounds: Array, u: float) -> Array:
    """``γ = rounds·u / (1 - rounds·u)``, infinite from one on (Higham 2002, 3.1)."""
    top = float(np.max(rounds, initial=0.0)) * u
    if top < FLAT:
        return np.asarray(rounds * (u / (1 - top)))
    total = rounds * u
    if top < 0.5:
        return np.asarray(total / (1 - total))
    finite = total / np.maximum(1 - total, 1e-300)
    return np.asarray(np.where(total < 1, finite, np.inf))
