"""The CuPy backend's own kernels and Python, on the CPU and on NumPy arrays."""

from __future__ import annotations

from typing import Any

from numpy_deconv.backends.cupy_gpu import CupyBackend
from numpy_deconv.backends.cupy_gpu.stand_in import StandIn, compiler


class StandInBackend(CupyBackend):
    """What runs on a GPU, run by a C++ compiler's code; options as CupyBackend's."""

    name = "cupy-stand-in"
    family = "numpy"

    def __init__(self, *, device: StandIn | None = None, **options: Any):
        super().__init__(device=device or StandIn(), **options)

    @classmethod
    def missing(cls) -> str | None:
        return None if compiler() else "no C++ compiler: install g++ or clang++"
