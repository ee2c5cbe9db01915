"""Draws calls, runs the kernel on them, and keeps what was learnt."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...arrays import is_float
from ...errors import OptionError
from ..drawing import Case, RandomSource, ReplaySource, Source, Wishes, draw_case
from ..drawing.values import BOUND, EXACT, SPECIALS
from .circumstances import Numbers, numbers_of
from .features import features_of
from .isolation import Isolated
from .options import Request
from .performer import Outcome, Performer
from .trial import Judge, Trial, judge_of

KINDS = {"exact": EXACT, "bound": BOUND, "specials": SPECIALS}
TURNS = ("exact", "bound", "exact", "specials", "bound")
SEVERAL = 20
"""Examples after the first failure, from which the smallest and a rule are taken."""
FATAL = 3
"""Calls that may hang or die before no more are made."""
SPARSE = ("max_pool.backward", "adaptive_max_pool.backward", "global_max_pool.backward")
EVERY = 8
"""Of so many calls one is made twice, to see whether it comes out the same."""


@dataclass
class Tally:
    """What happened so far."""

    examples: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    unbounded: int = 0
    fatal: int = 0
    failures: list[Trial] = field(default_factory=list)
    warnings: list[Trial] = field(default_factory=list)
    features: list[tuple[frozenset[str], bool]] = field(default_factory=list)
    explored: list[tuple[frozenset[str], bool]] = field(default_factory=list)
    numbers: list[tuple[Numbers, bool]] = field(default_factory=list)
    passed: list[Trial] = field(default_factory=list)
    worst_hard: float = 0.0
    worst_soft: float = 0.0
    bias: float = 0.0
    judged: int = 0
    zeros: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """Calls that were judged."""
        return sum(self.examples.values())


class Engine:
    """Runs a request's examples, one by one."""

    def __init__(self, request: Request) -> None:
        self.request = request
        performer = Performer(
            request.candidate,
            request.operation,
            request.takes,
            request.adapter,
            request.budget.call_seconds,
        )
        self.runner: Performer | Isolated = (
            Isolated(performer) if request.isolate else performer
        )
        self.tally = Tally()
        self.started = time.monotonic()

    def close(self) -> None:
        """End the process of an isolated kernel."""
        if isinstance(self.runner, Isolated):
            self.runner.close()

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self.started

    def wishes(self, mode: str) -> Wishes:
        """What may be drawn in a mode."""
        request = self.request
        return Wishes(
            semantics=request.semantics,
            dtypes=request.dtypes,
            ranks=request.ranks,
            names=request.takes.names(request.operation),
            kinds=KINDS[mode],
            layouts=request.layouts,
        )

    def turns(self) -> list[str]:
        """The modes of drawn calls, in the order of their turns."""
        wanted = [turn for turn in TURNS if turn in self.request.modes]
        if self.request.operation.is_backward and "specials" in wanted:
            wanted.remove("specials")
        return wanted or ["exact"]

    @np.errstate(all="ignore")
    def run(self) -> None:
        """Draw and judge until the budget is spent, or enough failures are seen."""
        turns, budget = self.turns(), self.request.budget
        number, since = 0, 0
        limit = 40 * budget.examples
        while self.tally.total < budget.examples and number < limit:
            if self.seconds > budget.seconds or self.tally.fatal >= FATAL:
                break
            if self.tally.failures and (
                since >= SEVERAL or self.seconds > budget.seconds / 2
            ):
                break
            source = RandomSource((self.request.seed, number))
            mode = turns[number % len(turns)]
            number += 1
            case = self.drawn(source, mode)
            if case is None:
                continue
            again = "harness" in self.request.modes and number % EVERY == 0
            trial = self.trial(case, mode, again)
            if trial is None:
                self.tally.unbounded += 1
                continue
            self.count(trial)
            since += bool(self.tally.failures)

    def drawn(self, source: Source, mode: str) -> Case | None:
        """A case that has a result and that the kernel supports."""
        case = draw_case(self.request.operation.name, source, self.wishes(mode))
        if case is None:
            return None
        supports = self.request.supports
        if supports is not None and not _asked(supports, case):
            self.tally.rejected += 1
            return None
        return case

    def redrawn(self, choices: dict[str, int], mode: str) -> Case | None:
        """The case of a record."""
        case = draw_case(
            self.request.operation.name, ReplaySource(choices), self.wishes(mode)
        )
        supports = self.request.supports
        if case is None or (supports is not None and not _asked(supports, case)):
            return None
        return case

    def trial(self, case: Case, mode: str, again: bool = False) -> Trial | None:
        """The kernel's trial on a case; None where no bound can be given.

        With ``again`` it is called once more, and once on other values.
        """
        judge = judge_of(case, self.request.numerics, self.request.strict)
        if judge is None:
            return None
        # the candidate runs before anybody else has computed into fresh memory
        outcome = self.runner.perform(case, judge.like)
        if outcome.problem in ("hangs", "dies"):
            self.tally.fatal += 1
        trial = judge.judged(outcome, mode)
        if not trial.failed and self.request.grads and mode != "specials":
            trial = self.with_gradients(trial, case, mode)
        if again and not trial.failed:
            trial = self._again(trial, judge, outcome)
        return trial

    def _again(self, trial: Trial, judge: Judge, outcome: Outcome) -> Trial:
        """The same call once more must come out the same."""
        other = self.runner.perform(trial.case, judge.like)
        second = judge.judged(other, trial.mode)
        if second.failed:
            kind = "second call"
            return replace(
                second, kind=kind, reason=f"called a second time {second.reason}"
            )
        for name, first in trial.outputs.items():
            if first.tobytes() != second.outputs[name].tobytes():
                return replace(trial, warning="two equal calls give different bits")
        return self._of_other_values(trial) or trial

    def _of_other_values(self, trial: Trial) -> Trial | None:
        """A call of the same shapes must not give what the last one gave."""
        name, array = next(
            (n, a) for n, a in trial.case.arrays.items() if a is not None
        )
        if not is_float(array.dtype):
            return None
        flip = tuple(slice(None, None, -1) for _ in array.shape)
        other = np.array(array[flip] / array.dtype.type(2), order="C")
        case = replace(trial.case, arrays={**trial.case.arrays, name: other})
        judge = judge_of(case, self.request.numerics, self.request.strict)
        if judge is None:
            return None
        found = judge.judged(self.runner.perform(case, judge.like), "bound")
        if found.kind != "value":
            return None
        stale = all(
            found.outputs[n].tobytes() == trial.outputs[n].tobytes()
            for n in found.outputs
        )
        if not stale:
            return found
        return replace(
            found, kind="stale", reason="it returns the output of an earlier call again"
        )

    def with_gradients(self, trial: Trial, case: Case, mode: str) -> Trial:
        """The trial with its gradients judged as well."""
        from .gradients import gradient_trial

        found = gradient_trial(self, case, mode)
        return trial if found is None else found

    def count(self, trial: Trial) -> None:
        """Remember a trial."""
        tally = self.tally
        tally.examples[trial.mode] += 1
        tally.features.append((features_of(trial.case), trial.failed))
        tally.numbers.append((numbers_of(trial), trial.failed))
        if trial.failed:
            tally.failures.append(trial)
        elif trial.warning:
            tally.warnings.append(trial)
        elif len(tally.passed) < SEVERAL:
            tally.passed.append(trial)
        for name, report in trial.reports.items():
            if np.isfinite(report.worst_hard) and not trial.failed:
                tally.worst_hard = max(tally.worst_hard, report.worst_hard)
                tally.worst_soft = max(tally.worst_soft, report.worst_soft)
                tally.bias = max(tally.bias, report.bias, key=abs)
            tally.judged += report.checked
            tally.skipped += report.skipped
            zero = trial.truths[name] == 0
            # of a gradient that goes to the largest most elements are 0 by nature
            if trial.case.op not in SPARSE or zero.all():
                tally.zeros += int(zero.sum())


def _asked(supports: Any, case: Case) -> bool:
    """What ``supports`` says; it must not fail on any case."""
    try:
        return bool(supports(case))
    except Exception as error:
        raise OptionError(
            f"supports raises {type(error).__name__}: {error}, for {case}"
        ) from error
