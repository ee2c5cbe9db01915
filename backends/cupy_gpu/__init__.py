"""The GPU backend: ``use_backend("cupy")``, and what CuPy arrays are computed with."""

from __future__ import annotations

from .backend import CupyBackend

__all__ = ["CupyBackend"]
