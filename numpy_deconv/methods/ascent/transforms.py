"""What happens to a picture at random before the net sees it, so that the net's
answer does not hang on single pixels.

Each transformation is drawn anew every step, and is affine: ``apply`` it on the way to
the net, its exact ``adjoint`` (of the linear part) on the gradient's way back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from ...arrays import Array
from ...errors import OptionError, ShapeError
from ...functional import pad, vjp
from ...functional.options import real, whole
from ...per_axis import Sizes
from .resampling import Rotation, along_axes, interpolation

Rng = np.random.Generator


class Drawn(NamedTuple):
    """One transformation with its random numbers drawn; ``size`` is what comes out."""

    size: Sizes
    apply: Callable[[Array], Array]
    adjoint: Callable[[Array], Array]


class Transform(ABC):
    """A family of transformations of pictures ``(N, C, *size)``."""

    @abstractmethod
    def draw(self, size: Sizes, rng: Rng) -> Drawn:
        """One of them, for pictures of this spatial size."""


@dataclass(frozen=True)
class Roll(Transform):
    """Shift each axis by up to ``pixels``, what leaves on one side entering opposite.

    From 0 to ``pixels``, as cs231n; ``both_ways``, from minus to plus (DeepDream).
    """

    pixels: int
    both_ways: bool = False

    def __post_init__(self) -> None:
        whole(self.pixels, "pixels of Roll (jitter)", 0)

    def draw(self, size: Sizes, rng: Rng) -> Drawn:
        least = -self.pixels if self.both_ways else 0
        shift = rng.integers(least, self.pixels + 1, len(size)).tolist()
        axes = tuple(range(2, 2 + len(size)))
        back = [-step for step in shift]
        return Drawn(
            size, lambda x: np.roll(x, shift, axes), lambda g: np.roll(g, back, axes)
        )


@dataclass(frozen=True)
class Jitter(Transform):
    """Cut out a window ``pixels`` smaller along each axis, at random (Lucid)."""

    pixels: int

    def __post_init__(self) -> None:
        whole(self.pixels, "pixels of Jitter", 0)

    def draw(self, size: Sizes, rng: Rng) -> Drawn:
        if min(size) <= self.pixels:
            raise ShapeError(
                f"Jitter({self.pixels}) leaves nothing of a picture of {size}: use less"
            )
        begins = rng.integers(0, self.pixels + 1, len(size)).tolist()
        ends = [self.pixels - begin for begin in begins]
        window = tuple(
            slice(begin, length - end)
            for begin, end, length in zip(begins, ends, size, strict=True)
        )
        widths = ((0, 0), (0, 0), *zip(begins, ends, strict=True))
        smaller = tuple(length - self.pixels for length in size)
        return Drawn(smaller, lambda x: x[(..., *window)], lambda g: np.pad(g, widths))


@dataclass(frozen=True)
class Pad(Transform):
    """Surround the picture by ``pixels`` of ``value``, or by its mirror image.

    ``mode`` is one of :func:`numpy_deconv.pad`.
    """

    pixels: int
    value: float = 0.5
    mode: str = "constant"

    def __post_init__(self) -> None:
        whole(self.pixels, "pixels of Pad", 0)

    def draw(self, size: Sizes, rng: Rng) -> Drawn:
        inner = tuple(slice(self.pixels, self.pixels + length) for length in size)
        options: dict[str, Any] = {
            "padding": self.pixels,
            "mode": self.mode,
            "value": self.value,
        }

        def adjoint(g: Array) -> Array:
            if self.mode == "constant":
                return g[(..., *inner)]
            return vjp(pad, g[(..., *inner)], **options)[1](g)[0]

        larger = tuple(length + 2 * self.pixels for length in size)
        return Drawn(larger, lambda x: pad(x, **options), adjoint)


@dataclass(frozen=True)
class Scale(Transform):
    """Resize by one of ``factors``, interpolating linearly."""

    factors: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.factors or not all(0 < f < np.inf for f in self.factors):
            raise OptionError(
                f"factors of Scale must be positive numbers, got {self.factors}"
            )

    def draw(self, size: Sizes, rng: Rng) -> Drawn:
        factor = self.factors[int(rng.integers(len(self.factors)))]
        return _resize(size, tuple(max(1, int(factor * length)) for length in size))


@dataclass(frozen=True)
class Rotate(Transform):
    """Turn by one of ``degrees``; ``between`` draws evenly between the two instead.

    ``edge`` is ``"zero"``, or ``"symmetric"`` for the picture mirrored at its edges.
    """

    degrees: tuple[float, ...]
    between: bool = False
    edge: Literal["zero", "symmetric"] = "zero"

    def __post_init__(self) -> None:
        fits = len(self.degrees) == 2 if self.between else len(self.degrees) > 0
        if not fits or not all(np.isfinite(real(d, "degrees")) for d in self.degrees):
            raise OptionError(
                "degrees of Rotate must be numbers to choose from, or the two to draw "
                f"between, got {self.degrees}"
            )

    def draw(self, size: Sizes, rng: Rng) -> Drawn:
        if self.between:
            low, high = self.degrees
            degrees = float(rng.uniform(low, high))
        else:
            degrees = self.degrees[int(rng.integers(len(self.degrees)))]
        rotation = Rotation.of(size, degrees, self.edge)
        return Drawn(size, rotation.apply, rotation.adjoint)


@dataclass(frozen=True)
class Fit(Transform):
    """Resize to ``size``, for nets that take only that; ``None``: to the picture's."""

    size: Sizes | None = None

    def draw(self, size: Sizes, rng: Rng) -> Drawn:
        return _resize(size, self.size or size)


def _resize(size: Sizes, out: Sizes) -> Drawn:
    if out == size:
        return Drawn(out, lambda x: x, lambda g: g)
    matrices = [interpolation(i, o) for i, o in zip(size, out, strict=True)]
    transposed = [matrix.T for matrix in matrices]
    return Drawn(
        out, lambda x: along_axes(x, matrices), lambda g: along_axes(g, transposed)
    )


def drawn(transforms: tuple[Transform, ...], size: Sizes, rng: Rng) -> Drawn:
    """All of them in a row, for pictures of this size; ``Fit()`` goes back to it."""
    steps: list[Drawn] = []
    now = size
    for transform in transforms:
        back = isinstance(transform, Fit) and transform.size is None
        steps.append((Fit(size) if back else transform).draw(now, rng))
        now = steps[-1].size

    def apply(x: Array) -> Array:
        for step in steps:
            x = step.apply(x)
        return x

    def adjoint(g: Array) -> Array:
        for step in reversed(steps):
            g = step.adjoint(g)
        return g

    return Drawn(now, apply, adjoint)
