"""The compiled CPU backend: ``use_backend("numba")``.

One folder, one idea per file. Arrays are kept channels last in memory whatever their
logical shape (``layout``); weights are packed once (``packing``); every product of
matrices, and so every convolution, runs through one register tile (``microkernel``);
work is spread over a team of plain threads (``team``), and results live in recycled
memory (``arena``). Which algorithm computes which convolution is one table
(``algorithms``).
"""

from __future__ import annotations

from .backend import NumbaBackend

__all__ = ["NumbaBackend"]
