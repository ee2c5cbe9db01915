"""What options that are single numbers must be."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..errors import OptionError


def real(value: Any, name: str) -> float:
    """``value`` as a plain number (integers stay exact); NaN is an OptionError."""
    number = _plain(value)
    if not isinstance(number, Real) or isinstance(number, bool):
        raise OptionError(f"{name} must be a real number, got {value!r}")
    try:
        is_nan = math.isnan(number)
    except OverflowError as error:
        raise OptionError(f"{name} is beyond any float: use a smaller one") from error
    if is_nan:
        raise OptionError(f"{name} must be a number, got NaN")
    return int(number) if isinstance(number, Integral) else float(number)


def whole(value: Any, name: str, minimum: int | None = None) -> int:
    """``value`` as an int; OptionError unless it is whole and at least ``minimum``."""
    number = _plain(value)
    is_whole = isinstance(number, Integral) and not isinstance(number, bool)
    if not is_whole or (minimum is not None and number < minimum):
        least = "" if minimum is None else f" of at least {minimum}"
        raise OptionError(f"{name} must be a whole number{least}, got {value!r}")
    return int(number)


def _plain(value: Any) -> Any:
    """What a NumPy scalar or an array without axes holds."""
    if isinstance(value, np.generic | np.ndarray) and not value.shape:
        return value.item()
    return value
