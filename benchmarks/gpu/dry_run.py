"""The benchmark without a card: the stand-in for CUDA, PyTorch on the CPU, tiny shapes.

For seeing that every case runs and agrees before a card's time is spent on it; the
times it prints mean nothing. As a plugin of pytest (``-p dry_run``) it lets the GPU's
tests run where there is none.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

TESTS = Path(__file__).resolve().parents[2] / "tests"


class _Event:
    def record(self) -> None:
        """Now."""
        self.at = time.perf_counter()

    def synchronize(self) -> None:
        """Nothing runs ahead here."""


def _elapsed(begin: _Event, end: _Event) -> float:
    return (end.at - begin.at) * 1e3


def pytest_configure() -> None:
    """Before the tests are collected."""
    install()


def install() -> None:
    """Put CuPy's look-alike in its place, and shrink what is measured."""
    sys.path.insert(0, str(TESTS))
    import case
    import ceilings
    import clock
    import strict_cupy
    import torch

    from numpy_deconv.backends.cupy_gpu import backend, device

    class Runtime(strict_cupy._Runtime):
        deviceSynchronize = driverGetVersion = runtimeGetVersion = getDevice = (
            staticmethod(lambda: 0)
        )

        @staticmethod
        def getDeviceProperties(_: int) -> dict[str, Any]:
            return {"name": b"dry run", "multiProcessorCount": 4, "totalGlobalMem": 0}

    module: Any = strict_cupy.LookAlike("cupy")
    more = {"runtime": Runtime, "Event": _Event, "get_elapsed_time": _elapsed}
    module.cuda = SimpleNamespace(**{**vars(module.cuda), **more})
    module.from_dlpack = lambda tensor: strict_cupy.ndarray(tensor.numpy())
    sys.modules["cupy"] = module
    array: Any = strict_cupy.ndarray
    array.__dlpack__ = lambda self, **options: self._host.__dlpack__(**options)
    array.__dlpack_device__ = lambda self: self._host.__dlpack_device__()
    for place in (backend, device):
        there: Any = place
        there.CudaDevice = strict_cupy.LookAlikeDevice
    unhindered: Any = backend
    unhindered.missing = lambda: None
    torch.cuda.empty_cache = lambda: None
    clock.SAMPLES, clock.WARM_UPS, clock.LEAST, clock.MOST_CALLS = 2, 0, 0.01, 1
    ceilings.SIDE, ceilings.COPIED = 64, 1 << 16
    case.DEVICE, case.ROTATED, case.SHRUNK = "cpu", 1, True
