"""What a file of weights gives: arrays, how they lie, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

Layout = Literal["torch", "paddle", "keras"]
"""Whose habits the arrays follow.

``"torch"``: convolutions (out, in, height, width), linear layers (out, in).
``"paddle"``: the same, but linear layers (in, out). ``"keras"``: convolutions (height,
width, in, out), linear layers (in, out), the planes before them flattened channels
last.
"""


@dataclass(frozen=True)
class WeightFile:
    """``arrays`` by name, as they lie in the file and in its order.

    ``left_out`` names what else the file holds.
    """

    arrays: Mapping[str, NDArray[Any]]
    layout: Layout = "torch"
    left_out: tuple[str, ...] = ()
