"""One case from arrays to ratios: check everyone, time who is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .agreement import judge
from .case import Answer, Candidate, Case, Prepared
from .contenders import Contender
from .machine import Ceiling
from .results import Entry, Outcome, Ratio
from .spread import Spread, ratio
from .timing import fastest, measure, outcome


def examine(
    case: Case,
    contenders: Iterable[Contender],
    ours: Sequence[str],
    seconds: float,
    ceiling: Ceiling,
) -> Outcome:
    """The outcome of a case; ``ours`` are the teams whose ratios are wanted."""
    prepared = case.prepare(contenders)
    unique = {candidate.name: candidate for candidate in prepared.candidates}
    right, entries = check(prepared, list(unique.values()), case.tolerance)
    times, behind = measure(right, seconds) if right else ({}, {})
    for candidate in right:
        name, error = candidate.name, entries[candidate.name].error
        timed = name in times
        spread = Spread.of(times[name] if timed else [behind[name]])
        entries[name] = Entry(
            name,
            candidate.team,
            "timed" if timed else "behind",
            spread,
            error,
            candidate.share,
        )
    best = {
        team: fastest(
            times, [c.name for c in right if c.team == team and c.name in times]
        )
        for team in dict.fromkeys(c.team for c in right)
    }
    shares = {
        team: share
        for team, name in best.items()
        if (share := ceiling.share(case.work, Spread.of(times[name]).median))
    }
    return Outcome(
        case.suite,
        case.group,
        case.name,
        case.batch,
        case.work.flops,
        case.work.bytes,
        list(entries.values()),
        ratios_of(times, best, ours),
        shares,
        max(map(len, times.values()), default=0),
        prepared.notes,
    )


def check(
    prepared: Prepared, candidates: Sequence[Candidate], tolerance: float
) -> tuple[list[Candidate], dict[str, Entry]]:
    """Who is right, and an entry for each; a wrong one is never timed."""
    truth: Answer | None = None
    right: list[Candidate] = []
    entries: dict[str, Entry] = {}
    for candidate in candidates:
        name, team = candidate.name, candidate.team
        found, why = outcome(lambda c=candidate: c.read(c.run()))  # type: ignore[misc]
        if why is not None:
            entries[name] = Entry(name, team, "failed", why=why)
            continue
        truth = prepared.truth() if truth is None else truth
        verdict = judge(found, truth, tolerance)
        wrong = verdict.wrong
        entries[name] = Entry(name, team, "wrong", None, verdict.error, why=wrong or "")
        if wrong is None:
            right.append(candidate)
    return right, entries


def ratios_of(
    times: dict[str, list[float]], best: dict[str, str], ours: Sequence[str]
) -> list[Ratio]:
    """Of each of our teams to every other team, best against best.

    Our backends are compared with the reference too, and never the reference with
    them: that ratio says the same upside down.
    """
    found = []
    for mine in ours:
        for theirs in best:
            if mine not in best or theirs == mine or theirs in ours[ours.index(mine) :]:
                continue
            spread = ratio(times[best[theirs]], times[best[mine]])
            found.append(Ratio(best[mine], best[theirs], spread))
    return found
