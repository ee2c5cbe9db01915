"""Killed at any moment, a run goes on and ends with the very same bits."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import killed_training
import numpy as np
import pytest

from numpy_deconv.io.safetensors import read_safetensors

SCRIPT = Path(killed_training.__file__)
TOTAL = killed_training.STEPS * killed_training.RECIPE.epochs
KILLS = 6


def begun(folder: Path, stdin: int) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(SCRIPT.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(SCRIPT), str(folder)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )


def finished(folder: Path) -> list[int]:
    """The numbers of the steps that a run takes which nobody kills."""
    with begun(folder, subprocess.DEVNULL) as run:
        assert run.stdout is not None
        return [int(line) for line in run.stdout]


def killed(folder: Path, steps: int, wait: float) -> list[int]:
    """The same for one that is killed some time into the last of so many steps."""
    with begun(folder, subprocess.PIPE) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        run.stdin.write("\n" * steps)
        run.stdin.flush()
        told = [int(run.stdout.readline()) for _ in range(steps - 1)]
        time.sleep(wait)
        run.send_signal(signal.SIGKILL)
        rest = run.stdout.read()
        run.wait()
        return told + [int(line) for line in rest.splitlines()]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing kills so here")
def test_sigkill_at_random_moments(tmp_path: Path) -> None:
    alone, often = tmp_path / "alone", tmp_path / "often"
    alone.mkdir()
    often.mkdir()
    assert finished(alone) == list(range(1, TOTAL + 1))

    chance = random.Random(5)
    reached = 0
    for _ in range(KILLS):
        told = killed(often, chance.randint(2, 5), chance.uniform(0, 0.02))
        assert reached - 1 <= told[0] <= reached + 1, "more was lost than one step"
        reached = told[-1]
    assert 0 < reached < TOTAL, "the kills were meant to hit a run that goes on"
    assert finished(often)[-1] == TOTAL
    name = "checkpoint.safetensors"
    want, got = read_safetensors(alone / name), read_safetensors(often / name)
    assert want.keys() == got.keys()
    for key, array in want.items():
        np.testing.assert_array_equal(got[key], array, strict=True)
