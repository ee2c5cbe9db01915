"""Unpooling by switches."""

from __future__ import annotations

from typing import Any

from ..arrays import Array, as_array, spatial
from ..errors import DTypeError, OptionError, ShapeError
from ..per_axis import Sizes, per_axis
from ..reference.switches import OVERLAPS
from ..registry import current
from .differentiation import Pullback, pullback_of
from .remembering import remembered


def max_unpool(
    y: Any, switches: Any, output_size: Any, *, overlap: str = "assign"
) -> Array:
    """Put pooled values back at their switches, zeros elsewhere.

    y and switches are ``(N, C, *pooled)``, the result is ``(N, C, *output_size)``.
    Where windows overlapped, several values may share a switch: ``overlap`` keeps the
    last in C order (``"assign"``, torch's meaning made deterministic), adds them
    (``"sum"``, the adjoint of the gather), or takes their ``"max"``, ``"mean"`` or
    ``"first"``. Raises ShapeError for a switch outside the plane; nothing is written.

    >>> import numpy as np
    >>> max_unpool(np.array([[[4, 5]]]), np.array([[[2, 2]]]), 4, overlap="sum")
    array([[[0, 0, 9, 0]]])
    """
    y, switches = as_array(y, "y"), as_array(switches, "switches")
    if switches.dtype.kind not in "iu":
        raise DTypeError(f"switches must be integers, got {switches.dtype}")
    size = _fit((y.shape, switches.shape), (output_size,))
    check_overlap(overlap)
    return current(y).unpool(y, switches.astype("i8", copy=False), size, overlap)


@remembered
def _fit(shapes: tuple[Any, ...], options: tuple[Any, ...]) -> Sizes:
    """The size of the result, if values and switches fit each other."""
    y, switches = shapes
    rank = len(spatial(y, "y"))
    if switches != y:
        raise ShapeError(f"y has shape {y} and switches {switches}: they must be equal")
    return per_axis(options[0], rank, "output_size", 0)


def check_overlap(overlap: str) -> None:
    """Raise OptionError unless ``overlap`` is one of the rules."""
    if not isinstance(overlap, str) or overlap not in OVERLAPS:
        raise OptionError(f"overlap={overlap!r} is not known: use one of {OVERLAPS}")


@pullback_of(max_unpool, "y", "switches")
def _max_unpool_pullback(
    value: Array, y: Array, switches: Array, output_size: Any, overlap: str
) -> Pullback:
    return lambda grad: (
        current(grad).scatter_grad(grad, y, switches, overlap),
        None,
    )
