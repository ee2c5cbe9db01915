"""How relative errors grow along a chain of roundings."""

from __future__ import annotations

import numpy as np

from .call import Array


def gamma(rounds: Array, u: float) -> Array:
    """``γ = rounds·u / (1 - rounds·u)``, infinite from one on (Higham 2002, 3.1)."""
    total = rounds * u
    finite = total / np.maximum(1 - total, 1e-300)
    return np.asarray(np.where(total < 1, finite, np.inf))
