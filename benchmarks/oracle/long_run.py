"""No false alarm: PyTorch and ONNX Runtime judged on 10,000 calls per operation.

``python benchmarks/oracle/long_run.py --out benchmarks/results/oracle-long-run`` goes
on where it was stopped, and after every thousand calls writes ``.json`` (what was
found) and ``.md`` (the table). ``--only conv,max_pool``, ``--contenders
torch-float32`` and ``--examples 300`` make it short. Operations are judged by two
processes (``--processes``) side by side; every call is drawn from its own number, so
the result is the same with any.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from contenders import CONTENDERS, Contender
from long_run_table import SEED, Tally, machine, table

from numpy_deconv.io.atomic import atomic_write
from numpy_deconv.oracle import Case, Numerics, operation
from numpy_deconv.oracle.checking.engine import KINDS, TURNS
from numpy_deconv.oracle.checking.performer import Outcome
from numpy_deconv.oracle.checking.trial import Judge, Trial
from numpy_deconv.oracle.drawing import RandomSource, Wishes, draw_case
from numpy_deconv.oracle.semantics import SEMANTICS

EXAMPLES = 10_000
NAMES = [contender.name for contender in CONTENDERS]
STEP = 1_000
"""Calls between two savings."""
LARGEST = (2_000, 2_000, 2_000, 20_000)
"""Elements of the largest array, call by call: most are small, some are not."""


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
    began = time.process_time()
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
    tally.seconds += time.process_time() - began


def advanced(tally: Tally, until: int) -> Tally:
    """The tally after further calls, in a process of its own."""
    contender = next(c for c in CONTENDERS if c.name == tally.contender)
    advance(contender, tally, until)
    return tally


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
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--contenders", help=", ".join(c.name for c in CONTENDERS))
    chosen = parser.parse_args()
    only = {operation(name).name for name in (chosen.only or "").split(",") if name}
    names = (chosen.contenders or "").split(",")
    before = load(chosen.out)
    tallies = {
        (c.name, op): before.get((c.name, op), Tally(c.name, op))
        for c in CONTENDERS
        for op in c.ops
    }
    wanted = [
        key
        for key in tallies
        if (not chosen.contenders or key[0] in names) and (not only or key[1] in only)
    ]
    # those with the most delicate bounds first
    wanted.sort(key=lambda key: (NAMES.index(key[0]), not _is_smooth(key[1])))
    with ProcessPoolExecutor(chosen.processes) as pool:
        waiting = iter(wanted)
        running = {}
        for key in waiting:
            running[_step(pool, tallies[key], chosen.examples)] = key
            if len(running) == chosen.processes:
                _finish_one(pool, running, tallies, chosen)
        while running:
            _finish_one(pool, running, tallies, chosen)


def _is_smooth(op: str) -> bool:
    return any(output.kind == "smooth" for output in operation(op).outputs)


def _step(pool: Executor, tally: Tally, examples: int) -> Future[Tally]:
    # what nobody is asked about (an exclusion) counts a quarter, as in :func:`advance`
    reached = max(tally.judged, tally.drawn // 4)
    goal = min(examples, reached // STEP * STEP + STEP)
    return pool.submit(advanced, tally, goal)


def _finish_one(
    pool: Executor,
    running: dict[Future[Tally], tuple[str, str]],
    tallies: dict[tuple[str, str], Tally],
    chosen: argparse.Namespace,
) -> None:
    """Wait until one operation is through; the others' steps are saved meanwhile."""
    while True:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        future = done.pop()
        key, tally = running.pop(future), future.result()
        tallies[key] = tally
        save(chosen.out, list(tallies.values()), chosen.examples)
        if tally.judged >= chosen.examples or tally.drawn >= 4 * chosen.examples:
            print(
                f"{tally.contender} {tally.op}: {tally.judged} judged, {tally.fails} "
                f"FAIL, {tally.warns} WARN, closest {tally.worst_hard:.3f}",
                flush=True,
            )
            return
        running[_step(pool, tally, chosen.examples)] = key


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    main()
