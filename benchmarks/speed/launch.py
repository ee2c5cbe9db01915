"""Starting the process that measures: threads and allocator are set before it runs.

glibc's malloc hands large arrays back to the system after each call and fetches fresh
pages for the next, which costs some kernels more than their arithmetic. With raised
thresholds it keeps them. That is a setting of the process, so all candidates have it.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys

from .plan import Plan

ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}
"""glibc's thresholds in bytes, above every array that is measured."""
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
PATIENCE = 10
"""Seconds that a process which was told to stop has for writing what it measured."""


def environment(plan: Plan) -> dict[str, str]:
    """What the measuring process finds in its environment beside the caller's own."""
    tuned = not plan.plain_allocator and platform.libc_ver()[0] == "glibc"
    return {
        "PYTHONDONTWRITEBYTECODE": "",  # installed packages have their byte code
        **dict.fromkeys(THREADS, str(plan.threads)),
        **(ALLOCATOR if tuned else {}),
    }


def allocator() -> str:
    """Which allocator this process has, in words."""
    name = platform.libc_ver()[0] or "the system's"
    if all(os.environ.get(key) == value for key, value in ALLOCATOR.items()):
        return f"{name}, thresholds raised"
    return f"{name}, as it comes"


def launch(plan: Plan) -> int:
    """Measure in a fresh process; its exit status.

    Ctrl-C reaches both processes: this one waits while the other saves what it has.
    """
    command = [sys.executable, "-P", "-m", "numpy_deconv.benchmarks", plan.to_json()]
    process = subprocess.Popen(command, env={**os.environ, **environment(plan)})
    try:
        return process.wait()
    except KeyboardInterrupt:
        return _wait(process)
    finally:
        if process.poll() is None:
            process.terminate()
            _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
