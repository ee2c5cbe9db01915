"""Whether CuPy can compute here, and what would help if it cannot."""

from __future__ import annotations

import warnings
from typing import Any


def missing() -> str | None:
    """What keeps CuPy from computing here and what would help; None if nothing does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CuPy's, about paths it does not find
            import cupy
    except ImportError as error:
        return (
            f"cupy is not installed ({error}): pip install 'numpy-deconv[cuda12]', or "
            "[cuda13] for a driver of CUDA 13"
        )
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"no CUDA device ({error}): it needs an NVIDIA GPU and its driver"
    if count == 0:
        return "no CUDA device: it needs an NVIDIA GPU that this process may see"
    try:
        _libraries()
    except (ImportError, RuntimeError) as error:
        return (
            f"cuBLAS or NVRTC is missing ({' '.join(str(error).split())}): pip install "
            "'numpy-deconv[cuda12]' or [cuda13], or CUDA's toolkit"
        )
    return None


def _libraries() -> tuple[Any, Any]:
    """What CuPy looks for when it is first used, which may be long after its import."""
    from cupy.cuda import cublas, nvrtc

    return cublas, nvrtc.getVersion()
