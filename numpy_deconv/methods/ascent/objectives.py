"""What to climb: numbers made of a net's activations, and their gradients.

Objectives add, subtract and scale::

    Channel("relu3", 7) - 0.5 * Channel("relu3", 9) + 2 * ClassScore(3)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import NetError, ShapeError
from ...functional.options import whole
from ...net import Graph
from ..subject import place_of, score_layer, seed_signal, targets_for

Activations = Mapping[str, Array]


class Objective(ABC):
    """One number per sample, as a function of the activations of some layers."""

    @property
    @abstractmethod
    def layers(self) -> tuple[str, ...]:
        """The layers it looks at, each once."""

    @abstractmethod
    def on(self, net: Graph) -> Objective:
        """The same for this net; raises NetError if it lacks the layers."""

    @abstractmethod
    def measure(self, activations: Activations) -> tuple[Array, dict[str, Array]]:
        """Its value ``(N,)``, and its gradient with respect to each activation."""

    def __add__(self, other: Any) -> Objective:
        if not isinstance(other, Objective):
            return NotImplemented
        return Combination((*_terms(self), *_terms(other)))

    def __mul__(self, factor: Any) -> Objective:
        if not isinstance(factor, Real):
            return NotImplemented
        return Combination(
            tuple((float(factor) * weight, each) for weight, each in _terms(self))
        )

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Objective:
        return self * (1 / divisor)

    def __neg__(self) -> Objective:
        return self * -1

    def __sub__(self, other: Any) -> Objective:
        if not isinstance(other, Objective):
            return NotImplemented
        return self + -other


@dataclass(frozen=True)
class Combination(Objective):
    """A weighted sum of objectives."""

    terms: tuple[tuple[float, Objective], ...]

    @property
    def layers(self) -> tuple[str, ...]:
        names = (name for _, each in self.terms for name in each.layers)
        return tuple(dict.fromkeys(names))

    def on(self, net: Graph) -> Objective:
        return Combination(tuple((weight, each.on(net)) for weight, each in self.terms))

    def measure(self, activations: Activations) -> tuple[Array, dict[str, Array]]:
        total: Any = 0
        signals: dict[str, Any] = dict.fromkeys(self.layers, 0)
        for weight, each in self.terms:
            value, gradients = each.measure(activations)
            total = total + weight * value
            for name, gradient in gradients.items():
                signals[name] = signals[name] + weight * gradient
        return total, signals

    def __repr__(self) -> str:
        return " + ".join(
            repr(each) if weight == 1 else f"{weight:g} * {each!r}"
            for weight, each in self.terms
        )


def _terms(objective: Objective) -> tuple[tuple[float, Objective], ...]:
    if isinstance(objective, Combination):
        return objective.terms
    return ((1.0, objective),)


class OfLayer(Objective):
    """An objective that looks at one ``layer``."""

    layer: str | None

    @property
    def layers(self) -> tuple[str, ...]:
        if self.layer is None:
            raise NetError(f"{self!r} does not know its layer: call .on(net) first")
        return (self.layer,)

    def on(self, net: Graph) -> Objective:
        net.require(*self.layers)
        return self

    def measure(self, activations: Activations) -> tuple[Array, dict[str, Array]]:
        (name,) = self.layers
        value, signal = self.of(activations[name])
        return value, {name: signal}

    @abstractmethod
    def of(self, maps: Array) -> tuple[Array, Array]:
        """Value ``(N,)`` and gradient for the layer's activation ``(N, C, *size)``."""


@dataclass(frozen=True)
class ClassScore(OfLayer):
    """The score of a class before the softmax, summed over positions if it has any.

    Simonyan et al. 2013, section 2: not the probability, which also rises by making
    the other classes less likely.
    """

    target: int
    layer: str | None = None

    def on(self, net: Graph) -> Objective:
        return replace(self, layer=self.layer or score_layer(net))

    def of(self, maps: Array) -> tuple[Array, Array]:
        scores = maps.reshape(*maps.shape[:2], -1).sum(axis=2)
        targets = targets_for(self.target, scores)
        return scores[:, self.target], seed_signal(maps, targets)


