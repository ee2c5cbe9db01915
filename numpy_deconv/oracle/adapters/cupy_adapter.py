"""Kernels that take and give CuPy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...arrays import Array
from ...errors import OptionError
from .adapter import Adapter


class CupyAdapter(Adapter):
    """Arrays go to the current CUDA device and come back."""

    name = "cupy"

    def __init__(self, device: str = "") -> None:
        try:
            import cupy
        except ImportError as error:
            raise OptionError(
                "adapter='cupy' needs CuPy: pip install cupy-cuda12x (or -cuda13x)"
            ) from error
        self._cupy = cupy
        self.device = device or "0"

    def call(
        self,
        kernel: Any,
        arrays: Sequence[Array | None],
        attrs: Mapping[str, Any],
        op: str,
    ) -> Any:
        """The kernel's arrays in host memory."""
        with self._cupy.cuda.Device(int(self.device)):
            there = [None if a is None else self._cupy.asarray(a) for a in arrays]
            return self._back(kernel(*there, **attrs))

    def _back(self, found: Any) -> Any:
        if isinstance(found, tuple | list):
            return tuple(self._back(each) for each in found)
        is_array = isinstance(found, self._cupy.ndarray)
        return self._cupy.asnumpy(found) if is_array else found
