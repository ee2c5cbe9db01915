"""What a check found, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...arrays import Array
from ..drawing import Case
from . import report_forms
from .reproduction import reproduction
from .trial import Trial

VERDICTS = ("PASS", "WARN", "MISTRUSTED", "FAIL")


@dataclass(frozen=True)
class Failure:
    """A failing call, as small as it was made, and what is known about it.

    At ``index`` of ``output`` the kernel gave ``got`` where ``want`` is true and an
    error of ``allowed`` would do. It was called with the arrays ``names`` and the
    attributes ``attrs``, which may be fewer and more than the case has.
    """

    case: Case
    mode: str
    kind: str
    reason: str
    diagnosis: tuple[str, ...] = ()
    output: str | None = None
    index: tuple[int, ...] | None = None
    got: float | None = None
    want: float | None = None
    allowed: float | None = None
    ratio: float | None = None
    outputs: Mapping[str, Array] = field(default_factory=dict)
    call: str = "candidate"
    adapter: str = "numpy"
    names: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, trial: Trial, diagnosis: tuple[str, ...], call: str, adapter: str
    ) -> Failure:
        """A trial's failure."""
        found: dict[str, Any] = {
            "case": trial.case,
            "mode": trial.mode,
            "kind": trial.kind,
            "reason": trial.reason,
            "diagnosis": diagnosis,
            "outputs": trial.outputs,
            "call": call,
            "adapter": adapter,
        }
        bad = [r for r in trial.reports.values() if r.verdict == "FAIL"]
        if bad:
            report = bad[0]
            found |= {
                "output": report.output,
                "index": report.index,
                "got": report.got,
                "want": report.want,
                "allowed": report.allowed,
                "ratio": report.worst_hard,
            }
        return cls(**found)

    def repro(self) -> str:
        """A script that shows it without the oracle's drawing: NumPy and this library
        are all that it needs."""
        return reproduction(
            self.case,
            self.call,
            self.adapter,
            f"{self.kind} ({self.mode} mode)",
            self.names,
            {**self.case.attrs, **self.attrs},
        )

    def save(self, path: str | Path) -> Path:
        """Keep it as ``.npz``, to be replayed or explained."""
        extra = {f"out.{name}": array for name, array in self.outputs.items()}
        return self.case.save(path, **extra)

    def __str__(self) -> str:
        lines = [self.reason, f"  for {self.case}"]
        lines += [f"  {text}" for text in self.diagnosis]
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """The outcome of a check.

    ``verdict`` is FAIL for a wrong result or a side effect, MISTRUSTED if nothing was
    found by a check that had too little power (``why``), WARN for what is suspicious,
    else PASS. ``examples`` counts the calls of each mode, ``rejected`` those that
    ``supports`` left out, ``restricted`` names what the kernel does not take.
    """

    op: str
    candidate: str
    verdict: str
    why: tuple[str, ...]
    examples: Mapping[str, int]
    rejected: int
    restricted: tuple[str, ...]
    seconds: float
    seed: int
    failure: Failure | None = None
    failures: int = 0
    worst_hard: float = 0.0
    worst_soft: float = 0.0
    bias: float = 0.0
    precision: str | None = None
    features: Mapping[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing wrong was found, by a check that could have."""
        return self.verdict in ("PASS", "WARN")

    @property
    def total(self) -> int:
        """Calls that were judged."""
        return sum(self.examples.values())

    def __str__(self) -> str:
        return report_forms.text(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the arrays, in plain types."""
        return report_forms.plain(self)

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON."""
        return report_forms.json_text(self)

    def to_junit(self) -> str:
        """A JUnit test suite of one case for each mode, as XML."""
        return report_forms.junit(self)

    def to_markdown(self) -> str:
        """A section to paste into an issue."""
        return report_forms.markdown(self)
