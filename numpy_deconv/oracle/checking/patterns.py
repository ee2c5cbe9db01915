"""What the places of wrong elements have in common, and which term is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arrays import Array
from ..call import bind
from ..drawing import Case
from .trial import Trial

LANES = (8, 16, 32, 64, 4)
SEVERAL = 3
"""Wrong results from which on a factor in common is no accident."""
NEAR = 1e-2
"""Of one: of smaller differences their size is told."""


def wrong_places(trial: Trial, name: str) -> Array | None:
    """Mask of an output's wrong elements."""
    got, bound = trial.outputs.get(name), trial.bounds.get(name)
    if got is None or bound is None or got.shape != bound.y.shape or not got.size:
        return None
    with np.errstate(all="ignore"):
        values = got.astype(np.float64)
        y = bound.y.astype(np.float64)
        allowed = np.zeros(y.shape) if trial.mode == "exact" else bound.H
        same = (values == y) | (np.isnan(values) & np.isnan(y))
        near = np.abs(values - y) <= allowed
        return ~(same | near | np.isposinf(bound.H))


def names_of_axes(rank: int) -> list[str]:
    """What the axes of an array are called."""
    if rank == 1:
        return ["channel"]
    spatial = {1: ["column"], 2: ["row", "column"], 3: ["plane", "row", "column"]}
    return ["sample", "channel", *spatial.get(rank - 2, [])]


def places(wrong: Array) -> list[str]:
    """Sentences about where the wrong elements are."""
    said = []
    if wrong.all():
        return ["every element is wrong"] * (wrong.size > 1)
    axes = names_of_axes(wrong.ndim)
    for axis, word in enumerate(axes[: wrong.ndim]):
        n = wrong.shape[axis]
        others = tuple(i for i in range(wrong.ndim) if i != axis)
        hit = np.flatnonzero(wrong.any(axis=others))
        if n < 2 or not hit.size:
            continue
        if hit.tolist() == [n - 1]:
            said.append(f"only the last {word} is wrong")
        elif hit.tolist() == [0]:
            said.append(f"only the first {word} is wrong")
        elif set(hit.tolist()) == {0, n - 1} and n > 2:
            said.append(f"only the first and the last {word} are wrong")
        elif axis == 0 and hit.size == n - 1 and hit[0] == 1:
            said.append(f"only the first {word} is right")
        if n > 8:
            said += _lanes(hit, n, word)
    return said


def common_places(masks: Sequence[Array]) -> list[str]:
    """What is said of all masks; one element along an axis goes with anything."""
    telling = [wrong for wrong in masks if not wrong.all()]
    if not telling:
        return places(max(masks, key=np.size)) if masks else []
    alone = {tuple(np.flatnonzero(wrong).tolist()) for wrong in telling}
    shapes = {wrong.shape for wrong in telling}
    if len(alone) == 1 and len(shapes) > 1 and len(*alone) == 1:
        ((place,),) = alone
        return [f"only element {place} in the order of memory is wrong"] * (place > 0)
    said = dict.fromkeys(text for wrong in telling for text in places(wrong))
    found = [
        text
        for text in said
        if all(text in places(w) or _is_mute(text, w) for w in telling)
    ]
    plain = [text for text in found if "vector loop" not in text]
    # of the multiples that fit the largest says the least: one is enough
    return plain or found[:1]


def _is_mute(text: str, wrong: Array) -> bool:
    """Whether the axis that is spoken of has one element here."""
    axes = names_of_axes(wrong.ndim)
    spoken = [i for i, word in enumerate(axes[: wrong.ndim]) if word in text]
    return any(wrong.shape[i] < 2 for i in spoken)


def _lanes(hit: Array, n: int, word: str) -> list[str]:
    return [
        f"only {word}s beyond a multiple of {lanes} are wrong: the tail of a vector "
        "loop"
        for lanes in LANES
        if n > lanes and n % lanes and hit[0] >= n - n % lanes
    ]


def common_factor(trials: Sequence[Trial]) -> float | None:
    """What every wrong element is the truth times, if that is one number."""
    factors: list[Array] = []
    for trial in trials:
        for name, got in trial.outputs.items():
            wrong = wrong_places(trial, name)
            if wrong is None or not wrong.any():
                continue
            y = trial.bounds[name].y
            if y.dtype.kind != "f":
                return None
            with np.errstate(all="ignore"):
                factors.append(got.astype(np.float64)[wrong] / y[wrong])
    if len(factors) < SEVERAL:
        return None
    every = np.concatenate(factors)
    first = float(every[0])
    near = np.isfinite(every).all() and np.ptp(every) <= abs(first) * 1e-4
    return first if near and abs(first) > 1e-3 and abs(first - 1) > NEAR else None


def sums_of_terms(trial: Trial) -> str | None:
    """Which tap of a convolution is missing, or counted twice, if it is one."""
    case = trial.case
    if case.op not in ("conv", "linear") or trial.mode != "exact":
        return None
    wrong = wrong_places(trial, "y")
    if wrong is None or not wrong.any():
        return None
    found: set[tuple[str, tuple[int, ...]]] | None = None
    for at in np.argwhere(wrong)[:12]:
        here = _explanations(trial, case, tuple(int(i) for i in at))
        found = here if found is None else found & here
        if not found:
            return None
    if not found:
        return None
    # of several taps with the same product one is named
    word, tap = sorted(found)[0]
    letters = ("c", "kd", "kh", "kw")
    names = letters if len(tap) == 4 else (letters[0], *letters[-(len(tap) - 1) :])
    if len(tap) == 1:
        names = ("feature",)
    spelt = ", ".join(f"{n}={t}" for n, t in zip(names, tap, strict=True))
    return f"tap ({spelt}) is {word} in every wrong element"


def _explanations(
    trial: Trial, case: Case, at: tuple[int, ...]
) -> set[tuple[str, tuple[int, ...]]]:
    """Taps whose term is the difference at one element."""
    difference = float(trial.outputs["y"][at]) - float(trial.truths["y"][at])
    found = set()
    for tap, term in terms_at(case, at):
        if not term:
            continue
        if difference == -term:
            found.add(("missing", tap))
        elif difference == term:
            found.add(("counted twice", tap))
    return found


def terms_at(case: Case, at: tuple[int, ...]) -> list[tuple[tuple[int, ...], float]]:
    """Every product of one element of a convolution or a linear layer, by its tap."""
    call = bind(case.op, case.arrays, case.attrs, case.semantics)
    x, weight = call["x"], call["weight"]
    if case.op == "linear":
        products = x[at[:-1]] * weight[at[-1]]
        return [((i,), float(p)) for i, p in enumerate(products)]
    from ..definition.geometry import window_axes

    a: Any = call.attributes
    axes = window_axes(
        x.shape[2:], weight.shape[2:], a["stride"], a["padding"], a["dilation"]
    )
    n, k, *position = at
    depth = weight.shape[1]
    group = k // (len(weight) // int(a["groups"]))
    found = []
    for tap in np.ndindex(*weight.shape[2:]):
        place = [
            axis.place(o, t) for axis, o, t in zip(axes, position, tap, strict=True)
        ]
        if all(0 <= p < m for p, m in zip(place, x.shape[2:], strict=True)):
            for c in range(depth):
                value = x[(n, group * depth + c, *place)] * weight[(k, c, *tap)]
                found.append(((c, *(int(t) for t in tap)), float(value)))
    return found
