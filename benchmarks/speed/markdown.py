"""A report as Markdown: the summary for a README, then every case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import summary
from .results import Outcome, Report
from .words import METHOD, ceiling, duration, machine, times, wrong


def page(report: Report) -> str:
    """The whole report: method, machine, a summary per pair of teams, all cases."""
    parts = ["# Benchmarks", *METHOD, machine(report) + "; " + ceiling(report) + "."]
    parts += [f"{note}." for note in report.notes]
    if not report.complete:
        parts.append("The run was stopped before its end.")
    for ours, theirs in summary.pairs(report):
        rows = summary_table(report, ours, theirs)
        if rows:
            parts += [f"## {ours} against {theirs}", rows]
    parts += ["## Every case", cases_table(report.outcomes)]
    missing = list(_missing(report.outcomes))
    if missing:
        parts += ["## Not timed", "\n".join(missing)]
    return "\n\n".join(parts) + "\n"


def summary_table(report: Report, ours: str, theirs: str) -> str:
    """The ratios of one pair; empty if there are none."""
    lines = summary.lines(report, ours, theirs)
    if not lines:
        return ""
    rows = [
        (
            line.title,
            line.counted,
            " / ".join(f"{times(r)}" for r in line.ratios.values()),
            " / ".join(map(str, line.ratios)),
        )
        for line in lines
    ]
    return table(("workload", "cases", f"times faster than {theirs}", "batch"), rows)


def cases_table(outcomes: Sequence[Outcome]) -> str:
    """One row for each case and ratio."""
    rows = []
    for outcome in outcomes:
        seconds = {e.name: e.seconds for e in outcome.entries if e.seconds}
        teams = {e.name: e.team for e in outcome.entries}
        for ratio in outcome.ratios:
            share = outcome.ceiling_share.get(teams[ratio.ours])
            spread = ratio.times
            rows.append(
                (
                    outcome.name,
                    str(outcome.batch),
                    f"{ratio.ours} {duration(seconds[ratio.ours].median)}",
                    f"{ratio.theirs} {duration(seconds[ratio.theirs].median)}",
                    f"{times(spread.median)} ({times(spread.low)} to "
                    f"{times(spread.high)})",
                    "" if share is None else f"{share:.0%}",
                )
            )
    head = ("case", "batch", "ours", "theirs", "ratio", "of ceiling")
    return table(head, rows)


def _missing(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        for entry in wrong(outcome):
            yield (
                f"- {outcome.name}, batch {outcome.batch}: {entry.name} "
                f"{entry.status}: {entry.why}"
            )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a ``|`` inside a cell stays a character."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
        for line in lines
    )
