"""Warming compiles everything; what is used is found on disk afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from numpy_deconv.backends.numba_cpu import warm
from numpy_deconv.backends.numba_cpu.compiled import KERNELS, Kernel

SCRIPT = """
import json
import sys
from numpy_deconv import get_backend
from numpy_deconv.backends.numba_cpu.compiled import KERNELS

get_backend("numba").warm()
made = {name: len(kernel.entries) for name, kernel in KERNELS.items()}
print(json.dumps([made, "numba" in sys.modules]))
"""


def warmed(folder: Path) -> tuple[dict[str, int], bool]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    made, imported = json.loads(done.stdout)
    return made, imported


def called_by_kernels() -> set[str]:
    """The kernels that other kernels call: what they are compiled into."""
    names = set()
    for kernel in KERNELS.values():
        found = kernel.function.__globals__
        for name in kernel.function.__code__.co_names:
            if isinstance(found.get(name), Kernel):
                names.add(found[name].name)
    return names


def test_warming_leaves_nothing_to_compile_and_no_need_of_numba(tmp_path: Path) -> None:
    made, imported = warmed(tmp_path)
    assert imported
    alone = {name for name, entries in made.items() if not entries}
    assert alone <= called_by_kernels()
    again, imported = warmed(tmp_path)
    assert not imported
    assert {name for name, entries in again.items() if not entries} == alone
    subprocess.run(  # what the helping process does; a failure of its own is not shown
        [sys.executable, "-c", warm._ELSEWHERE.format(path=sys.path, dtype="float64")],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        check=True,
        timeout=300,
    )


def test_a_helping_process_that_fails_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with warm._meanwhile("no type of NumPy's"):
        pass
    for nobody in ("", str(Path(sys.executable).with_name("no such Python"))):
        monkeypatch.setattr(sys, "executable", nobody)
        with warm._meanwhile("float64"):
            pass


def test_a_helping_process_ends_with_what_it_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = []

    class Watched(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **options: Any):
            super().__init__(*args, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    monkeypatch.setattr(warm, "_ELSEWHERE", "import time; time.sleep(600)")
    with pytest.raises(KeyboardInterrupt), warm._meanwhile("float64"):
        raise KeyboardInterrupt
    wait, waited = Watched.wait, []

    def interrupted(self: Watched, timeout: float | None = None) -> int:
        waited.append(timeout)
        if len(waited) == 1:
            raise KeyboardInterrupt
        return wait(self, timeout)

    monkeypatch.setattr(Watched, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt), warm._meanwhile("float64"):
        pass
    assert [each.returncode is None for each in started] == [False, False]
