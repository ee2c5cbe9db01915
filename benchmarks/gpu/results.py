"""What was measured, as rows, as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ceilings import Ceilings

PACKAGES = ("numpy", "cupy", "cupy-cuda12x", "cupy-cuda13x", "torch", "numba")


@dataclass
class Row:
    """One case: medians in milliseconds, the two floors, or why there is none."""

    group: str
    name: str
    batch: int
    precision: str
    ours: float | None = None
    theirs: float | None = None
    error: float | None = None
    moving: float | None = None  # the floor of the bytes, in milliseconds
    computing: float | None = None  # and of the operations
    problem: str | None = None

    @property
    def ratio(self) -> float | None:
        """How many times faster than PyTorch."""
        return self.theirs / self.ours if self.ours and self.theirs else None

    @property
    def share(self) -> float | None:
        """Part of the nearer floor that was reached; of the dense arithmetic, so that
        Winograd and cropping may exceed 1."""
        floor = max(self.moving or 0, self.computing or 0)
        return floor / self.ours if floor and self.ours else None


def about(cupy: Any, torch: Any) -> dict[str, Any]:
    """Card, driver, versions: what a result is worth nothing without."""
    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "device": properties["name"].decode(),
        "multiprocessors": int(properties["multiProcessorCount"]),
        "memory": int(properties["totalGlobalMem"]),
        "driver": int(cupy.cuda.runtime.driverGetVersion()),
        "runtime": int(cupy.cuda.runtime.runtimeGetVersion()),
        "cudnn": torch.backends.cudnn.version() if torch else None,
        "torch_cuda": torch.version.cuda if torch else None,
        "python": platform.python_version(),
        "versions": versions,
    }


def geometric(rows: list[Row]) -> float | None:
    """Geometric mean of the ratios."""
    ratios = [row.ratio for row in rows if row.ratio]
    return statistics.geometric_mean(ratios) if ratios else None


def table(rows: list[Row]) -> str:
    """Markdown: a line a case, and a line for each group."""
    lines = [
        "| case | batch | precision | ours ms | torch ms | ratio | floor ms | share |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    groups: dict[tuple[str, int, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.group, row.batch, row.precision), []).append(row)
        if row.problem:
            lines.append(
                f"| {row.group}: {row.name} | {row.batch} | {row.precision} | "
                f"{row.problem} | | | | |"
            )
            continue
        floor = max(row.moving or 0, row.computing or 0)
        figures = (row.ours, row.theirs, row.ratio, floor or None, row.share)
        shown = " | ".join("" if f is None else f"{f:.3g}" for f in figures)
        lines.append(
            f"| {row.group}: {row.name} | {row.batch} | {row.precision} | {shown} |"
        )
    for (group, batch, precision), each in groups.items():
        mean = geometric(each)
        if mean is not None:
            count = sum(row.ratio is not None for row in each)
            lines.append(
                f"| **{group}, geometric mean of {count}** | {batch} | "
                f"{precision} | | | **{mean:.2f}** | | |"
            )
    return "\n".join(lines) + "\n"


TARGETS = (
    # what issue 5 asks for: group, part of the name, batch, precision, figure, how much
    ("vgg16 conv", "", 32, "float32", "ratio", 1.0),
    ("vgg16 conv", "", 32, "tf32", "ratio", 0.8),
    ("vgg16 conv", "", 32, "float16", "ratio", None),
    *(
        (group, "", 32, "float32", figure, wanted)
        for group in ("max pool", "unpool", "col2im", "lrn")
        for figure, wanted in (("ratio", 1.5), ("share", 0.7))
    ),
    ("projection", "vgg16", 1, "float32", "ratio", 10.0),
    ("transposed conv", "alexnet conv1", 32, "float32", "ratio", 2.0),
    ("saliency", "", 1, "float32", "ratio", None),
)


def summary(rows: list[Row]) -> str:
    """The targets, geometric means of what was reached, and what went wrong."""
    lines = ["| target | batch | precision | wanted | reached | cases |"]
    lines.append("| --- | ---: | --- | ---: | ---: | ---: |")
    for group, name, batch, precision, figure, wanted in TARGETS:
        same = [
            row
            for row in rows
            if (row.group, row.batch, row.precision) == (group, batch, precision)
            and row.name.startswith(name)
        ]
        values = [v for row in same if (v := getattr(row, figure))]
        reached = (
            f"{statistics.geometric_mean(values):.2f}" if values else "not measured"
        )
        what = f"{group}{', ' + name if name else ''}: {figure}"
        aim = "" if wanted is None else f"{wanted:g}"
        counted = f"{len(values)} of {len(same)}"
        lines.append(
            f"| {what} | {batch} | {precision} | {aim} | {reached} | {counted} |"
        )
    wrong = [row for row in rows if row.problem]
    lines.append(f"\ncases: {len(rows)} measured, {len(wrong)} without a result")
    lines += [f"  {row.group} {row.name}: {row.problem}" for row in wrong]
    return "\n".join(lines) + "\n"


def read(path: Path, machine: dict[str, Any]) -> tuple[Ceilings, list[Row]] | None:
    """What an earlier run left in ``path``, if it was on the same machine."""
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["machine"] != machine:
        return None
    names = {field.name for field in fields(Row)}
    rows = [Row(**{n: row[n] for n in names}) for row in found["rows"]]
    return Ceilings(**found["ceilings"]), rows


def save(
    path: Path, machine: dict[str, Any], ceilings: Ceilings, rows: list[Row]
) -> None:
    """Write JSON to ``path`` and a table beside it, each whole or not at all."""
    found = {
        "machine": machine,
        "ceilings": asdict(ceilings),
        "rows": [
            asdict(row) | {"ratio": row.ratio, "share": row.share} for row in rows
        ],
    }
    heading = f"{_headline(machine, ceilings)}\n\n"
    for target, text in (
        (path, json.dumps(found, indent=1) + "\n"),
        (path.with_suffix(".md"), heading + summary(rows) + "\n" + table(rows)),
    ):
        draft = target.with_name(target.name + ".part")
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, target)


def _headline(machine: dict[str, Any], ceilings: Ceilings) -> str:
    rates = [f"{n} {rate / 1e12:.3g} TFLOP/s" for n, rate in ceilings.rates.items()]
    floors = ", ".join([f"copies {ceilings.bandwidth / 1e12:.3g} TB/s", *rates])
    names = [f"{n} {v}" for n, v in machine["versions"].items()]
    about = f"{machine['device']}, CUDA driver {machine['driver']}"
    return f"{about}, cuDNN {machine['cudnn']}, {', '.join(names)}; measured: {floors}"
