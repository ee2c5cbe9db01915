"""The suites: each a function that gives its cases, from shapes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..case import Case
from . import layers, methods, nets, projection, startup

SUITES: dict[str, Callable[[], Iterator[Case]]] = {
    "layers": layers.cases,
    "nets": nets.cases,
    "projection": projection.cases,
    "methods": methods.cases,
    "startup": startup.cases,
}
"""What ``--suite`` may name."""

__all__ = ["SUITES"]
