"""What of NumPy CuPy has, by name and parameter: so that a look-alike has no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_suffix(".txt")
UFUNC = ("out", "dtype", "casting")
RACING = {"bincount": "weights"}
"""Added up by atomics: other bits in every run where the weights are fractions."""

_LINE = re.compile(r"([\w.]+)(?:\((.*)\)|: \w+)$")


@lru_cache
def signatures() -> dict[str, tuple[str, ...] | None]:
    """Parameters by name; None for ufuncs and attributes."""
    found: dict[str, tuple[str, ...] | None] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        match = _LINE.match(line)
        if match:
            listed = match[2]
            found[match[1]] = None if listed is None else tuple(listed.split(", "))
    return found


def require_function(function: Callable[..., Any], args: Any, kwargs: Any) -> None:
    """Raise TypeError for a function of NumPy, or a use of it, that CuPy has not."""
    module = function.__module__.removeprefix("numpy").lstrip(".")
    require(f"{module}.{function.__name__}".lstrip("."), len(args), kwargs)


def require_ufunc(name: str, method: str, kwargs: Iterable[str]) -> None:
    """Raise TypeError for a ufunc, or a use of it, that CuPy has not."""
    if method != "__call__":
        raise TypeError(f"CuPy's {name}.{method} is missing, or atomic: do without")
    if name not in signatures() or not set(kwargs) <= set(UFUNC):
        raise TypeError(f"CuPy has no ufunc {name} with {sorted(kwargs)}")


def require(name: str, count: int, kwargs: Iterable[str]) -> None:
    """Raise TypeError unless CuPy's ``name`` takes so many arguments and these."""
    if name not in signatures():
        raise TypeError(f"CuPy has no {name}")
    parameters = signatures()[name] or ()
    open_ended = any(p.startswith("*") for p in parameters)
    if not open_ended and count > len(parameters):
        raise TypeError(f"CuPy's {name} takes {parameters}, not {count} arguments")
    unknown = set(kwargs) - set(parameters)
    if unknown and not any(p.startswith("**") for p in parameters):
        raise TypeError(f"CuPy's {name} takes no {sorted(unknown)}")
    if RACING.get(name) in {*kwargs, *parameters[:count]}:
        raise TypeError(f"CuPy's {name} adds in any order: do without")
