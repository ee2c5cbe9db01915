"""Measure the CuPy backend beside PyTorch's cuDNN: ``python benchmarks/gpu --help``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import cases
import ceilings
from case import BATCHES, Case, Tools
from clock import medians
from results import Row, about, read, save, summary, table


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks/gpu", description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("gpu.json"))
    parser.add_argument("--only", default="", help="cases with this in group or name")
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    parser.add_argument(
        "--seconds", type=float, default=600, help="begin no case after so many"
    )
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--targets", action="store_true", help="what counts most")
    part.add_argument("--rest", action="store_true", help="all but those")
    parser.add_argument(
        "--add",
        action="store_true",
        help="keep what the file has, and go on",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="on the CPU, to see that all of it runs"
    )
    return parser.parse_args()


def main() -> int:
    """Measure, print, and keep what was measured after every case."""
    given, begun = arguments(), time.monotonic()
    if given.dry_run:
        import dry_run

        dry_run.install()
    import cupy

    torch = _torch(given.dry_run)
    tools = Tools(cupy, torch)
    machine = about(cupy, torch)
    known = read(given.json, machine) if given.add else None
    found, rows = known or (ceilings.measured(cupy, torch), [])
    print(f"{machine['device']}: {found}", flush=True)
    chosen = _chosen(given, rows)
    before = len(rows)
    try:
        for case in chosen:
            if time.monotonic() - begun > given.seconds:
                left = len(chosen) - (len(rows) - before)
                print(f"time is up: {left} cases are left out")
                break
            row = measured(case, tools, found)
            rows.append(row)
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
            words = (case.group, case.name, case.batch, case.precision)
            print(*words, row.problem or ratio, sep=" | ", flush=True)
            save(given.json, machine, found, rows)
    except KeyboardInterrupt:
        print("interrupted: what was measured is kept", file=sys.stderr)
    print(table(rows))
    print(summary(rows))
    wrong = [row for row in rows if row.problem]
    return 1 if wrong or not rows else 0


def _chosen(given: argparse.Namespace, rows: list[Row]) -> list[Case]:
    """The cases that are wanted and not measured yet, what counts most first."""
    known = {(row.group, row.name, row.batch, row.precision) for row in rows}
    every = sorted(cases.cases(tuple(given.batches)), key=cases.order)
    if given.targets or given.rest:
        every = [c for c in every if (cases.order(c) < cases.FIRST) == given.targets]
    return [
        c
        for c in every
        if given.only in f"{c.group} {c.name}"
        and (c.group, c.name, c.batch, c.precision) not in known
    ]


def _torch(dry: bool) -> Any:
    """PyTorch, if it is here and sees the card; else nothing is compared with."""
    try:
        import torch
    except ImportError as error:
        print(f"no PyTorch ({error}): our own times only")
        return None
    if not dry and not torch.cuda.is_available():
        print("this PyTorch has no CUDA: our own times only")
        return None
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    return torch


def measured(case: Case, tools: Tools, found: ceilings.Ceilings) -> Row:
    """One case: both sides must agree before either is timed."""
    row = Row(case.group, case.name, case.batch, case.precision)
    ceilings.allow_tf32(tools.torch, case.precision == "tf32")
    if case.nbytes or case.flops:
        floors = found.floor(case.nbytes, case.flops, case.precision)
        row.moving, row.computing = floors
    try:
        _measure(case, tools, row)
    except Exception as problem:  # one case's failure is its result, not the end
        row.problem = f"{type(problem).__name__}: {problem}"[:200].replace("\n", " ")
    finally:  # the arrays are let go by now
        ceilings.allow_tf32(tools.torch, False)
        tools.cupy.get_default_memory_pool().free_all_blocks()
        if tools.torch is not None:
            tools.torch.cuda.empty_cache()
    return row


def _measure(case: Case, tools: Tools, row: Row) -> None:
    ours, theirs = case.make(tools)
    if theirs is None:
        ours(0)
        row.ours = medians(tools.cupy, {"ours": ours})["ours"]
        return
    row.error = error(tools, ours(0), theirs(0))
    if not row.error <= case.tolerance:
        row.problem = f"wrong: relative error {row.error:.2g}"
        return
    times = medians(tools.cupy, {"ours": ours, "theirs": theirs})
    row.ours, row.theirs = times["ours"], times["theirs"]


def error(tools: Tools, ours: Any, theirs: Any) -> float:
    """Relative L2 distance of our answer from PyTorch's; of several results the
    largest, switches and all."""
    pairs = zip(_several(ours), _several(theirs), strict=True)
    return max(_error(tools, mine, other) for mine, other in pairs)


def _several(result: Any) -> tuple[Any, ...]:
    return tuple(result) if isinstance(result, tuple | list) else (result,)


def _error(tools: Tools, mine: Any, other: Any) -> float:
    there = tools.torch.from_dlpack(mine).double()
    other = other.detach().double()
    if there.shape != other.shape:
        raise ValueError(f"shapes {tuple(there.shape)} and {tuple(other.shape)}")
    size = float(other.norm())
    distance = float((there - other).norm())
    return distance / size if size else distance


if __name__ == "__main__":
    raise SystemExit(main())
