"""What is climbed instead of pixels: spectra, decorrelated colours, logits.

A parametrisation is a row of stages from parameters to a picture. Each stage has its
pull-back for gradients and, to start from a given picture, its inverse. Climbing the
same hill in other coordinates changes which way is steepest (Olah et al. 2017,
"preconditioning").
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...arrays import Array
from .space import Space

Pullback = Callable[[Array], Array]

LUCID_COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
"""Square root of the colour covariance of ImageNet's pixels, as Lucid has it; red,
green and blue by rows."""


class Stage(ABC):
    """One change of coordinates, parameters to picture."""

    def params_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the parameters of ``(N, C, *size)``."""
        return shape

    @abstractmethod
    def decode(self, params: Array, space: Space) -> tuple[Array, Pullback]:
        """The picture, and the map from its gradient to the parameters'."""

    @abstractmethod
    def encode(self, picture: Array, space: Space) -> Array:
        """The parameters of a picture."""


@dataclass(frozen=True)
class Spectrum(Stage):
    """Fourier coefficients, scaled by one over their frequency to ``power``.

    Parameters ``(2, N, C, *frequencies)``, real and imaginary parts of what ``irfftn``
    takes. As in Lucid the lowest frequency is taken for ``1/max(size)``, and the
    picture divided by 4.
    """

    power: float = 1.0

    DIVISOR = 4.0

    def params_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (2, *shape[:-1], shape[-1] // 2 + 1)

    def decode(self, params: Array, space: Space) -> tuple[Array, Pullback]:
        size, axes = space.size, tuple(range(2, params.ndim - 1))
        gains = self._gains(size, params)
        spectrum = gains * (params[0] + 1j * params[1])
        picture = np.fft.irfftn(spectrum, size, axes).astype(params.dtype)

        def pullback(gradient: Array) -> Array:
            # every frequency but the first and the last stands for its mirror image too
            twice = np.full(size[-1] // 2 + 1, 2.0)
            twice[0] = 1
            if size[-1] % 2 == 0:
                twice[-1] = 1
            share = np.asarray(twice / np.prod(size), dtype=params.dtype, like=params)
            back = np.fft.rfftn(gradient, size, axes) * (gains * share)
            return np.stack([back.real, back.imag]).astype(gradient.dtype)

        return picture, pullback

    def encode(self, picture: Array, space: Space) -> Array:
        axes = tuple(range(2, picture.ndim))
        gains = self._gains(space.size, picture)
        spectrum = np.fft.rfftn(picture, space.size, axes) / gains
        return np.stack([spectrum.real, spectrum.imag]).astype(picture.dtype)

    def _gains(self, size: tuple[int, ...], like: Array) -> Array:
        """Of each frequency, ``(*size[:-1], size[-1]//2 + 1)``, an array like that."""
        along = [np.fft.fftfreq(length) for length in size]
        along[-1] = along[-1][: size[-1] // 2 + 1]
        grids = np.meshgrid(*along, indexing="ij")
        frequency = np.sqrt(sum(grid * grid for grid in grids))
        lowest = 1 / max(size)
        gains = np.sqrt(np.prod(size)) / np.maximum(frequency, lowest) ** self.power
        return np.asarray(gains / self.DIVISOR, dtype=like.dtype, like=like)


@dataclass(frozen=True)
class DecorrelatedColours(Stage):
    """Three channels along the principal colours of photographs, the main one first.

    Any other number of channels is left as it is.
    """

    colours: tuple[tuple[float, ...], ...] = LUCID_COLOURS

    def decode(self, params: Array, space: Space) -> tuple[Array, Pullback]:
        matrix = self._matrix(params, space)
        if matrix is None:
            return params, lambda gradient: gradient
        return _mixed(matrix, params), lambda gradient: _mixed(matrix.T, gradient)

    def encode(self, picture: Array, space: Space) -> Array:
        matrix = self._matrix(picture, space)
        return picture if matrix is None else _mixed(np.linalg.inv(matrix), picture)

    def _matrix(self, like: Array, space: Space) -> Array | None:
        if space.channels != 3:
            return None
        matrix = np.asarray(self.colours, dtype=like.dtype, like=like)
        matrix = matrix / np.sqrt((matrix * matrix).sum(axis=0)).max()
        return matrix[::-1] if space.reversed else matrix


@dataclass(frozen=True)
class Squash(Stage):
    """The sigmoid: any number becomes one between 0 and 1."""

    EDGE = 1e-4  # black and white themselves would lie infinitely far out

    def decode(self, params: Array, space: Space) -> tuple[Array, Pullback]:
        picture = 1 / (1 + np.exp(-np.clip(params, -50, 50)))
        return picture, lambda gradient: gradient * picture * (1 - picture)

    def encode(self, picture: Array, space: Space) -> Array:
        inside = np.clip(picture, self.EDGE, 1 - self.EDGE)
        return np.log(inside / (1 - inside))


def _mixed(matrix: Array, x: Array) -> Array:
    """``matrix (K, C)`` applied to the channels of ``x (N, C, *size)``."""
    return np.moveaxis(np.moveaxis(x, 1, -1) @ matrix.T, -1, 1)


Parametrisation = tuple[Stage, ...]  # none: the pixels themselves


def params_shape(stages: Parametrisation, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what is climbed for pictures ``(N, C, *size)``."""
    for stage in reversed(stages):
        shape = stage.params_shape(shape)
    return shape


def decode(
    stages: Parametrisation, params: Array, space: Space
) -> tuple[Array, Pullback]:
    """The picture of these parameters, and the map from its gradient to theirs."""
    pullbacks: list[Pullback] = []
    for stage in stages:
        params, pullback = stage.decode(params, space)
        pullbacks.append(pullback)

    def back(gradient: Array) -> Array:
        for pullback in reversed(pullbacks):
            gradient = pullback(gradient)
        return gradient

    return params, back


def encode(stages: Parametrisation, picture: Array, space: Space) -> Array:
    """The parameters of a picture."""
    for stage in reversed(stages):
        picture = stage.encode(picture, space)
    return picture
