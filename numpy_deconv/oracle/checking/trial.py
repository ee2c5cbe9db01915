"""One case, what the kernel made of it, and the verdict on that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...arrays import Array, is_float
from ...errors import NumpyDeconvError, OptionError
from ..acceptance import accepted
from ..assertion import named_outputs
from ..call import Call, bind
from ..drawing import Case
from ..error_bound import Bound, analysed, assemble
from ..judging import BoundReport, judge
from ..numerics import Numerics, Resolved
from ..precision import precision_of
from ..truth import truth
from .performer import Outcome

EXACT_KINDS = ("moves", "sum", "products")


@dataclass(frozen=True)
class Trial:
    """``kind`` is "" if all is well, else what went wrong; ``reason`` says it.

    ``warning`` is what is suspicious and not wrong.
    """

    case: Case
    mode: str
    kind: str = ""
    reason: str = ""
    warning: str = ""
    reports: Mapping[str, BoundReport] = field(default_factory=dict)
    outputs: Mapping[str, Array] = field(default_factory=dict)
    truths: Mapping[str, Array] = field(default_factory=dict)
    bounds: Mapping[str, Bound] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether the kernel is wrong here."""
        return bool(self.kind)


HOSTILE = {
    "raises": "it raises {detail}",
    "hangs": "{detail}",
    "dies": "{detail}",
    "output": "its output cannot be read: {detail}",
}


