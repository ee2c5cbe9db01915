"""Measure the CuPy backend beside PyTorch's cuDNN: ``python benchmarks/gpu --help``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import cases
import ceilings
import projection
from cases import BATCHES, Case, Tools
from clock import medians
from results import Row, about, save, table


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks/gpu", description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("gpu.json"))
    parser.add_argument("--only", default="", help="cases with this in group or name")
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    return parser.parse_args()


def main() -> int:
    """Measure, print, and keep what was measured after every case."""
    given = arguments()
    import cupy
    import torch

    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    tools = Tools(cupy, torch)
    machine, found = about(cupy, torch), ceilings.measured(cupy, torch)
    print(f"{machine['device']}: {found}", flush=True)
    rows: list[Row] = []
    try:
        # whole nets first: they are few, and what the rest adds up to
        for case in (*projection.cases(), *cases.cases(tuple(given.batches))):
            if given.only and given.only not in f"{case.group} {case.name}":
                continue
            row = measured(case, tools, found)
            rows.append(row)
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
            words = (case.group, case.name, case.batch, case.precision)
            print(*words, row.problem or ratio, sep=" | ", flush=True)
            save(given.json, machine, found, rows)
    except KeyboardInterrupt:
        print("interrupted: what was measured is kept", file=sys.stderr)
    print(table(rows))
    wrong = [row for row in rows if row.problem]
    return 1 if wrong or not rows else 0


def measured(case: Case, tools: Tools, found: ceilings.Ceilings) -> Row:
    """One case: both sides must agree before either is timed."""
    row = Row(case.group, case.name, case.batch, case.precision)
    ceilings.allow_tf32(tools.torch, case.precision == "tf32")
    if case.nbytes or case.flops:
        floors = found.floor(case.nbytes, case.flops, case.precision)
        row.moving, row.computing = floors
    try:
        ours, theirs = case.make(tools)
        row.error = error(tools, ours(0), theirs(0))
        if not row.error <= case.tolerance:
            row.problem = f"wrong: relative error {row.error:.2g}"
            return row
        times = medians(tools.cupy, {"ours": ours, "theirs": theirs})
        row.ours, row.theirs = times["ours"], times["theirs"]
    except Exception as problem:  # one case's failure is its result, not the end
        row.problem = f"{type(problem).__name__}: {problem}"[:200].replace("\n", " ")
    finally:
        ceilings.allow_tf32(tools.torch, False)
        tools.cupy.get_default_memory_pool().free_all_blocks()
        tools.torch.cuda.empty_cache()
    return row


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
