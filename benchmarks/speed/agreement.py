"""Whether a candidate is right; one that is not has no speed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .case import Answer, Array


class Verdict(NamedTuple):
    """The largest relative L2 error among the arrays of an answer, and what is wrong.

    ``wrong`` is None for a right answer.
    """

    error: float
    wrong: str | None


def relative_error(found: Array, truth: Array) -> float:
    """``||found - truth|| / ||truth||`` in float64; NaN never compares as small.

    A truth of zeros is met by zeros only.
    """
    wide = truth.astype(np.float64)
    distance = float(np.linalg.norm((found.astype(np.float64) - wide).ravel()))
    norm = float(np.linalg.norm(wide.ravel()))
    if norm == 0:
        return 0.0 if distance == 0 else float("inf")
    return distance / norm


def judge(found: Answer, truth: Answer, tolerance: float) -> Verdict:
    """Compare array by array: shapes, finite values, relative L2 error."""
    if len(found) != len(truth):
        return Verdict(
            float("inf"), f"answers with {len(found)} arrays, not {len(truth)}"
        )
    worst = 0.0
    for mine, right in zip(found, truth, strict=True):
        if mine.shape != right.shape:
            return Verdict(float("inf"), f"has shape {mine.shape}, not {right.shape}")
        error = relative_error(mine, right)
        if not error <= tolerance:
            return Verdict(
                error, f"relative L2 error {error:.1e}, more than {tolerance:.0e}"
            )
        worst = max(worst, error)
    return Verdict(worst, None)