class Judge:
    """Truth and bounds of a case, made before the kernel runs."""

    def __init__(self, case: Case, numerics: Numerics, strict: bool) -> None:
        self.case, self.strict = case, strict
        self.call: Call = bind(case.op, case.arrays, case.attrs, case.semantics)
        self.resolved: Resolved = numerics.resolved(self.call.dtype)
        self.declared = numerics
        self.found = truth(self.call)
        self.parts = analysed(self.call, self.found)
        self.bounds = {
            name: assemble(self.call, name, y, parts, self.resolved)
            for name, (parts, y) in self.parts.items()
        }

    @property
    def like(self) -> tuple[tuple[int, ...], str]:
        """Shape and dtype of the first output."""
        first = next(iter(self.bounds.values()))
        dtype = next(
            a.dtype for a in self.case.inputs if a is not None and a.dtype.kind != "O"
        )
        return tuple(first.y.shape), dtype.name if dtype.kind in "fiu" else "float32"

    def judged(self, outcome: Outcome, mode: str) -> Trial:
        """The verdict on an outcome."""
        trial = Trial(self.case, mode)
        if outcome.complaints:
            kind, reason = outcome.complaints[0]
            return replace(trial, kind=kind, reason=reason)
        if outcome.problem:
            reason = HOSTILE[outcome.problem].format(detail=outcome.detail)
            return replace(trial, kind=outcome.problem, reason=reason)
        wrong = _unreadable(outcome.outputs)
        if wrong:
            return replace(trial, kind="output", reason=wrong)
        try:
            outputs = named_outputs(outcome.outputs, self.call, self.found.names)
        except NumpyDeconvError as error:
            return replace(trial, kind="output", reason=str(error))
        unknown = [name for name in outputs if name not in self.bounds]
        if unknown or not outputs:
            expected = tuple(self.bounds)
            named = f"{unknown[0]!r}" if unknown else "nothing"
            reason = f"it returns {named}, where the results are {expected}"
            return replace(trial, kind="output", reason=reason)
        trial = replace(trial, outputs=outputs, truths=self.truths, bounds=self.bounds)
        dtype = self._wrong_dtype(outputs)
        if dtype:
            return replace(trial, kind="dtype", reason=dtype)
        return self._valued(trial, mode)

    @property
    def truths(self) -> dict[str, Array]:
        """The true results by name."""
        return {name: bound.y for name, bound in self.bounds.items()}

    def _valued(self, trial: Trial, mode: str) -> Trial:
        values = np.asarray(self.found.values[0])
        reports = {}
        for name, array in trial.outputs.items():
            bound = self.bound_in(mode, name)
            reports[name] = judge(
                array,
                bound,
                op=self.call.operation.name,
                output=name,
                accepted=accepted(self.call, name, array, values),
                strict=self.strict,
                strict_sign=self.call.semantics.strict_sign,
                leaning=self.call.operation.adds_up(name),
            )
        trial = replace(trial, reports=reports)
        bad = [report for report in reports.values() if report.verdict == "FAIL"]
        if bad:
            kind = "shape" if bad[0].reason.startswith("it has shape") else "value"
            reason = f"output {bad[0].output!r}: {bad[0].reason}"
            return replace(trial, kind=kind, reason=reason)
        warned = [report for report in reports.values() if report.verdict == "WARN"]
        if warned:
            text = f"output {warned[0].output!r}: {warned[0].reason}"
            return replace(trial, warning=text)
        return trial

    def precision(self, outputs: Mapping[str, Array]) -> str:
        """Which declared precision the errors are consistent with."""
        fitting = {
            n: a for n, a in outputs.items() if a.shape == self.parts[n][1].shape
        }
        return precision_of(self.call, fitting, self.parts)

    def bound_in(self, mode: str, name: str) -> Bound:
        """The bound of an output that a mode demands."""
        bound = self.bounds[name]
        return self._exact(name, bound) if mode == "exact" else bound

    def _exact(self, name: str, bound: Bound) -> Bound:
        """No error at all is allowed where every partial sum is a whole number."""
        kind = "moves"
        if not self.call.operation.variadic:
            kind = self.call.operation.output(name).kind
        direct = self.declared.algo in ("direct", "im2col", "implicit-gemm", "split-k")
        if kind not in EXACT_KINDS or not direct or bound.y.dtype.kind != "f":
            return bound
        if not all(_is_whole(a) for a in self.call.given if is_float(a.dtype)):
            return bound
        formats = (self.resolved.factors, self.resolved.acc, self.resolved.out)
        limit = 2.0 ** min(each.digits for each in formats)
        fits = (limit >= bound.A) & np.isfinite(bound.H)
        if self.call.operation.name in ("pad", "clip"):
            return bound
        H = np.where(fits, 0.0, bound.H)
        return Bound(bound.y, H, np.minimum(bound.P, H), bound.n, bound.A)

    def _wrong_dtype(self, outputs: Mapping[str, Array]) -> str:
        given = self.call.dtype
        wanted = {given.name}
        if self.declared.out:
            wanted.add(_DTYPES[self.declared.out])
        for name, array in outputs.items():
            y = self.bounds[name].y
            if y.dtype.kind in "iu" or not is_float(given):
                if array.dtype.kind not in "iu":
                    return f"output {name!r} has dtype {array.dtype}, not integers"
            elif array.dtype.name not in wanted:
                names = " or ".join(sorted(wanted))
                return f"output {name!r} has dtype {array.dtype}, not {names}"
        return ""


_DTYPES = {
    "f64": "float64",
    "f32": "float32",
    "tf32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
}


def _is_whole(array: Array) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.all(np.isfinite(array) & (np.rint(array) == array)))


def _unreadable(outputs: Any) -> str:
    """Why no arrays of numbers can be read from what was returned."""
    if outputs is None:
        return "it returns None"
    parts = outputs.values() if isinstance(outputs, Mapping) else outputs
    several = isinstance(outputs, Mapping | tuple | list)
    for part in parts if several else [outputs]:
        if part is None:
            continue
        array = np.asarray(part)
        if array.dtype.kind == "O":
            return "it returns an array of Python objects, not of numbers"
        if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
            return f"it returns an array of dtype {array.dtype}"
    return ""


def judge_of(case: Case, numerics: Numerics, strict: bool) -> Judge | None:
    """The judge of a case; None where the declared arithmetic has no bound."""
    try:
        return Judge(case, numerics, strict)
    except OptionError:
        return None
