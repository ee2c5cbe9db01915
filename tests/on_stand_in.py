"""The GPU's kernels on the CPU, as the tests of them call them."""

from __future__ import annotations

from typing import Any

import numpy as np

from numpy_deconv.backend import NumpyBackend
from numpy_deconv.backends.cupy_gpu.stand_in import StandIn
from numpy_deconv.window import Window

REFERENCE = NumpyBackend()
PLAIN = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))


def backend(device: StandIn | None = None, **options: Any) -> Any:
    from stand_in_backend import StandInBackend

    return StandInBackend(device=device, **options)


def normal(*shape: int, dtype: Any = np.float32) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(sum(shape))
    return rng.standard_normal(shape).astype(dtype)


def error(got: Any, want: Any) -> float:
    want = want.astype(np.float64)
    return float(np.linalg.norm(got.astype(np.float64) - want) / np.linalg.norm(want))
