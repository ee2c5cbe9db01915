"""What is measured: a case, and the candidates that may compute it.

A suite makes cases from shapes alone; arrays exist only between ``prepare`` and the
end of the case, so that a hundred cases take no more memory than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Answer = tuple[Array, ...]

EXACT = 1e-5
"""Relative L2 error that float32 sums of a few thousand products stay below."""
DECIDED = 1e-2
"""The same behind ReLUs and pools: a unit within rounding of zero, or two pixels
within rounding of each other, may be decided otherwise, which is not an error."""


@dataclass(frozen=True)
class Work:
    """Arithmetic that the definition needs, and bytes that must move at least once.

    A product and a sum are two operations. Whoever needs fewer (Winograd, cropping,
    sparsity) shows a rate above what it executes: the rate is dense-equivalent.
    """

    flops: float
    bytes: float


@dataclass(frozen=True)
class Candidate:
    """One way to compute a case.

    ``run`` is what the clock sees; ``read`` turns what it returned into the answer
    that is checked. ``team`` is who it plays for: of a team's candidates the fastest
    counts. ``share`` is the part of the case one run does: a run over 16 of 512 maps
    stands for 1/32 of the work, and its time is scaled up.
    """

    name: str
    team: str
    run: Callable[[], Any]
    read: Callable[[Any], Answer]
    share: float = 1.0


@dataclass(frozen=True)
class Prepared:
    """A case with its arrays: the truth, and everyone who wants to compute it."""

    truth: Callable[[], Answer]
    candidates: list[Candidate]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        truth: Callable[[], Answer],
        contenders: Iterable[Any],
        ask: Callable[[Any], list[Candidate]],
        notes: Iterable[str] = (),
    ) -> Prepared:
        """Ask each contender; one that fails to get ready is noted and left out."""
        found: list[Candidate] = []
        said = list(notes)
        for contender in contenders:
            try:
                found += ask(contender)
            except Exception as error:  # a rival's failure is a result, not the end
                said.append(f"{contender.team} is left out: {reason(error)}")
        return cls(truth, found, said)


@dataclass(frozen=True)
class Case:
    """One thing to compute, by name, with the work in it.

    ``group`` is what it is summarised under, ``tolerance`` the relative L2 error up to
    which a candidate counts as right.
    """

    suite: str
    group: str
    name: str
    batch: int
    work: Work
    prepare: Callable[[Iterable[Any]], Prepared]
    tolerance: float = EXACT

    @property
    def title(self) -> str:
        """The name by which ``--only`` finds it."""
        return f"{self.suite}/{self.name} batch {self.batch}"


def reason(error: Exception) -> str:
    """The first line of an error, with its type."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def draw(*shape: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Normally distributed float32 numbers."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def channels_last(x: Array) -> Array:
    """The same ``(N, C, H, W)`` values with the channels side by side in memory."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
