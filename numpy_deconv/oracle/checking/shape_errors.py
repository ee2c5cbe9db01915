"""Calls that have no result: a kernel should refuse them."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import NumpyDeconvError
from ..call import bind
from ..drawing import Case, ReplaySource, draw_case
from ..drawing.values import EXACT
from ..evaluation import evaluate
from .engine import Engine
from .wrong_calls import spoilt

PLAIN = {"channels": 1, "depth": 1, "width": 1, "in": 2, "out": 3, "kernel0": 1}
PLAIN |= {"kernel1": 1, "kernel2": 1, "size0": 3, "size1": 24, "size2": 2, "classes": 2}
PLAIN |= {"strided": 1, "slopes": 1, "affine": 1}
"""Choices of a small call whose sizes all differ."""


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


def wrong_calls(engine: Engine) -> Iterator[tuple[str, Case]]:
    """Calls of the operation that the reference refuses, with what is wrong."""
    request = engine.request
    wishes = engine.wishes("exact")
    record = {**PLAIN, "kind": EXACT.index("integers")}
    case = draw_case(request.operation.name, ReplaySource(record), wishes)
    if case is None:
        return
    taken = request.takes.names(request.operation)
    for words, changed, wrong in spoilt(case):
        if taken is not None and changed not in taken:
            continue
        try:
            evaluate(bind(wrong.op, wrong.arrays, wrong.attrs, wrong.semantics))
        except (NumpyDeconvError, ValueError, IndexError):
            yield words, wrong
