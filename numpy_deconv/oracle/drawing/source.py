"""Where drawn choices come from: a seed, a record of an earlier drawing, Hypothesis.

Every choice has a label and is an index, of which 0 is the simplest. A record of them
by label is all that it takes to draw the same again, or something simpler.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np


class Source(Protocol):
    """Chooses an index below ``count``, and remembers under which label."""

    taken: dict[str, int]

    def index(self, label: str, count: int) -> int:
        """A number from 0 to ``count - 1``."""


class RandomSource:
    """Chooses uniformly, by a seed."""

    def __init__(self, seed: int | tuple[int, ...]) -> None:
        self.taken: dict[str, int] = {}
        self._rng = np.random.default_rng(seed)

    def index(self, label: str, count: int) -> int:
        """A number from 0 to ``count - 1``, each as likely."""
        self.taken[label] = int(self._rng.integers(count))
        return self.taken[label]


class ReplaySource:
    """Chooses what a record says, and the simplest where it says nothing."""

    def __init__(self, choices: Mapping[str, int]) -> None:
        self.taken: dict[str, int] = {}
        self._choices = choices

    def index(self, label: str, count: int) -> int:
        """The recorded number, or the largest there is now."""
        self.taken[label] = min(self._choices.get(label, 0), count - 1)
        return self.taken[label]
