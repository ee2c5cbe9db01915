"""A report as text, JSON, JUnit XML and Markdown."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from .report import Report


def text(report: Report) -> str:
    """A few lines for a terminal."""
    counted = ", ".join(f"{n} {mode}" for mode, n in report.examples.items())
    lines = [
        f"{report.op}: {report.candidate}: {report.verdict}",
        f"  {report.total} examples ({counted}) in {report.seconds:.1f} s, "
        f"seed {report.seed}",
    ]
    lines += [f"  {why}" for why in report.why]
    if report.restricted:
        lines.append(f"  not taken by the kernel: {', '.join(report.restricted)}")
    if report.rejected:
        lines.append(f"  left out by supports: {report.rejected} examples")
    if report.failure is not None:
        failure = report.failure
        lines += [f"  minimal case: {failure.case}"]
        lines += [f"  - {said}" for said in failure.diagnosis]
    elif report.total:
        lines.append(
            f"  worst error: {report.worst_hard:.2g} of the hard bound, "
            f"{report.worst_soft:.2g} of the statistical one"
        )
    return "\n".join(lines)


def plain(report: Report) -> dict[str, Any]:
    """Everything but the arrays, in types that JSON knows."""
    found: dict[str, Any] = {
        "op": report.op,
        "candidate": report.candidate,
        "verdict": report.verdict,
        "why": list(report.why),
        "examples": dict(report.examples),
        "rejected": report.rejected,
        "restricted": list(report.restricted),
        "seconds": round(report.seconds, 3),
        "seed": report.seed,
        "failures": report.failures,
        "worst_hard": _number(report.worst_hard),
        "worst_soft": _number(report.worst_soft),
        "bias": _number(report.bias),
        "precision": report.precision,
        "features": dict(report.features),
        "failure": None,
    }
    failure = report.failure
    if failure is not None:
        case = failure.case
        found["failure"] = {
            "kind": failure.kind,
            "mode": failure.mode,
            "reason": failure.reason,
            "diagnosis": list(failure.diagnosis),
            "output": failure.output,
            "index": None if failure.index is None else list(failure.index),
            "got": _number(failure.got),
            "want": _number(failure.want),
            "allowed": _number(failure.allowed),
            "ratio": _number(failure.ratio),
            "shapes": {
                n: list(a.shape) for n, a in case.arrays.items() if a is not None
            },
            "attrs": dict(case.attrs),
            "data": case.kind,
            "layouts": dict(case.layouts),
            "choices": dict(case.choices),
            "repro": failure.repro(),
        }
    return found


def _number(value: float | None) -> float | str | None:
    """JSON has no NaN and no infinity."""
    if value is None or math.isfinite(value):
        return value
    return str(value)


def json_text(report: Report) -> str:
    """Indented JSON."""
    return json.dumps(plain(report), indent=2)


def junit(report: Report) -> str:
    """One test case, with a failure, an error (MISTRUSTED) or neither."""
    failed, doubted = report.verdict == "FAIL", report.verdict == "MISTRUSTED"
    name = quoteattr(f"{report.op}: {report.candidate}")
    body = ""
    if failed or doubted:
        tag = "failure" if failed else "error"
        message = quoteattr("; ".join(report.why) or report.verdict)
        body = f"<{tag} message={message}>{escape(text(report))}</{tag}>"
    else:
        body = f"<system-out>{escape(text(report))}</system-out>"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<testsuite name="numpy_deconv.oracle" tests="1" failures="{int(failed)}" '
        f'errors="{int(doubted)}" time="{report.seconds:.3f}">'
        f'<testcase classname="numpy_deconv.oracle" name={name} '
        f'time="{report.seconds:.3f}">{body}</testcase></testsuite>\n'
    )


def markdown(report: Report) -> str:
    """A section with the verdict, the minimal case and the script."""
    lines = [f"## {report.op}: `{report.candidate}`: {report.verdict}", ""]
    lines += [f"- {why}" for why in report.why]
    counted = ", ".join(f"{n} {mode}" for mode, n in report.examples.items())
    lines.append(f"- {report.total} examples ({counted}), seed {report.seed}")
    if report.restricted:
        lines.append(f"- not taken by the kernel: {', '.join(report.restricted)}")
    if report.rejected:
        lines.append(f"- left out by `supports`: {report.rejected} examples")
    failure = report.failure
    if failure is None:
        lines.append(
            f"- worst error: {report.worst_hard:.2g} of the hard bound, "
            f"{report.worst_soft:.2g} of the statistical one"
        )
        return "\n".join([*lines, ""])
    lines += ["", f"Minimal case: `{failure.case}`", ""]
    lines += [f"- {said}" for said in failure.diagnosis]
    lines += ["", "```python", failure.repro().rstrip(), "```", ""]
    return "\n".join(lines)
