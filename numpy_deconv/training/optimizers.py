"""How a gradient changes a weight: SGD with momentum, Adam, AdamW, as torch has them.

An optimizer is a value. What it remembers of a weight, its slots, is kept by whoever
trains, so that a run can be written down whole and taken up again.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from ..arrays import Array, family
from ..errors import OptionError

BLOCK = 1 << 15  # numbers changed at a time: what is worked out for them stays in cache

Slots = Mapping[str, Array]  # by name, each of the weight's shape


@dataclass(frozen=True, kw_only=True)
class Optimizer(ABC):
    """What all have: ``lr``, the learning rate before its schedule, and decay.

    ``weight_decay`` times the weight is added to its gradient; for a layer or a
    parameter that is named in ``decay_of``, that number instead.
    """

    lr: float
    weight_decay: float = 0.0
    decay_of: Mapping[str, float] = field(default_factory=dict)

    slots: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "decay_of", MappingProxyType(dict(self.decay_of)))
        _at_least_0("lr", self.lr)
        for name, decay in {"weight_decay": self.weight_decay, **self.decay_of}.items():
            _at_least_0(f"weight decay {name!r}", decay)

    def decay(self, parameter: str) -> float:
        """The weight decay of ``"layer.field"``."""
        layer = parameter.rpartition(".")[0]
        usual = self.decay_of.get(layer, self.weight_decay)
        return self.decay_of.get(parameter, usual)

    def update(
        self,
        name: str,
        weight: Array,
        grad: Array,
        slots: Slots,
        rate: float,
        step: int,
    ) -> None:
        """Change ``weight``, C-contiguous, and its slots in place.

        ``rate`` is this step's learning rate, ``step`` counts the steps from 1.
        """
        flat = [a.reshape(-1) for a in (weight, grad, *map(slots.get, self.slots))]
        for part in _blocks(len(flat[0]), family(weight)):
            w, g, *rest = (a[part] for a in flat)
            self.change(w, g, rest, rate, step, self.decay(name))

    @abstractmethod
    def change(
        self,
        weight: Array,
        grad: Array,
        slots: list[Array],
        rate: float,
        step: int,
        decay: float,
    ) -> None:
        """:meth:`update` for some of the numbers; ``grad`` is only read."""


def _blocks(length: int, sort: str) -> Iterator[slice]:
    step = BLOCK if sort == "numpy" else max(1, length)  # a GPU has all in its memory
    for first in range(0, length, step):
        yield slice(first, first + step)


def _at_least_0(name: str, value: float, below: float = math.inf) -> None:
    if not 0 <= value < below:
        limit = "" if below == math.inf else f" and less than {below:g}"
        raise OptionError(f"{name} is {value}, but must be 0 or more{limit}")


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """``v = momentum * v + g``, ``w -= lr * v``; Nesterov's: ``w -= lr * (g + m*v)``.

    >>> SGD(lr=0.01, momentum=0.9, weight_decay=5e-4).slots
    ('velocity',)
    """

    momentum: float = 0.0
    nesterov: bool = False

    slots = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_0("momentum", self.momentum, below=1)
        if self.nesterov and not self.momentum:
            raise OptionError("nesterov looks ahead by the momentum, which is 0")

    def change(
        self,
        weight: Array,
        grad: Array,
        slots: list[Array],
        rate: float,
        step: int,
        decay: float,
    ) -> None:
        (velocity,) = slots
        slope = grad + decay * weight if decay else grad
        velocity *= self.momentum
        velocity += slope
        ahead = slope + self.momentum * velocity if self.nesterov else velocity
        weight -= rate * ahead


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """``w -= lr * m / (sqrt(v) + eps)``: running means of ``g`` and ``g**2``, unbiased.

    Kingma & Ba 2015, algorithm 1.
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    slots = ("mean", "square")
    decoupled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for beta in self.betas:
            _at_least_0("beta", beta, below=1)
        _at_least_0("eps", self.eps)

    def change(
        self,
        weight: Array,
        grad: Array,
        slots: list[Array],
        rate: float,
        step: int,
        decay: float,
    ) -> None:
        mean, square = slots
        first, second = self.betas
        if self.decoupled:
            weight *= 1 - rate * decay
        slope = grad if self.decoupled or not decay else grad + decay * weight
        mean += (1 - first) * (slope - mean)
        square *= second
        square += (1 - second) * (slope * slope)
        spread = np.sqrt(square) / math.sqrt(1 - second**step) + self.eps
        weight -= rate / (1 - first**step) * (mean / spread)


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam whose decay shrinks the weight itself, ``w *= 1 - lr * weight_decay``.

    Loshchilov & Hutter 2019, algorithm 2.
    """

    weight_decay: float = 1e-2

    decoupled = True
