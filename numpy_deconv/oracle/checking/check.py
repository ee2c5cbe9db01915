"""Judge a kernel: draw calls, find a wrong one, make it small, say what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..adapters import Adapter
from ..drawing import Case
from ..numerics import Numerics
from ..semantics import Semantics
from .candidate import arguments
from .diagnosis import diagnosis
from .engine import Engine
from .options import MODES, Budget, Request
from .power import weaknesses
from .report import Failure, Report
from .requesting import request_of
from .shape_errors import shape_errors
from .shrinking import explore, shrunk
from .trial import Trial

LEANING = 0.02
"""Share of examples in which errors must lean to one side to be suspicious."""
SHRINKING = 10.0
"""Seconds at most for making a failing case small."""


def check(
    candidate: Any,
    *,
    op: str,
    grads: Sequence[str] = (),
    semantics: Semantics | str = "torch",
    numerics: Numerics | str | None = None,
    dtypes: Sequence[str] = ("float32",),
    ranks: Sequence[int] = (2, 1, 3),
    layouts: Sequence[str] | None = None,
    adapter: Adapter | str | None = None,
    supports: Callable[[Case], bool] | None = None,
    modes: Sequence[str] = MODES,
    budget: Budget | None = None,
    seed: int = 0,
    strict: bool = False,
    isolate: bool = False,
    shrink: bool = True,
) -> Report:
    """Judge ``candidate``, somebody's kernel of the operation ``op``.

    It is called like the public function of that name: arrays by position, attributes
    by keyword with one number per axis (and (begin, end) pairs of padding where
    ``semantics`` are not PyTorch's). Attributes that it does not take stay at their
    defaults. ``"module:function"`` is imported. ``grads`` are the inputs whose
    gradients are judged too; they come from the adapter's autograd or from
    ``candidate.backward(grad, *arrays, **attrs)``. ``supports(case)`` leaves calls out,
    which is counted. With ``isolate`` the kernel runs in a process of its own, that may
    die. Raises OptionError for a candidate that cannot be called so.

    >>> import numpy_deconv as nd
    >>> check(nd.conv, op="conv", budget=Budget(examples=25)).verdict
    'PASS'
    """
    request = request_of(
        candidate,
        op=op,
        grads=grads,
        semantics=semantics,
        numerics=numerics,
        dtypes=dtypes,
        ranks=ranks,
        layouts=layouts,
        adapter=adapter,
        supports=supports,
        modes=modes,
        budget=budget,
        seed=seed,
        strict=strict,
        isolate=isolate,
        shrink=shrink,
    )
    return run(request)


def run(request: Request) -> Report:
    """The report of a resolved request."""
    engine = Engine(request)
    try:
        engine.run()
        accepting: list[str] = []
        if "shape_errors" in request.modes and not engine.tally.failures:
            accepting = shape_errors(engine)
        failure = _smallest(engine)
        return _report(engine, failure, accepting)
    finally:
        engine.close()


@np.errstate(all="ignore")
def _smallest(engine: Engine) -> Failure | None:
    """The failure to show: of the first kind, in exact mode if there is one."""
    failures = engine.tally.failures
    if not failures:
        return None
    kind = failures[0].kind
    alike = [t for t in failures if t.kind == kind]
    best = min(alike, key=lambda t: (MODES.index(t.mode), t.case.size))
    hopeless = kind in ("hangs", "dies")
    if engine.request.shrink and not hopeless:
        left = min(SHRINKING, engine.request.budget.seconds / 3)
        best = shrunk(engine, best, left)
        if best.case.choices and kind in ("value", "raises"):
            explore(engine, best, left / 5)
    said = diagnosis(engine, best) if engine.request.shrink else ()
    request = engine.request
    found = Failure.of(best, said, _spec(request), _adapter_spec(request.adapter))
    takes, own = request.takes, request.operation
    if own.variadic:
        return found
    _, attrs = arguments(best.case, takes, own)
    return replace(found, names=takes.arrays, attrs=attrs)


def _spec(request: Request) -> str:
    """How a script imports the candidate."""
    if request.adapter.name == "command" or isinstance(request.candidate, str):
        return request.name
    if ":" in request.name and " " not in request.name:
        return request.name
    module = getattr(request.candidate, "__module__", None)
    name = getattr(request.candidate, "__qualname__", None)
    return f"{module}:{name}" if module and name else "candidate"


def _adapter_spec(adapter: Adapter) -> str:
    device = getattr(adapter, "device", None)
    return f"{adapter.name}:{device}" if adapter.name == "torch" else adapter.name


def _report(engine: Engine, failure: Failure | None, accepting: list[str]) -> Report:
    request, tally = engine.request, engine.tally
    verdict, why = "PASS", []
    if failure is not None:
        count = len(tally.failures)
        verdict = "FAIL"
        why = [failure.reason, f"{count} of {tally.total} examples fail"]
        others = {t.kind: t.reason for t in tally.failures if t.kind != failure.kind}
        why += [f"and {reason}" for reason in others.values()]
    else:
        weak = weaknesses(request, tally)
        warned = _telling(tally.warnings, tally.total)
        if weak:
            verdict, why = "MISTRUSTED", weak
        elif warned or accepting:
            verdict = "WARN"
        if warned:
            why.append(f"{warned[0].warning} (in {len(warned)} of {tally.total})")
        why += accepting
    return Report(
        request.operation.name,
        request.name,
        verdict,
        tuple(why),
        dict(tally.examples),
        tally.rejected,
        request.takes.missing(request.operation),
        engine.seconds,
        request.seed,
        failure,
        len(tally.failures),
        tally.worst_hard,
        tally.worst_soft,
        tally.bias,
        _precision(tally.warnings),
        dict(Counter(f for features, _ in tally.features for f in features)),
    )


def _telling(warnings: list[Trial], total: int) -> list[Trial]:
    """Without errors that lean to one side in a call or two: sums of the same numbers
    do so together, and truncation in all of them."""
    leaning = [t for t in warnings if "lean to one side" in t.warning]
    if len(leaning) >= max(3, LEANING * total):
        return warnings
    return [t for t in warnings if "lean to one side" not in t.warning]


def _precision(warnings: list[Trial]) -> str | None:
    """What the errors of suspicious examples are consistent with."""
    from .trial import judge_of

    for trial in warnings:
        judge = judge_of(trial.case, Numerics(), False)
        if judge is not None and trial.outputs:
            return judge.precision(trial.outputs)
    return None
