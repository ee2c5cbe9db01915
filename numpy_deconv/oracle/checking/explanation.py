"""What is to be said about a stored case, and the results that came out of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...arrays import Array
from ..drawing import Case
from ..mutation import mutants
from ..numerics import Numerics
from .diagnosis import agrees
from .patterns import places, sums_of_terms, wrong_places
from .performer import Outcome
from .trial import Judge, Trial


def explained(case: Case, outputs: Mapping[str, Array]) -> list[str]:
    """Sentences: the call, its true results, and what is wrong with ``outputs``."""
    judge = Judge(case, Numerics(), strict=False)
    said = [str(case)]
    for name, bound in judge.bounds.items():
        finite = bound.H[np.isfinite(bound.H)]
        allowed = float(np.max(finite, initial=0.0))
        said.append(
            f"result {name!r} has shape {bound.y.shape}; a correct kernel is within "
            f"{allowed:.3g} everywhere"
        )
    if not outputs:
        return said
    whole = np.all([_is_whole(a) for a in case.inputs if a is not None])
    trial = judge.judged(Outcome(dict(outputs)), "exact" if whole else "bound")
    if not trial.failed:
        return [*said, "the stored results are right"]
    said.append(trial.reason)
    return [*said, *_looks(trial)]


def _is_whole(array: Array) -> bool:
    with np.errstate(all="ignore"):
        values = np.asarray(array, np.float64)
        return bool(np.all(np.isfinite(values) & (np.rint(values) == values)))


def _looks(trial: Trial) -> list[str]:
    same = [m.description for m in mutants(trial.case.op) if agrees(m, trial)]
    said = [f"it looks like this: {' or '.join(same[:3])}"] if same else []
    tap = sums_of_terms(trial)
    if tap is not None:
        said.append(tap)
    for name in trial.outputs:
        wrong = wrong_places(trial, name)
        if wrong is not None and wrong.any():
            said += places(wrong)
    return said
