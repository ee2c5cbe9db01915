"""What a layer is: parameters, a forward pass, and the way back beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..arrays import Array
from ..per_axis import Sizes
from ..window import Positions, Window
from .boxes import Boxes, Indices, rows_of

Range = tuple[int, int]  # half-open, along one spatial axis
Box = tuple[Range, ...]  # one Range per spatial axis; empty for (N, features)
Reads = list[Positions]  # one per input; an axis without indices: nothing is read
Key = tuple[int, ...]  # what a step's random numbers are drawn from, none negative


class Outline(NamedTuple):
    """What is kept of an array of which only the shape is needed on the way back."""

    shape: tuple[int, ...]


class Layer(ABC):
    """One step of a net: a frozen value that holds its parameters and options.

    ``forward`` returns its output and whatever the way back needs (``saved``); nothing
    is stored in the layer, so one layer may stand in several places, and one forward
    pass serves many ways back. ``vjp`` takes one gradient per sample of the batch, or,
    after a forward pass of one sample, any number of gradients for it.
    """

    arity: ClassVar[int | None] = 1  # how many inputs it takes; None: any number
    parameters: ClassVar[tuple[str, ...]] = ()  # the fields that are learnt arrays
    outside: ClassVar[float] = 0  # what a window sees beyond the edge of the image
    #: Whether :meth:`crop` asks for nothing but the boxes' sizes, their number, and how
    #: far outputs lie from what they read: then it is asked once for all such boxes.
    crops_alike: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """A layer with a new way back has none of what was written for the old one."""
        super().__init_subclass__()
        for name, written_for_it in _COMPANIONS.items():
            old = getattr(super(cls, cls), name)
            if name in vars(cls) and old is not getattr(Layer, name):
                for companion in set(written_for_it) - set(vars(cls)):
                    setattr(cls, companion, getattr(Layer, companion))

    @abstractmethod
    def forward(self, *xs: Array) -> tuple[Array, Any]:
        """The output for these inputs, and what ``vjp`` will want to know."""

    @abstractmethod
    def vjp(self, saved: Any, gy: Array) -> tuple[Array | None, ...]:
        """One gradient per input from the output's; None for integer inputs."""

    def slim(self, saved: Any, y: Array) -> Any:
        """What of ``saved``, or ``y`` in its place, suffices for :meth:`vjp`.

        A lean run keeps no more than that; ``param_grads`` may need all of it.
        """
        return saved

    def param_grads(self, saved: Any, gy: Array) -> dict[str, Array]:
        """Gradient of each parameter by field name; apart, so as to cost nothing."""
        return {}

    def in_training(self, key: Key) -> Layer:
        """The layer as it behaves in one step of training: itself, for most.

        ``key`` is the step's and the layer's own: random numbers are drawn from it.
        """
        return self

    def statistics(self, saved: Any) -> dict[str, Array]:
        """New values of fields that training changes without a gradient.

        ``saved`` is what the layer :meth:`in_training` saved of a batch.
        """
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

    def window(self, input_size: Sizes) -> Window | None:
        """The window through which outputs read; None unless there is such a thing."""
        return None

    def take(self, saved: Any, samples: Indices) -> Any:
        """What was saved for these samples of the batch, in this order.

        Only ``vjp`` gets it, and a batch of one stands for all. ``NotImplemented``,
        the default, says that it cannot be told apart by sample.
        """
        return NotImplemented

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer | None:
        """The layer that computes the output's boxes from these windows of the inputs.

        ``inputs`` are the boxes that the output's boxes read, and the offset between
        both is the same in every row. None: there is none, so whole planes are needed.
        """
        return None

    def crop(
        self, saved: Any, inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, Any] | None:
        """A layer, and what it would have saved, whose ``vjp`` maps windows to windows.

        For signals that are 0 outside of the output's boxes. None: ``vjp`` on whole
        planes is the only way.
        """
        return None


_COMPANIONS = {
    "forward": ("on_windows",),
    "vjp": ("slim", "take", "crop"),
    "reads": ("window", "on_windows", "crop"),
    # last, as they may be among what is taken away by those above
    "on_windows": ("crops_alike",),
    "crop": ("crops_alike",),
}


class Pointwise(Layer):
    """A layer whose output depends on its one input at the same position only.

    It saves an array of its input's size, or nothing.
    """

    def take(self, saved: Any, samples: Indices) -> Any:
        return saved if saved is None else rows_of(saved, samples)

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer | None:
        return self if type(self).reads is Layer.reads else None

    def crop(
        self, saved: Any, inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, Any] | None:
        if type(self).reads is not Layer.reads:
            return None
        return self, saved if saved is None else output.cut(saved)


class ReadsAll(Layer):
    """A layer whose every output may depend on all of every input.

    Windows of the output need whole planes, so there is no such layer on windows.
    """

    on_windows = Layer.on_windows
    crop = Layer.crop

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        return [whole(each) for each in sizes]


class WithoutRule(Layer):
    """A layer on whose way down nobody published anything but the gradient.

    Methods with rules of their own refuse it, as they do the types that they name.
    """


def whole(size: Sizes) -> Positions:
    """All positions."""
    return tuple(np.arange(length) for length in size)


def by(sizes: Any) -> str:
    """``(3, 3)`` as ``3x3``; a single number as itself."""
    return "x".join(map(str, sizes)) if hasattr(sizes, "__len__") else str(sizes)
