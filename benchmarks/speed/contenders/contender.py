"""What every contender may compute; what it cannot, it offers no candidates for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from numpy_deconv.layers import Conv
from numpy_deconv.net import Graph

from ..case import Answer, Array, Candidate

Place = tuple[int, ...]  # of a unit: (map, row, column)


class Pooled(NamedTuple):
    """A pool to take back: its values and switches, and the size it pooled."""

    y: Array
    switches: Array
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    size: tuple[int, ...]


class Chosen(NamedTuple):
    """Units to project, by sample, and how many the whole case has."""

    places: Sequence[Sequence[Place]]
    total: int


class Climb(NamedTuple):
    """A class visualisation: a picture to start from, a class, and how to climb.

    Each step adds ``rate`` times the gradient of ``score - l2*||x||**2``.
    """

    x: Array
    target: int
    steps: int
    rate: float
    l2: float


class Squares(NamedTuple):
    """An occlusion: where the square's corner goes, its side, and what it shows.

    The corners are all that a step of ``stride`` pixels reaches, in any order; answers
    follow it.
    """

    corners: Sequence[tuple[int, int]]
    side: int
    stride: int
    value: float
    target: int


class Errand(NamedTuple):
    """Files from which a fresh process makes a saliency picture; ours to write in."""

    folder: Path
    npz: Path
    weights: Mapping[str, Array]
    picture: Path
    target: int


def process(*words: str | Path) -> None:
    """Run Python on these words; raises CalledProcessError with what it said last."""
    command = [sys.executable, "-P", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True, text=True)


def colours(path: Path) -> Answer:
    """A picture's pixels as an answer."""
    from PIL import Image

    return (np.asarray(Image.open(path), np.float64),)


def single(result: Any) -> Answer:
    """One array as an answer."""
    return (result,)


class Contender:
    """Computes with one backend or framework; a method per kind of case.

    Each gives the candidates that are worth timing: layouts, batches, compiled or not.
    ``team`` is the name under which the fastest of them counts.
    """

    team: str

    def versions(self) -> dict[str, str]:
        """Names and versions of the packages that compute."""
        return {}

    def notes(self) -> list[str]:
        """What of it was left out, and why, in sentences."""
        return []

    def layer(self, net: Graph, x: Array) -> list[Candidate]:
        """A net of one layer. Answer: its output, or a pool's and ``x`` at switches."""
        return []

    def input_grad(
        self, conv: Conv, grad: Array, size: tuple[int, ...]
    ) -> list[Candidate]:
        """The adjoint of a convolution in its input, without bias."""
        return []

    def unpool(self, pooled: Pooled) -> list[Candidate]:
        """Values at their switches, zeros elsewhere; the last in raster order wins."""
        return []

    def forward(self, net: Graph, x: Array, *, switches: bool) -> list[Candidate]:
        """A whole net: its output; with ``switches``, every pool's are kept."""
        return []

    def saliency(self, net: Graph, x: Array, target: int) -> list[Candidate]:
        """Largest absolute gradient of a class score over the channels."""
        return []

    def project(
        self, net: Graph, xs: Array, layer: str, chosen: Chosen
    ) -> list[Candidate]:
        """Deconvnet pixels of units by sample, given the forward run (not timed).

        Answer: the pixels of the first :data:`CHECKED` units of the first sample.
        """
        return []

    def occlude(self, net: Graph, x: Array, squares: Squares) -> list[Candidate]:
        """Score of the target behind each square. Answer: the first CHECKED scores."""
        return []

    def climb(self, net: Graph, climb: Climb) -> list[Candidate]:
        """Some steps of class visualisation. Answer: the picture."""
        return []

    def errand(self, errand: Errand) -> list[Candidate]:
        """A fresh process from files to a saved picture. Answer: its pixels."""
        return []

    def importing(self) -> list[Candidate]:
        """A fresh process that is ready to compute. Answer: a zero."""
        return []


CHECKED = 4
"""Units of a projection whose pixels are compared with the reference."""
