"""The same ``.cu`` files on a CPU, through a C++ compiler: for tests without a GPU."""

from __future__ import annotations

from .device import StandIn, compiler

__all__ = ["StandIn", "compiler"]
