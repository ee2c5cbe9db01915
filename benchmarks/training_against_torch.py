"""Train a VGG-11 here and in PyTorch on the same batches from the same weights.

::

    pip install 'numpy-deconv[test]'
    OMP_NUM_THREADS=1 python benchmarks/training_against_torch.py \\
        benchmarks/results/training-vs-torch

writes a ``.json`` and an ``.md`` of that name. The net has VGG-11's eight convolutions
at full width and one linear layer (9.2 million weights), for crops of 32 x 32 pixels of
twelve photographs; no dropout, whose masks could not be the same.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from photograph_crops import Crops, crops
from training_sides import Run, Setting, first_weights, here, in_torch

from numpy_deconv.training import Cosine

BATCH = 32
STEPS = 20  # whose losses are compared one by one
SEEDS = (0, 1, 2)
EACH = 40  # crops of each photograph to learn from
TESTED = 80  # crops of each photograph that are never learnt from
SHORT = (
    Setting("lr 0.01", 0.01),
    Setting("lr 0.003, momentum 0.9", 0.003, 0.9),
    Setting("the same with batch norm", 0.003, 0.9, normed=True),
)
LONG = Setting(
    "batch norm, momentum 0.9, lr 0.01 down a cosine", 0.01, 0.9, True, Cosine()
)

WAYS: dict[str, Run] = {
    "numpy_deconv, float64": partial(here, dtype=np.float64),
    "numpy_deconv": here,
    "numpy_deconv, without Winograd": partial(here, winograd=False),
    "PyTorch": in_torch,
    "PyTorch, channels_last": partial(in_torch, layout=torch.channels_last),
    "PyTorch, without oneDNN": partial(in_torch, mkldnn=False),
}

ABOUT = f"""\
# Training a VGG-11 here and in PyTorch

Made by `benchmarks/training_against_torch.py`: VGG-11's convolutions at full width and
one linear layer, batches of {BATCH} crops of twelve photographs, the same weights and
batches on both sides.

## The first {STEPS} steps

Largest distance of a loss from PyTorch's in float64. In float64 both are equal but for
rounding. In float32 rounding sooner or later turns a near-tie between two pixels of a
max pool, or the sign of a ReLU's input that is nearly 0; from then on two runs are
apart by what such a turn moves. PyTorch is as far from its own float64, and from itself
in another memory layout: those rows are the yardstick.
"""


def shuffled(learnt: Crops, epochs: int, seed: int) -> list[Crops]:
    """All batches of some epochs; an incomplete last one is left out."""
    chance = np.random.default_rng(seed)
    batches = []
    for _ in range(epochs):
        order = chance.permutation(len(learnt.labels))
        for first in range(0, len(order) - BATCH + 1, BATCH):
            batches.append(learnt.part(order[first : first + BATCH]))
    return batches


def accuracy(scores: Any, tested: Crops) -> float:
    """The share of right answers."""
    parts = [tested.part(slice(n, n + 64)) for n in range(0, len(tested.labels), 64)]
    right = sum(int((scores(p.x).argmax(1) == p.labels).sum()) for p in parts)
    return right / len(tested.labels)


def step_by_step(learnt: Crops) -> Iterator[dict[str, Any]]:
    """For each setting and each way to compute, how far the losses are from truth."""
    batches = shuffled(learnt, 1 + STEPS * BATCH // len(learnt.labels), 0)[:STEPS]
    for setting in SHORT:
        weights = first_weights(SEEDS[0], setting.normed)
        truth, _ = in_torch(weights, batches, setting, dtype=torch.float64)
        away = {}
        for name, run in WAYS.items():
            losses, _ = run(weights, batches, setting)
            away[name] = np.abs(np.subtract(losses, truth)).tolist()
            print(f"{setting.name}: {name} {max(away[name]):.1e}", flush=True)
        yield {"setting": setting.name, "truth": truth, "away": away}


def to_the_end(learnt: Crops, tested: Crops, epochs: int) -> Iterator[dict[str, Any]]:
    """For each seed, the last loss and the accuracy on crops never learnt from."""
    for seed in SEEDS:
        weights = first_weights(seed, LONG.normed)
        batches = shuffled(learnt, epochs, seed)
        row: dict[str, Any] = {"seed": seed}
        for name, run in (("torch", in_torch), ("numpy_deconv", here)):
            losses, scores = run(weights, batches, LONG)
            last = float(np.mean(losses[-len(batches) // epochs :]))
            row[name] = {"loss": last, "accuracy": accuracy(scores, tested)}
        print(json.dumps(row), flush=True)
        yield row


def mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The row below the rows."""
    return {"seed": "mean"} | {
        side: {key: float(np.mean([row[side][key] for row in rows])) for key in keys}
        for side in ("torch", "numpy_deconv")
        for keys in [rows[0][side]]
    }


def markdown(result: dict[str, Any]) -> str:
    """The two tables, and what they say."""
    steps = result["steps"]
    lines = [
        ABOUT,
        f"| float32 unless said | {' | '.join(row['setting'] for row in steps)} |",
        "| --- |" + " --- |" * len(steps),
    ]
    for name in WAYS:
        most = " | ".join(f"{max(row['away'][name]):.1e}" for row in steps)
        lines.append(f"| {name} | {most} |")
    ends = " | ".join(f"{r['truth'][0]:.2f} to {r['truth'][-1]:.2f}" for r in steps)
    lines += [
        f"| *first and last loss* | {ends} |",
        "",
        "## At the end",
        "",
        f"float32, {LONG.name}, {result['epochs']} epochs of {result['learnt']} crops:",
        f"mean loss of the last epoch, and accuracy on {result['tested']} crops of "
        "other parts of the",
        "photographs.",
        "",
        "| seed | PyTorch | numpy_deconv | points apart |",
        "| --- | --- | --- | --- |",
    ]
    for row in [*result["ends"], mean(result["ends"])]:
        sides = [row["torch"], row["numpy_deconv"]]
        shown = " | ".join(f"{s['loss']:.3f}, {s['accuracy']:.1%}" for s in sides)
        apart = 100 * (sides[1]["accuracy"] - sides[0]["accuracy"])
        lines.append(f"| {row['seed']} | {shown} | {apart:+.1f} |")
    lines += ["", f"{result['versions']}; {result['cpu_minutes']:.0f} CPU minutes."]
    return "\n".join(lines) + "\n"


def write(text: str, target: Path) -> None:
    """All of it, or nothing."""
    unfinished = target.with_name(target.name + ".part")
    unfinished.write_text(text, "utf-8")
    os.replace(unfinished, target)


def main() -> None:
    """Read the command line, compare, write."""
    parser = argparse.ArgumentParser(description="Training here and in PyTorch.")
    parser.add_argument("out", type=Path, help="where to, without a suffix")
    parser.add_argument("--epochs", type=int, default=14)
    options = parser.parse_args()
    learnt = crops(EACH, tested=False, seed=1)
    tested = crops(TESTED, tested=True, seed=2)
    result = {
        "steps": list(step_by_step(learnt)),
        "ends": list(to_the_end(learnt, tested, options.epochs)),
        "epochs": options.epochs,
        "learnt": len(learnt.labels),
        "tested": len(tested.labels),
        "versions": f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "torch")),
        "cpu_minutes": time.process_time() / 60,
    }
    write(json.dumps(result, indent=1) + "\n", options.out.with_suffix(".json"))
    write(markdown(result), options.out.with_suffix(".md"))


if __name__ == "__main__":
    main()
