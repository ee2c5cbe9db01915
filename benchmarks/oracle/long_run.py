"""No false alarm: PyTorch and ONNX Runtime judged on 10,000 calls per operation.

``python benchmarks/oracle/long_run.py --out benchmarks/results/oracle-long-run`` goes
on where it was stopped, and after every thousand calls writes ``.json`` (what was
found) and ``.md`` (the table). ``--only conv,max_pool``, ``--contenders
torch-float32`` and ``--examples 300`` make it short.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from contenders import CONTENDERS, Contender

from numpy_deconv.io.atomic import atomic_write
from numpy_deconv.oracle import Case, Numerics, operation
from numpy_deconv.oracle.checking.engine import KINDS, TURNS
from numpy_deconv.oracle.checking.performer import Outcome
from numpy_deconv.oracle.checking.trial import Judge, Trial
from numpy_deconv.oracle.drawing import RandomSource, Wishes, draw_case
from numpy_deconv.oracle.semantics import SEMANTICS

EXAMPLES = 10_000
SEED = 20
STEP = 1_000
"""Calls between two savings."""
LARGEST = (2_000, 2_000, 2_000, 20_000)
"""Elements of the largest array, call by call: most are small, some are not."""
KEPT = 5
"""Failures of which the words are kept."""


@dataclass
class Tally:
    """What one contender's calls of one operation came to.

    ``worst_hard`` is the nearest that a correct answer came to its hard bound, 1 being
    the bound; ``drawn`` is where to go on.
    """

    contender: str
    op: str
    drawn: int = 0
    judged: int = 0
    elements: int = 0
    left_open: int = 0
    fails: int = 0
    warns: int = 0
    worst_hard: float = 0.0
    worst_soft: float = 0.0
    seconds: float = 0.0
    excluded: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    def count(self, trial: Trial) -> None:
        """Add one call."""
        self.judged += 1
        self.fails += trial.failed
        self.warns += bool(trial.warning)
        if (trial.failed or trial.warning) and len(self.findings) < KEPT:
            said = trial.reason or trial.warning
            self.findings.append(f"{said}; {trial.case}")
        for report in trial.reports.values():
            self.elements += report.checked
            self.left_open += report.skipped
            if not trial.failed and np.isfinite(report.worst_hard):
                self.worst_hard = max(self.worst_hard, report.worst_hard)
                self.worst_soft = max(self.worst_soft, report.worst_soft)


def drawn(contender: Contender, op: str, number: int) -> tuple[Case | None, str]:
    """The call of that number, and its mode."""
    turns = [t for t in TURNS if t != "specials" or not op.endswith(".backward")]
    mode = turns[number % len(turns)]
    wishes = Wishes(
        semantics=SEMANTICS[contender.semantics],
        dtypes=(contender.dtype,),
        ranks=contender.ranks.get(op, (2, 1, 3)),
        kinds=KINDS[mode],
        max_elems=LARGEST[number % len(LARGEST)],
    )
    return draw_case(op, RandomSource((SEED, number)), wishes), mode


def judged(contender: Contender, case: Case, mode: str) -> Trial:
    """The verdict on the contender's answer."""
    judge = Judge(case, contender.numerics.get(case.op, Numerics()), False)
    try:
        outcome = Outcome(contender.answer(case))
    except Exception as error:
        line = str(error).strip().splitlines()[0]
        outcome = Outcome(problem="raises", detail=f"{type(error).__name__}: {line}")
    return judge.judged(outcome, mode)


def advance(contender: Contender, tally: Tally, until: int) -> None:
    """Judge calls until ``until`` are counted, excluded ones aside."""
    began = time.monotonic()
    while tally.judged < until and tally.drawn < 4 * until:
        case, mode = drawn(contender, tally.op, tally.drawn)
        tally.drawn += 1
        if case is None:
            continue
        reason = contender.excluded(case)
        if reason:
            tally.excluded[reason] = tally.excluded.get(reason, 0) + 1
        else:
            tally.count(judged(contender, case, mode))
    tally.seconds += time.monotonic() - began


def machine() -> dict[str, str]:
    """What it ran on."""
    packages = ("numpy-deconv", "numpy", "torch", "onnx", "onnxruntime")
    return {"python": platform.python_version()} | {p: version(p) for p in packages}


