"""Checking a kernel of somebody else's: the engine behind ``oracle.check``."""

from __future__ import annotations

from .check import check
from .options import MODES, Budget
from .report import Failure, Report

__all__ = ["MODES", "Budget", "Failure", "Report", "check"]
