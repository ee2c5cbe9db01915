"""What many timings say: a median and its quartiles, of times and of ratios."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Spread(NamedTuple):
    """Median and quartiles of a sample."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, sample: Sequence[float]) -> Spread:
        """Of one number or more; quartiles are interpolated linearly.

        >>> Spread.of([4.0, 1.0, 2.0, 3.0, 5.0])
        Spread(median=3.0, low=2.0, high=4.0)
        """
        low, median, high = np.quantile(sample, (0.25, 0.5, 0.75))
        return cls(float(median), float(low), float(high))


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> Spread:
    """How many times faster ours is: the spread of the ratios round by round.

    A neighbour on the machine slows down both halves of a round, so that the ratio
    within a round is steadier than the ratio of two medians.
    """
    return Spread.of([t / o for t, o in zip(theirs, ours, strict=True)])


def geometric_mean(ratios: Iterable[float]) -> float:
    """``exp(mean(log(ratio)))``: a factor 2 and a factor 1/2 cancel out.

    >>> geometric_mean([4.0, 1.0])
    2.0
    """
    logs = [math.log(each) for each in ratios]
    return math.exp(math.fsum(logs) / len(logs))
