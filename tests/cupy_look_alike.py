"""What passes for CuPy where there is no GPU: its array type, and ways in and out."""

from __future__ import annotations

from typing import Any

import numpy as np


class ndarray(np.ndarray[Any, Any]):
    """A NumPy array that claims to be CuPy's."""


ndarray.__module__ = "cupy"


def asarray(values: Any) -> ndarray:
    """Move to the "device": a copy, in the layout that CuPy keeps."""
    return np.array(values, order="K").view(ndarray)


def asnumpy(values: Any) -> np.ndarray[Any, Any]:
    """Move back."""
    return np.array(values)


def from_dlpack(value: Any) -> ndarray:
    """Import what says that it lies on a GPU."""
    return asarray(value.values)


class _Runtime:
    class CUDARuntimeError(RuntimeError):
        """What CuPy raises without a driver."""

    @staticmethod
    def getDeviceCount() -> int:
        return 0


class cuda:
    """A CUDA that has no device."""

    runtime = _Runtime
