"""How a legal call of each kernel is drawn: the register, and what a call carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .draw import Draw


@dataclass(frozen=True)
class Call:
    """Arguments of one kernel call, and how close the answer has to be.

    ``exact`` demands equality; else ``terms`` is how many numbers go into one result.
    """

    arguments: tuple[Any, ...]
    exact: bool = True
    terms: int = 8
    options: dict[str, Any] = field(default_factory=dict)


Make = Callable[[Draw], Call]


@dataclass(frozen=True)
class Recipe:
    """What draws a kernel's calls, and on which data the kernel is defined."""

    make: Make
    integers: bool
    specials: bool


RECIPES: dict[str, Recipe] = {}


def recipe(*, integers: bool = False, specials: bool = False) -> Callable[[Make], Make]:
    """Register the decorated function as what draws calls of the kernel it is named
    after, in integer dtypes and with NaN and infinities only if those are allowed."""

    def register(make: Make) -> Make:
        RECIPES[make.__name__] = Recipe(make, integers, specials)
        return make

    return register


def sums_exactly(draw: Draw) -> bool:
    """Whether sums of products of this data are exact in any order."""
    return draw.data in ("integers", "ties") or draw.dtype.kind in "iu"
