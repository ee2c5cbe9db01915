"""A whole run: contenders, cases, a report that grows on disk, what is printed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from numpy_deconv.errors import OptionError

from .case import Case
from .contenders import RIVALS, Contender
from .contenders.backend_contender import BackendContender
from .examine import examine
from .launch import allocator
from .machine import busy, describe, measure_ceiling
from .plan import Plan
from .results import Report
from .suites import SUITES

Progress = Callable[[int, int], None]  # (done, total)

QUICK_FLOPS = 1e12
"""Of the largest case in a quick run: some seconds, were it done densely."""


def chosen(plan: Plan) -> list[Case]:
    """The plan's cases.

    Raises:
        OptionError: if ``only`` leaves none, naming some that there are.
    """
    found = [case for name in plan.suites for case in SUITES[name]()]
    kept = [case for case in found if plan.only.casefold() in case.title.casefold()]
    if not kept:
        some = "; ".join(case.title for case in found[:: max(1, len(found) // 4)])
        raise OptionError(f"no case contains {plan.only!r}: there are {some} ...")
    return first_of_groups(kept) if plan.quick else kept


def first_of_groups(cases: list[Case]) -> list[Case]:
    """Of each group the case with the least work, if a small machine affords it."""
    least: dict[tuple[str, str], Case] = {}
    for case in cases:
        if case.work.flops > QUICK_FLOPS:
            continue
        key = case.suite, case.group
        if key not in least or case.work.flops < least[key].work.flops:
            least[key] = case
    return list(least.values())


def recruit(plan: Plan) -> tuple[list[Contender], list[str]]:
    """Our backends, then the frameworks that are installed; who is missing, and why."""
    team: list[Contender] = [BackendContender(name) for name in plan.backends]
    notes: list[str] = []
    for name in plan.against:
        try:
            rival = RIVALS[name](plan.threads, not plan.quick)
        except ImportError as error:
            notes.append(f"{name} is left out, it is not installed: {error}")
            continue
        team.append(rival)
    return team, notes


def bench(plan: Plan, progress: Progress) -> Iterator[Report]:
    """Measure case by case; gives the report so far after each.

    Every report is written to ``plan.json`` before it is given.
    """
    cases = chosen(plan)
    warning = busy(os.cpu_count() or 1)
    contenders, missing = recruit(plan)
    notes = missing if warning is None else [warning, *missing]
    progress(0, len(cases))
    ceiling = measure_ceiling(any(who.team == "torch" for who in contenders))
    report = Report(
        time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        describe(plan.threads, allocator()),
        ceiling._asdict(),
        {"seconds": plan.seconds, "only": plan.only, "quick": plan.quick},
        [],
        notes,
        complete=False,
    )
    for done, case in enumerate(cases, start=1):
        outcome = examine(case, contenders, plan.backends, plan.seconds, ceiling)
        said = [*notes, *(n for who in contenders for n in who.notes())]
        report = replace(
            report,
            outcomes=[*report.outcomes, outcome],
            notes=said,
            complete=done == len(cases),
        )
        if plan.json is not None:
            report.write(Path(plan.json))
        progress(done, len(cases))
        yield report
