"""Processors other than this one: kernels are compiled for them, of their own width."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numba_elsewhere import COMPILER, EMULATORS, MACHINES, emulator, target_machine

from numpy_deconv.backends.numba_cpu.vectors import Unit, features_compiled_for, unit_of

PROGRAM = Path(__file__).with_name("numba_elsewhere.py")


def made_for(name: str, folder: Path) -> dict[str, Any]:
    """What the program tells of one processor."""
    machine = MACHINES[name]
    if machine.family == "x86_64" and not machine.runs_here:
        pytest.skip(f"this machine does not run what is compiled for {name}")
    try:
        target_machine(machine)
    except RuntimeError as error:
        pytest.skip(f"this LLVM does not compile for {name}: {error}")
    done = subprocess.run(
        [sys.executable, str(PROGRAM), name],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["kernels"] >= 6
    assert max(found["errors"].values()) < 2e-6
    return found


def test_arm_has_code_of_its_own(tmp_path: Path) -> None:
    found = made_for("aarch64", tmp_path)
    assert found["unit"] == [16, 32]
    assert found["words"]["fmla\tv"] > 300
    assert not any(n for word, n in found["words"].items() if word.startswith("%"))


def test_arm_code_runs_in_an_emulator() -> None:
    if emulator() is None:
        pytest.skip(f"runs with {COMPILER} and {' or '.join(EMULATORS)} installed")
    tests = PROGRAM.with_name("test_numba_pooling.py")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "on_aarch64"),
            *("-p", "no:cacheprovider", str(tests), "-k", "not caches"),
        ],
        cwd=PROGRAM.parent.parent,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    assert "kernels of aarch64" in done.stdout


def test_avx2_alone_has_vectors_of_32_bytes(tmp_path: Path) -> None:
    found = made_for("haswell", tmp_path)
    assert found["unit"] == [32, 16]
    assert found["words"]["%ymm"] > 1000 and found["words"]["vfmadd"] > 100
    assert found["words"]["%zmm"] == 0


def test_the_first_x86_64_has_vectors_of_16_bytes(tmp_path: Path) -> None:
    found = made_for("x86-64", tmp_path)
    assert found["unit"] == [16, 16]
    assert found["words"]["%xmm"] > 1000
    assert not any(found["words"][word] for word in ("%ymm", "%zmm", "vfmadd"))


@pytest.mark.parametrize(
    ("features", "machine", "unit"),
    [
        ({"avx512f", "avx512vl", "avx2", "fma"}, "x86_64", Unit(64, 32)),
        ({"avx512f", "avx2", "fma"}, "x86_64", Unit(32, 16)),
        ({"avx2"}, "x86_64", Unit(16, 16)),
        (set(), "AMD64", Unit(16, 16)),
        ({"neon"}, "aarch64", Unit(16, 32)),
        ({"neon"}, "ARM64", Unit(16, 32)),
        (set(), "riscv64", Unit(16, 16)),
    ],
)
def test_the_unit_goes_by_features(
    features: set[str], machine: str, unit: Unit
) -> None:
    assert unit_of(features, machine) == unit


def test_features_are_those_that_numba_compiles_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NUMBA_CPU_FEATURES", raising=False)
    monkeypatch.delenv("NUMBA_CPU_NAME", raising=False)
    here = features_compiled_for()
    monkeypatch.setenv("NUMBA_CPU_NAME", "haswell")
    assert features_compiled_for() == here
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    assert features_compiled_for() == set()
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "+avx2,-avx512f,+fma")
    assert features_compiled_for() == {"avx2", "fma"}
