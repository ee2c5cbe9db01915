"""Calls that have no result: a kernel should refuse them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import NumpyDeconvError
from ..call import bind
from ..drawing import Case
from ..evaluation import evaluate
from .engine import Engine

Wrong = tuple[str, Case]


def shape_errors(engine: Engine) -> list[str]:
    """What the kernel accepts though it has no result, in words."""
    said = []
    for words, case in wrong_calls(engine):
        outcome = engine.runner.perform(case, ((1,), "float32"))
        if outcome.problem in ("hangs", "dies"):
            engine.tally.fatal += 1
            said.append(f"given {words}, {outcome.detail}")
        elif outcome.problem is None:
            said.append(f"it accepts {words}")
    return said


def wrong_calls(engine: Engine) -> Iterator[Wrong]:
    """Calls of the operation that the reference refuses, with what is wrong."""
    case = _plain(engine)
    if case is None:
        return
    for words, wrong in _spoilt(case, engine):
        try:
            evaluate(bind(wrong.op, wrong.arrays, wrong.attrs, wrong.semantics))
        except (NumpyDeconvError, ValueError, IndexError):
            yield words, wrong


def _plain(engine: Engine) -> Case | None:
    """A small ordinary call."""
    rank = engine.request.ranks[0]
    size = (4, 5, 3)[:rank]
    x = np.ones((1, 2, *size), engine.request.dtypes[0])
    semantics, op = engine.request.semantics, engine.request.operation.name
    kernel = (2,) * rank
    if op == "conv":
        weight = np.ones((2, 2, *kernel), x.dtype)
        return Case(op, {"x": x, "weight": weight, "bias": None}, {}, semantics)
    if op in ("max_pool", "avg_pool", "im2col"):
        return Case(op, {"x": x}, {"kernel_size": kernel}, semantics)
    if op == "linear":
        weight = np.ones((4, 3), x.dtype)
        few = np.ones((2, 3), x.dtype)
        return Case(op, {"x": few, "weight": weight, "bias": None}, {}, semantics)
    if op == "max_unpool":
        switches = np.zeros((1, 2, *(1,) * rank), np.int64)
        y = np.ones(switches.shape, x.dtype)
        attrs = {"output_size": size}
        return Case(op, {"y": y, "switches": switches}, attrs, semantics)
    return None


def _spoilt(case: Case, engine: Engine) -> Iterator[Wrong]:
    op = case.op
    if op == "conv":
        weight = case.arrays["weight"]
        less = np.asarray(weight)[:, :1]
        yield "a weight for 1 channel with 2 given", _with(case, weight=less)
        large = np.ones((2, 2, *(9,) * case.rank), np.asarray(weight).dtype)
        yield "a kernel larger than the padded input", _with(case, weight=large)
    if op in ("max_pool", "avg_pool", "im2col"):
        yield (
            "a window larger than the input",
            replace(case, attrs={"kernel_size": (9,) * case.rank}),
        )
    if op == "linear":
        x = np.ones((2, 5), engine.request.dtypes[0])
        yield "a weight for 3 features with 5 given", _with(case, x=x)
    if op == "max_unpool":
        far = np.full(case.switches.shape, 10**6, np.int64)
        yield "a switch beyond the output", _with(case, switches=far)
        yield "a negative switch", _with(case, switches=-far)


def _with(case: Case, **arrays: Any) -> Case:
    return replace(case, arrays={**case.arrays, **arrays})
