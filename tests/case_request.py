"""What every drawn case starts from: values, sizes, and how options are spelt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

Array = npt.NDArray[Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]
Drawn = tuple[tuple[Array, ...], dict[str, Any]]

SMALL = {1: (1, 2, 3, 4), 2: (1, 2, 3, 4), 3: (1, 2, 3)}
AWKWARD = {1: (5, 7, 8, 9, 15, 16, 17, 31, 33), 2: (5, 6, 7, 8, 9, 17), 3: (4, 5)}


def values(
    rng: np.random.Generator, shape: tuple[int, ...], kind: str, dtype: npt.DTypeLike
) -> Array:
    """Random data of one kind: integers (never 0), normal, ties or specials.

    All but normals are exact in every dtype, integers included.
    """
    dtype = np.dtype(dtype)
    if kind == "normal":
        return np.asarray(rng.normal(size=shape)).astype(dtype)
    if kind == "ties":
        ties = rng.integers(0, 2, shape) * rng.integers(0, 3, shape)
        return np.asarray(ties).astype(dtype)
    sign = 1 if dtype.kind == "u" else rng.choice([-1, 1], shape)
    data = np.asarray(rng.integers(1, 5, shape) * sign).astype(dtype)
    if kind != "specials":
        return data
    if dtype.kind == "f":
        top = np.finfo(dtype).max
        odd = np.array([np.nan, -np.inf, -np.inf, np.inf, 0.0, -0.0, top, -top], dtype)
    else:
        odd = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max], dtype)
    return np.asarray(np.where(rng.random(shape) < 0.6, rng.choice(odd, shape), data))


@dataclass(frozen=True)
class Request:
    """What a strategy was asked for, with the draws that every function shares."""

    draw: Draw
    dtype: np.dtype[Any]
    torch_legal: bool
    kind: str
    seed: int

    def pick(self, *choices: Any) -> Any:
        """One of ``choices``; the first is the simplest."""
        return self.draw(st.sampled_from(choices))

    def random(self, salt: int) -> np.random.Generator:
        """A generator of its own for each array of a case."""
        return np.random.default_rng([self.seed, 2, salt])

    def array(self, salt: int, *shape: int) -> Array:
        """Data of the requested kind."""
        return values(self.random(salt), shape, self.kind, self.dtype)

    def rank(self) -> int:
        """A spatial rank."""
        return int(self.pick(2, 1, 3))

    def sizes(self, rank: int) -> tuple[int, ...]:
        """Spatial sizes, mostly small; at most one axis is awkward."""
        sizes = [self.pick(*SMALL[rank]) for _ in range(rank)]
        if self.pick(False, True):
            sizes[self.pick(*range(rank))] = self.pick(*AWKWARD[rank])
        return tuple(sizes)

    def batch(self) -> int:
        """A batch size, now and then 0."""
        return int(self.pick(1, 2, 3, 1, 2, 3, 2, 0))

    def x(self, sizes: tuple[int, ...] | None = None) -> Array:
        """An input ``(N, C, *sizes)``."""
        sizes = self.sizes(self.rank()) if sizes is None else sizes
        return self.array(0, self.batch(), self.pick(1, 2, 3), *sizes)

    def spelt(self, numbers: tuple[Any, ...]) -> Any:
        """``numbers``, one per axis, or a single one where that says the same."""
        if len(set(numbers)) == 1 and self.pick(False, True):
            return numbers[0]
        return numbers


Maker = Callable[[Request], Drawn]
MAKERS: dict[str, Maker] = {}


def maker(function: Maker) -> Maker:
    """Register what draws the arguments of the array function of that name."""
    MAKERS[function.__name__] = function
    return function
