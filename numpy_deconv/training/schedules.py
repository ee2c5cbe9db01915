"""How the learning rate changes over a run: a factor for each place in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ..errors import OptionError


class Place(NamedTuple):
    """Where a run is: step ``step`` of ``steps`` in epoch ``epoch`` of ``epochs``.

    Counted from 0.
    """

    epoch: int
    step: int
    steps: int
    epochs: int

    @property
    def iteration(self) -> int:
        """How many steps were taken before this one."""
        return self.epoch * self.steps + self.step

    @property
    def next(self) -> Place:
        """The place after this step."""
        if self.step + 1 < self.steps:
            return self._replace(step=self.step + 1)
        return self._replace(epoch=self.epoch + 1, step=0)

    @property
    def finished(self) -> bool:
        """Whether all epochs are behind."""
        return self.epoch >= self.epochs


class Schedule(Protocol):
    """What the learning rate is multiplied with at a place."""

    def __call__(self, place: Place, /) -> float: ...


@dataclass(frozen=True)
class Constant:
    """1 everywhere."""

    def __call__(self, place: Place, /) -> float:
        return 1.0


@dataclass(frozen=True)
class StepDecay:
    """``factor`` to the power of how often ``epochs`` epochs have passed.

    >>> StepDecay(10, 0.1)(Place(epoch=25, step=3, steps=67, epochs=40))
    0.010000000000000002
    """

    epochs: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.factor <= 0:
            raise OptionError(
                f"a step every {self.epochs} epochs by a factor of {self.factor} is "
                "none: epochs must be 1 or more, the factor above 0"
            )

    def __call__(self, place: Place, /) -> float:
        return self.factor ** (place.epoch // self.epochs)


@dataclass(frozen=True)
class Cosine:
    """Down half a cosine, from 1 to ``floor`` after the last step.

    Before it, over the share ``warmup`` of all steps, up a straight line from 0.
    Loshchilov & Hutter 2017, equation 5, without restarts.
    """

    floor: float = 0.0
    warmup: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.floor <= 1 and 0 <= self.warmup < 1):
            raise OptionError(
                f"floor is {self.floor} and warmup {self.warmup}, but both are shares: "
                "from 0, and warmup is less than 1"
            )

    def __call__(self, place: Place, /) -> float:
        total = place.steps * place.epochs
        rising = self.warmup * total
        if place.iteration < rising:
            return (place.iteration + 1) / (rising + 1)
        share = min(1.0, (place.iteration - rising) / (total - rising))
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * share)) / 2
