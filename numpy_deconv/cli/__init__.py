"""The command line: ``numpy-deconv``, or ``python -m numpy_deconv``."""

from __future__ import annotations

from .app import app, main

__all__ = ["app", "main"]
