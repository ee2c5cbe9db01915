"""Gradients of a kernel: against the true ones, and against the kernel itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays import Array, is_float
from ..drawing import Case
from .trial import HOSTILE, Trial, judge_of

if TYPE_CHECKING:
    from .engine import Engine

BILINEAR = ("conv", "conv_transpose", "linear")


def gradient_trial(engine: Engine, case: Case, mode: str) -> Trial | None:
    """A failed or suspicious trial of the gradients; None if all is well."""
    request = engine.request
    if not all(a is None or is_float(a.dtype) for a in case.arrays.values()):
        return None
    forward = judge_of(case, request.numerics, request.strict)
    if forward is None:
        return None
    y = next(iter(forward.bounds.values())).y
    rng = np.random.default_rng(case.choices.get("seed", 0))
    grad = _grad_of(rng, y.shape, case, mode)
    backward = replace(
        case,
        op=f"{case.op}.backward",
        arrays={"grad": grad, **case.arrays},
        layouts={},
    )
    judge = judge_of(backward, request.numerics, request.strict)
    if judge is None:
        return None
    outcome = engine.runner.gradients(case, grad)
    if outcome.problem:
        if outcome.problem in ("hangs", "dies"):
            engine.tally.fatal += 1
        detail = HOSTILE[outcome.problem].format(detail=outcome.detail)
        return Trial(
            backward, mode, outcome.problem, f"asked for its gradients, {detail}"
        )
    wanted = _named(outcome.outputs, case, request.grads)
    trial = judge.judged(replace(outcome, outputs=wanted), mode)
    if trial.failed or trial.warning:
        return trial
    if mode == "exact" and "adjoint" in request.modes and case.op in BILINEAR:
        return _adjoint(trial, case, y)
    return None


def _grad_of(
    rng: np.random.Generator, shape: tuple[int, ...], case: Case, mode: str
) -> Array:
    dtype = next(a.dtype for a in case.inputs if a is not None)
    if mode == "exact":
        return rng.integers(-2, 3, shape).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


def _named(found: Any, case: Case, grads: tuple[str, ...]) -> Any:
    """The gradients that are to be judged, by name."""
    if isinstance(found, Mapping):
        return {n: a for n, a in found.items() if n in grads and a is not None}
    parts = found if isinstance(found, tuple | list) else (found,)
    return {
        name: part
        for name, part in zip(case.arrays, parts, strict=False)
        if name in grads and part is not None and case.arrays[name] is not None
    }


def _adjoint(trial: Trial, case: Case, y: Array) -> Trial | None:
    """``<f(x, w), r> = <x, dx> = <w, dw>`` without bias, exact in whole numbers."""
    grad = np.asarray(trial.case.arrays["grad"], np.float64)
    bias = case.arrays.get("bias")
    value = np.asarray(y, np.float64)
    if bias is not None:
        shape = (1, -1, *(1,) * (value.ndim - 2))
        value = value - np.asarray(bias, np.float64).reshape(shape)
    products = {"f(x, w)": float(np.vdot(value, grad))}
    for name in ("x", "weight"):
        if name in trial.outputs:
            own = np.asarray(case.arrays[name], np.float64)
            products[name] = float(np.vdot(own, trial.outputs[name]))
    largest = float(np.abs(value * grad).sum())
    if largest > 2.0**24 or len({round(p) for p in products.values()}) == 1:
        return None
    said = ", ".join(f"{name}: {number:g}" for name, number in products.items())
    return replace(
        trial,
        kind="adjoint",
        reason=f"the gradients are not the adjoint: scalar products with {said}",
    )
