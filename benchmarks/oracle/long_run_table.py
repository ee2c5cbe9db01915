"""What a long run counts, and the table that is made of it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version

import numpy as np
from contenders import CONTENDERS

from numpy_deconv.oracle.checking.trial import Trial

SEED = 20
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
        "be a false alarm (or a bug of theirs); 0 is exact.",
        "- `worst kernel` is how near a correct float32 kernel comes whose every "
        "operation errs as far as it may (an addition half a unit in the last place, "
        "an exponential the two that CUDA documents), always in the direction that "
        "hurts: a bound far above that would be loose. PyTorch's elementary functions "
        "err by little more than half a unit, so they cannot show it.",
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
    lines = [
        "| operation | calls | FAIL | WARN | closest | worst kernel | open |",
        "|---" * 7 + "|",
    ]
    for t in sorted(tallies, key=lambda t: t.op):
        share = t.left_open / max(1, t.elements + t.left_open)
        lines.append(
            f"| {t.op} | {t.judged:,} | {t.fails} | {t.warns} | {t.worst_hard:.3f} | "
            f"{_worst(t.op)} | {share:.1%} |"
        )
    return lines


@cache
def _worst(op: str) -> str:
    import oracle_worst_ways  # noqa: F401  it fills WORST; the tests' folder is known
    from oracle_worst_kernels import WORST, nearest

    return f"{nearest(op):.3f}" if op in WORST else ""
