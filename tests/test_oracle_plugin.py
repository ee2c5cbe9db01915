"""The pytest plugin, in runs of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import OptionError
from numpy_deconv.oracle.testing import SETTINGS

PLUGIN = "numpy_deconv.oracle.pytest_plugin"
TESTS = """
import numpy as np
from numpy_deconv import oracle

@oracle.conforms("relu")
def test_right(x):
    return np.maximum(x, 0)

@oracle.conforms("relu", budget=oracle.Budget(examples=40))
def test_wrong(x):
    y = np.maximum(x, 0)
    y[..., -1:] = WRONG
    return y
"""


def pytest_run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"}
    return subprocess.run(
        [*command, "-W", "error", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_kernels_as_tests(tmp_path: Path) -> None:
    module = tmp_path / "test_mine.py"
    module.write_text(TESTS.replace("WRONG", "7"))
    words = ("--oracle-budget=40", "--oracle-seed=3", "--oracle-save-failures=kept")
    first = pytest_run(tmp_path, *words)
    assert "1 failed, 1 passed" in first.stdout, first.stdout + first.stderr
    assert "only the last column is wrong" in first.stdout
    (kept,) = (tmp_path / "kept").rglob("*.npz")
    assert f"kept in {kept}" in first.stdout
    again = pytest_run(tmp_path, *words)
    assert "still wrong on a kept case" in again.stdout
    module.write_text(TESTS.replace("WRONG", "y[..., -1:]"))
    assert "2 passed" in pytest_run(tmp_path, *words).stdout


def test_other_peoples_runs_do_not_notice(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_light():\n"
        "    assert 'numpy' not in sys.modules\n"
        "    heavy = [n for n in sys.modules if n.startswith('numpy_deconv.oracle.')]\n"
        f"    assert heavy == ['{PLUGIN}']\n"
    )
    done = pytest_run(tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert "warning" not in done.stdout


def test_the_decorated_kernel_stays_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    @oracle.conforms("relu", semantics="onnx")
    def test_it(x):
        """A kernel."""
        return nd.relu(x)

    monkeypatch.setattr(SETTINGS, "examples", 30)
    assert test_it.__doc__ == "A kernel."
    assert test_it.kernel(np.array([-1.0])) == 0
    test_it()


def test_a_check_without_power_fails() -> None:
    @oracle.conforms("relu", supports=lambda case: False)
    def test_it(x):
        return nd.relu(x)

    with pytest.raises(AssertionError, match="MISTRUSTED"):
        test_it()


def test_a_decorator_knows_its_kernel() -> None:
    with pytest.raises(OptionError, match="conforms takes no 'candidate'"):
        oracle.conforms("relu", candidate=nd.relu)


def test_kept_files_that_are_no_cases_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @oracle.conforms("relu")
    def test_it(x):
        return nd.relu(x)

    name = "test_kept_files_that_are_no_cases_are_passed_over.test_it"
    place = tmp_path / f"{test_it.__module__}.{name}"
    place.mkdir()
    (place / "a.npz").write_bytes(b"")
    oracle.Case("tanh", {"x": np.ones((1, 1, 1))}, {}).save(place / "b.npz")
    monkeypatch.setattr(SETTINGS, "folder", tmp_path)
    monkeypatch.setattr(SETTINGS, "examples", 30)
    test_it()