@dataclass(frozen=True)
class Channel(OfLayer):
    """The mean of one map of a layer (Lucid); of a linear layer, one unit."""

    layer: str
    index: int

    def of(self, maps: Array) -> tuple[Array, Array]:
        count = maps.shape[1]
        if not 0 <= whole(self.index, "channel") < count:
            raise NetError(
                f"{self.layer!r} has no map {self.index}: it has maps 0 to {count - 1}"
            )
        signal = np.zeros_like(maps)
        each = int(np.prod(maps.shape[2:]))
        signal[:, self.index] = 1 / each
        return maps[:, self.index].reshape(len(maps), -1).mean(axis=1), signal


@dataclass(frozen=True)
class Neuron(OfLayer):
    """One unit of a layer: a map at a position, the middle one if none is given.

    Of an even number of positions the middle one is the later of two, as Lucid's.
    """

    layer: str
    index: int
    position: tuple[int, ...] | None = None

    def of(self, maps: Array) -> tuple[Array, Array]:
        position = self.position
        if position is None:
            position = tuple(length // 2 for length in maps.shape[2:])
        place = place_of((self.index, *position), self.layer, maps.shape[1:])
        signal = np.zeros_like(maps)
        signal[(slice(None), *place)] = 1
        return maps[(slice(None), *place)], signal


@dataclass(frozen=True, eq=False)
class Direction(OfLayer):
    """How far a layer's activations point along ``vector (C,)``, mean over positions.

    The dot product times ``max(0.1, cosine)**cosine_power`` (Lucid's
    ``direction``); ``position`` looks at one place only.
    """

    layer: str
    vector: Array = field(repr=False)
    cosine_power: float = 0
    position: tuple[int, ...] | None = None

    EPS = 1e-4
    FLOOR = 0.1

    def of(self, maps: Array) -> tuple[Array, Array]:
        vector = np.asarray(self.vector, dtype=maps.dtype, like=maps)
        if vector.shape != maps.shape[1:2]:
            raise ShapeError(
                f"the direction has shape {vector.shape}, but {self.layer!r} has "
                f"{maps.shape[1]} maps: give ({maps.shape[1]},)"
            )
        along = vector.reshape(1, -1, *(1,) * (maps.ndim - 2))
        share = self._shares(maps)
        dots = (maps * along).sum(axis=1, keepdims=True)
        lengths = np.sqrt((maps * maps).sum(axis=1, keepdims=True))
        inner = self.EPS + lengths
        outer = self.EPS + np.sqrt((vector * vector).sum())
        cosines = dots / inner / outer
        floored = np.maximum(cosines, self.FLOOR)
        factor = floored**self.cosine_power
        signal = factor * along
        if self.cosine_power:
            slope = self.cosine_power * floored ** (self.cosine_power - 1)
            slope = np.where(cosines > self.FLOOR, slope, 0) * dots
            units = maps / np.where(lengths > 0, lengths, 1)
            signal = signal + slope * (along - dots / inner * units) / (inner * outer)
        values = (dots * factor * share).reshape(len(maps), -1).sum(axis=1)
        return values, signal * share

    def _shares(self, maps: Array) -> Array:
        """The weight of each position: all alike, or only the one asked for."""
        size = maps.shape[2:]
        shares = np.zeros_like(maps, shape=(1, 1, *size))
        if self.position is None:
            shares += 1 / int(np.prod(size))
        else:
            place = place_of((0, *self.position), self.layer, (1, *size))
            shares[(0, *place)] = 1
        return shares


@dataclass(frozen=True)
class LayerEnergy(OfLayer):
    """Half the squared norm of a whole layer, whose gradient is the layer itself.

    DeepDream (Mordvintsev et al. 2015): whatever the layer sees, more of it.
    """

    layer: str

    def of(self, maps: Array) -> tuple[Array, Array]:
        return 0.5 * (maps * maps).reshape(len(maps), -1).sum(axis=1), maps
