"""What a layer is: parameters, a forward pass, and the way back beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from ..arrays import Array
from ..per_axis import Sizes
from ..window import Positions

Range = tuple[int, int]  # half-open, along one spatial axis
Box = tuple[Range, ...]  # one Range per spatial axis; empty for (N, features)
Reads = list[Positions]  # one per input; an axis without indices: nothing is read


class Layer(ABC):
    """One step of a net: a frozen value that holds its parameters and options.

    ``forward`` returns its output and whatever the way back needs (``saved``); nothing
    is stored in the layer, so one layer may stand in several places, and one forward
    pass serves many ways back. ``vjp`` takes one gradient per sample of the batch, or,
    after a forward pass of one sample, any number of gradients for it.
    """

    arity: ClassVar[int | None] = 1  # how many inputs it takes; None: any number
    parameters: ClassVar[tuple[str, ...]] = ()  # the fields that are learnt arrays

    @abstractmethod
    def forward(self, *xs: Array) -> tuple[Array, Any]:
        """The output for these inputs, and what ``vjp`` will want to know."""

    @abstractmethod
    def vjp(self, saved: Any, gy: Array) -> tuple[Array | None, ...]:
        """One gradient per input from the output's; None for integer inputs."""

    def param_grads(self, saved: Any, gy: Array) -> dict[str, Array]:
        """Gradient of each parameter by field name; apart, so as to cost nothing."""
        return {}

    @property
    def params(self) -> dict[str, Array]:
        """The learnt arrays of this layer, by field name."""
        values = {name: getattr(self, name) for name in self.parameters}
        return {name: v for name, v in values.items() if v is not None}

    def describe(self) -> str:
        """The layer in a few words, for messages and listings."""
        return type(self).__name__

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        """Which positions of each input the outputs at these positions depend on.

        ``sizes`` are the spatial sizes of the inputs, ``size`` the output's. The
        default is an elementwise layer's, inputs of size 1 being broadcast.
        """
        return [
            tuple(
                p[:1] * 0 if length == 1 else p
                for p, length in zip(at, each, strict=True)
            )
            for each in sizes
        ]


def whole(size: Sizes) -> Positions:
    """All positions."""
    return tuple(np.arange(length) for length in size)


def by(sizes: Any) -> str:
    """``(3, 3)`` as ``3x3``; a single number as itself."""
    return "x".join(map(str, sizes)) if hasattr(sizes, "__len__") else str(sizes)
