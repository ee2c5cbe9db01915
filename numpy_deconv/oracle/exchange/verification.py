"""Judges results that were computed elsewhere, by the bounds beside their inputs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...arrays import Array
from ...errors import FileFormatError
from ..acceptance import accepted
from ..call import bind
from ..drawing import Case, load_case
from ..error_bound import Bound
from ..judging import BoundReport, judge


class Verdict(NamedTuple):
    """What became of one case: "PASS", "FAIL", or "MISSING" without a result."""

    case: str
    verdict: str
    reason: str


def verify(folder: str | Path) -> list[Verdict]:
    """A verdict for each ``case_*.npz`` of a folder that :func:`export` wrote.

    Results are looked for as ``case_0000.out.npz`` (by name, or one array),
    ``case_0000.out.npy`` or, raw and C-contiguous, ``case_0000.y.bin``.
    """
    place = Path(folder)
    paths = sorted(
        p for p in place.glob("case_*.npz") if not p.name.endswith(".out.npz")
    )
    if not paths:
        raise FileFormatError(f"{place} holds no case_*.npz: make them with export")
    return [_verdict(path) for path in paths]


def _verdict(path: Path) -> Verdict:
    case, stored = load_case(path)
    names = [n.removeprefix("want.") for n in stored if n.startswith("want.")]
    if not names:
        return Verdict(path.stem, "MISSING", "it holds no true results")
    try:
        got = _results(path, case, names, stored)
    except (OSError, ValueError, KeyError) as error:
        return Verdict(path.stem, "FAIL", f"the results cannot be read: {error}")
    if not got:
        return Verdict(path.stem, "MISSING", f"there is no {path.stem}.out.npz")
    reports = [_judged(case, n, array, names, stored) for n, array in got.items()]
    for report in reports:
        if report.verdict == "FAIL":
            reason = f"output {report.output!r}: {report.reason}"
            return Verdict(path.stem, "FAIL", reason)
    return Verdict(path.stem, "PASS", "within its bounds")


def _judged(
    case: Case, name: str, got: Array, names: list[str], stored: dict[str, Array]
) -> BoundReport:
    if name not in names:
        line = f"there is no result {name!r}: they are {tuple(names)}"
        inf = float("inf")
        return BoundReport(case.op, name, "FAIL", line, 0, 0, 0, inf, inf, 0.0)
    y, H = stored[f"want.{name}"], stored[f"hard.{name}"]
    bound = Bound(y, H, H, np.ones(y.shape), np.abs(y.astype(np.float64)))
    call = bind(case.op, case.arrays, case.attrs, case.semantics)
    fine = accepted(call, name, got, stored[f"want.{names[0]}"])
    return judge(got, bound, op=case.op, output=name, accepted=fine)


def _results(
    path: Path, case: Case, names: list[str], stored: dict[str, Array]
) -> dict[str, Array]:
    """The results beside a case, by name; empty if there are none."""
    stem = path.with_suffix("")
    several = Path(f"{stem}.out.npz")
    if several.exists():
        with np.load(several, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        if len(found) == 1 and next(iter(found)) not in names:
            return {names[0]: next(iter(found.values()))}
        return found
    single = Path(f"{stem}.out.npy")
    if single.exists():
        return {names[0]: np.load(single, allow_pickle=False)}
    raw = {}
    for name in names:
        file_of_bits = Path(f"{stem}.{name}.bin")
        if file_of_bits.exists():
            y = stored[f"want.{name}"]
            given = next(a for a in case.inputs if a is not None)
            dtype = y.dtype if y.dtype.kind in "iu" else given.dtype
            flat = np.frombuffer(file_of_bits.read_bytes(), dtype)
            raw[name] = flat.reshape(y.shape)
    return raw


def summary(verdicts: list[Verdict]) -> str:
    """One line that counts them."""
    counts = {w: sum(v.verdict == w for v in verdicts) for w in ("PASS", "FAIL")}
    missing = len(verdicts) - sum(counts.values())
    line = f"{counts['PASS']} of {len(verdicts)} cases pass, {counts['FAIL']} fail"
    return line + (f", {missing} have no result" if missing else "")
