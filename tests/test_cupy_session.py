"""The command for a machine with a GPU, stopped while it measures: a dry run."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from numpy_deconv.backends.cupy_gpu.stand_in import compiler

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "gpu_session.sh"
PATIENCE = 300.0  # seconds until a first case is measured, or the session has ended

needs_all = pytest.mark.skipif(
    shutil.which("bash") is None
    or compiler() is None
    or importlib.util.find_spec("torch") is None,
    reason="needs bash, a C++ compiler and torch",
)


def _heed_interruptions() -> None:
    """As in a terminal: what a shell starts in the background ignores them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@needs_all
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_what_was_measured_outlives_an_interruption(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    environment = {
        **os.environ,
        "DRY_RUN": "1",
        "PYTHON": sys.executable,
        "STEPS": "targets tests",
    }
    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as opened:
        session = subprocess.Popen(
            ["bash", str(SCRIPT), str(tmp_path / "results")],
            env=environment,
            stdout=opened,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_heed_interruptions,
        )
    measured = tmp_path / "results" / "gpu.json"
    try:
        ending = time.monotonic() + PATIENCE
        while not measured.exists() and session.poll() is None:
            assert time.monotonic() < ending, log.read_text(encoding="utf-8")
            time.sleep(0.1)
        session.send_signal(number)
        ended = session.wait(PATIENCE)
    finally:
        if session.poll() is None:
            os.killpg(session.pid, signal.SIGKILL)
            session.wait()
    assert ended == status, log.read_text(encoding="utf-8")
    assert json.loads(measured.read_text(encoding="utf-8"))["rows"]
    summary = (measured.parent / "summary.txt").read_text(encoding="utf-8")
    assert "interrupted: what was measured is kept" in summary
    assert "| vgg16 conv: ratio | 32 | float32 |" in summary
    assert "tests" not in summary.partition("\n")[0]  # no step began after it
    with pytest.raises(ProcessLookupError):  # nor does one go on
        for _ in range(50):
            os.killpg(session.pid, 0)
            time.sleep(0.1)
