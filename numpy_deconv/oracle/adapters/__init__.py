"""How a kernel is called that does not take NumPy arrays."""

from __future__ import annotations

from .adapter import Adapter, NumpyAdapter, adapter_of

__all__ = ["Adapter", "NumpyAdapter", "adapter_of"]
