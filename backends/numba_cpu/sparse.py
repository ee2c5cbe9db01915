"""Input gradients of signals that are mostly zeros, as there are below an unpooling.

Each number that is not zero adds a multiple of a filter to the places that its channel
saw; zeros cost a comparison. Here is how many there are, which tells whether that pays,
and the call; :mod:`.sparse_kernel` does it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from . import arena
from .ending import Ending, beside
from .launch import Launch
from .layout import channels_last, logical, pitch_of, turned
from .packing import packed
from .sparse_kernel import gradient
from .sparse_plan import Plan, plan
from .three_axes import three

Array = np.ndarray[Any, Any]

#: Places that are looked at for the share of numbers that are not zero, and how many
#: neighbours there: each place costs as long as it takes to fetch a cache line.
PLACES, NEIGHBOURS = 128, 16
#: Neighbours in the middle, which often tell enough.
GLANCE = 256


def suits(window: Window, groups: int) -> bool:
    """Whether a row of the kernel is one run of memory."""
    return groups == 1 and (window.dilation[-1] == 1 or window.kernel[-1] == 1)


def is_sparse(grad: Array, share: float) -> bool:
    """Whether about less than this share of the numbers are not zero."""
    if grad.flags.c_contiguous or turned(grad).flags.c_contiguous:
        flat = (grad if grad.flags.c_contiguous else turned(grad)).reshape(-1)
        middle = flat[flat.size // 2 :][:GLANCE]
        if np.count_nonzero(middle) > 4 * share * GLANCE:
            return False
    return density(grad) < share


def density(grad: Array) -> float:
    """About the share of numbers that are not zero."""
    pitch = pitch_of(grad)
    if grad.flags.c_contiguous or pitch == grad.shape[1]:
        flat = (grad if grad.flags.c_contiguous else turned(grad)).reshape(-1)
        if flat.size > PLACES * NEIGHBOURS:
            step = flat.size // PLACES | 1  # odd: other channels each time
            flat = flat[: flat.size // step * step].reshape(-1, step)[:, :NEIGHBOURS]
        seen = flat
    else:
        lying = turned(grad) if pitch else channels_last(grad)
        pixels = lying.reshape(-1, grad.shape[1])
        seen = pixels[:: max(1, len(pixels) // PLACES)]
        seen = seen[:, :: max(1, seen.shape[1] // NEIGHBOURS)]
    return float(np.count_nonzero(seen)) / max(1, seen.size)


def _pack(weight: Array, planned: Plan) -> Array:
    """For each part of the channels each block's weights ``(channels, elements)``; of
    weights that are not all finite nothing: zero times infinity would have been NaN."""
    if not np.isfinite(weight).all():
        return np.zeros(0, weight.dtype)
    g = planned.geometry
    w = weight.reshape(*weight.shape[:2], *three(weight.shape[2:]))
    lines = w.transpose(2, 3, 0, 4, 1).reshape(*w.shape[2:4], len(w), -1)
    lines = np.pad(lines, [(0, 0)] * 3 + [(0, -lines.shape[-1] % g.lanes)])
    lines = lines.reshape(*lines.shape[:3], -1, g.lanes)
    blocks = [unit.taken(lines) for unit in planned.units]
    parts = range(0, len(w), g.part)
    return np.concatenate(
        [
            block[first : first + g.part].reshape(-1)
            for first in parts
            for block in blocks
        ]
    )


def conv_input_grad(
    grad: Array,
    weight: Array,
    bias: Array | None,
    input_size: Sizes,
    window: Window,
    ending: Ending,
    where: Array | None,
    shifts: Array | None = None,
) -> Array | None:
    """Adjoint of conv in x, plus bias, ended; None where zeros have to be counted.

    That is so if a weight is not finite, or if what is not may have met the zeros
    that fill up a row of the kernel. At ``p`` sample ``n`` is what would be at ``p +
    shifts[n]``, zero where that is outside.
    """
    given = grad.shape, weight.shape, tuple(input_size), window, grad.dtype, ending
    planned = _planned(*given)
    w = packed(weight, "sparse", planned.pack, *planned.options)
    if not w.size:
        return None
    start = planned.start
    if bias is not None:
        across = input_size[-1]
        start = packed(bias, "sparse bias", lambda b: np.tile(b, across), across)
    y = arena.take(planned.result, grad.dtype)
    flat = y.reshape(-1)
    signal = channels_last(grad).reshape(-1)
    spoilt = np.zeros(planned.launch.tasks, np.bool_)
    moved = planned.still
    if shifts is not None:
        moved = np.zeros_like(moved)
        moved[:, 3 - shifts.shape[1] :] = shifts
    planned.launch(signal, w, start, flat, beside(where, flat), spoilt, moved)
    if planned.fills and spoilt.any():
        return None
    return logical(y)


class Planned(NamedTuple):
    """One input gradient, but for the numbers."""

    result: tuple[int, ...]  # the shape of its memory, channels last
    pack: Callable[[Array], Array]
    options: tuple[int, ...]  # what else it depends on
    start: Array  # without a bias
    fills: bool  # whether zeros fill up a row of the kernel
    still: Array  # the shifts of samples that are not moved
    launch: Launch


@lru_cache(512)
def _planned(
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    input_size: Sizes,
    window: Window,
    dtype: np.dtype[Any],
    ending: Ending,
) -> Planned:
    channels, across = weight[1], window.kernel[-1]
    planned = plan(shape, channels, input_size, window, dtype)
    still = np.zeros((shape[0], 3), np.int64)
    launch = Launch(
        gradient, planned.tasks, (*(dtype,) * 5, np.dtype(np.bool_), still.dtype),
        planned.fixed, *ending.numbers(dtype), scratch=planned.scratch,
    )  # fmt: skip
    return Planned(
        planned.result, partial(_pack, planned=planned),
        (planned.geometry.part, planned.geometry.group), planned.start,
        bool(across * channels % planned.geometry.lanes), still, launch,
    )  # fmt: skip