def table(tallies: Sequence[Tally], examples: int) -> str:
    """The result in Markdown; what is not done is said."""
    done = [t for t in tallies if t.judged or t.excluded]
    short = [t for t in tallies if t.judged < examples and not all_excluded(t)]
    lines = [
        "# The oracle judges PyTorch and ONNX Runtime: is there a false alarm?",
        "",
        "Made by `python benchmarks/oracle/long_run.py`, with "
        + ", ".join(f"{name} {number}" for name, number in machine().items())
        + f"; seed {SEED}, modes exact, bound and (of functions) specials, one to "
        "three axes.",
        "",
        f"- {sum(t.judged for t in done):,} calls judged ({examples:,} of each "
        f"operation wanted), {sum(t.elements for t in done):,} elements, "
        f"{sum(t.fails for t in done)} FAIL, {sum(t.warns for t in done)} WARN.",
        "- `closest` is the largest error divided by its hard bound H: above 1 would "
        "be a false alarm (or a bug of theirs), far below 0.5 a loose bound; 0 is "
        "exact.",
        "- Not at the number wanted yet (the same command goes on): "
        + (", ".join(f"{t.contender} {t.op}" for t in short) or "-"),
    ]
    for contender in dict.fromkeys(t.contender for t in done):
        own = [t for t in done if t.contender == contender]
        lines += ["", f"## {contender}", "", *_rows(own)]
        special = {c.name: c.numerics for c in CONTENDERS}[contender]
        lines += [""] * bool(special)
        lines += [f"- {op} is judged as {how}" for op, how in special.items()]
        reasons = {(t.op, r): n for t in own for r, n in t.excluded.items()}
        if reasons:
            lines += ["", "Left out, by name:", ""]
            lines += [f"- {op}: {r} ({n:,} calls)" for (op, r), n in reasons.items()]
        said = [f"- {t.op}: {words}" for t in own for words in t.findings]
        lines += ["", "Findings (the first of each operation):", "", *said] * bool(said)
    return "\n".join(lines) + "\n"


def all_excluded(tally: Tally) -> bool:
    """Whether there is nothing to judge."""
    return not tally.judged and bool(tally.excluded)


def _rows(tallies: Sequence[Tally]) -> list[str]:
    lines = ["| operation | calls | FAIL | WARN | closest | open |", "|---" * 6 + "|"]
    for t in sorted(tallies, key=lambda t: t.op):
        share = t.left_open / max(1, t.elements + t.left_open)
        lines.append(
            f"| {t.op} | {t.judged:,} | {t.fails} | {t.warns} | {t.worst_hard:.3f} | "
            f"{share:.1%} |"
        )
    return lines


def save(path: Path, tallies: Sequence[Tally], examples: int) -> None:
    """Write both forms."""
    found: dict[str, Any] = {"machine": machine(), "examples": examples, "seed": SEED}
    found["tallies"] = [asdict(t) for t in tallies]
    for suffix, text in (
        (".json", json.dumps(found, indent=1) + "\n"),
        (".md", table(tallies, examples)),
    ):
        with atomic_write(path.with_suffix(suffix)) as file:
            file.write(text.encode())


def load(path: Path) -> dict[tuple[str, str], Tally]:
    """What an earlier run left."""
    there = path.with_suffix(".json")
    if not there.exists():
        return {}
    found = json.loads(there.read_text(encoding="utf-8"))["tallies"]
    return {(t["contender"], t["op"]): Tally(**t) for t in found}


def main() -> None:
    """Run what is left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--only", help="operations, with commas")
    parser.add_argument("--contenders", help=", ".join(c.name for c in CONTENDERS))
    chosen = parser.parse_args()
    only = {operation(name).name for name in (chosen.only or "").split(",") if name}
    names = (chosen.contenders or "").split(",")
    before = load(chosen.out)
    plan = [
        (c, before.get((c.name, op), Tally(c.name, op)))
        for c in CONTENDERS
        for op in c.ops
    ]
    tallies = [tally for _, tally in plan]
    for contender, tally in plan:
        unwanted = chosen.contenders and contender.name not in names
        if unwanted or (only and tally.op not in only):
            continue
        while tally.judged < chosen.examples and tally.drawn < 4 * chosen.examples:
            goal = min(chosen.examples, tally.judged // STEP * STEP + STEP)
            advance(contender, tally, goal)
            save(chosen.out, tallies, chosen.examples)
        print(
            f"{contender.name} {tally.op}: {tally.judged} judged, {tally.fails} FAIL, "
            f"{tally.warns} WARN, closest {tally.worst_hard:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    main()
