"""A run on a terminal: a line per case as it is done, tables at the end, files."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from numpy_deconv.cli.progress import step
from numpy_deconv.io.atomic import atomic_write

from . import summary
from .bench import bench
from .markdown import page
from .plan import Plan
from .plot import bars
from .results import Outcome, Report
from .words import ceiling, duration, machine, times, wrong


def present(plan: Plan, console: Console) -> Report | None:
    """Measure, print, write the plan's files; what is measured survives an interrupt.

    Raises what the plan or a file refuses.
    """
    report: Report | None = None
    try:
        with step("bench") as progress:
            for so_far in bench(plan.checked(), progress):
                report = so_far
                show(report.outcomes[-1], console)
    finally:
        if report is not None:
            finish(report, plan, console)
    return report


def show(outcome: Outcome, console: Console) -> None:
    """A case in a line, and a line for each candidate that has no time."""
    best: dict[str, float] = {}
    for entry in outcome.entries:
        if entry.status == "timed" and entry.seconds is not None:
            faster = best.get(entry.team)
            if faster is None or entry.seconds.median < faster:
                best[entry.team] = entry.seconds.median
    words = "  ".join(f"{team} {duration(each)}" for team, each in best.items())
    console.print(
        f"{outcome.suite}/{outcome.name} batch {outcome.batch}: {words}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for entry in wrong(outcome):
        console.print(
            f"  {entry.name} {entry.status}: {entry.why}",
            style="red",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def finish(report: Report, plan: Plan, console: Console) -> None:
    """Summary tables, then the files, each named as it is written."""
    for ours, theirs in summary.pairs(report):
        table = summary_table(report, ours, theirs)
        if table.row_count:
            console.print(table)
    for line in (machine(report), ceiling(report), *report.notes):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    written = {plan.markdown: page, plan.plot: bars}
    for name, text in written.items():
        if name is not None:
            with atomic_write(name) as file:
                file.write(text(report).encode())
    for name in (plan.json, plan.markdown, plan.plot):
        if name is not None:
            console.print(f"wrote {Path(name)}", markup=False, highlight=False)


def summary_table(report: Report, ours: str, theirs: str) -> Table:
    """Ratios of two teams by workload and batch."""
    table = Table(title=f"{ours}: times faster than {theirs}", title_justify="left")
    lines = summary.lines(report, ours, theirs)
    batches = sorted({batch for line in lines for batch in line.ratios})
    table.add_column("workload")
    table.add_column("cases", justify="right")
    for batch in batches:
        table.add_column(f"batch {batch}", justify="right")
    for line in lines:
        cells = [times(line.ratios[b]) if b in line.ratios else "" for b in batches]
        table.add_row(line.title, line.counted, *cells)
    return table
