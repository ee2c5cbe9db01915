"""The convolutions of the contract, each by the algorithm that the table names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from . import dense, depthwise_plan, few_columns, input_grad, sparse, winograd
from .algorithms import FILTERINGS, Problem, chosen, sparse_below
from .ending import Ending
from .layout import OWN, Pitches, pitch_of
from .shifting import shifted
from .team import size

Array = np.ndarray[Any, Any]

#: ``(x, weight, bias, where, out) -> y`` for arrays of known shapes.
Planned = Callable[..., Array]


#: Algorithms that leave out what negative padding crops.
CROPPING = (*FILTERINGS, "few columns")


class Setting(NamedTuple):
    """What else a plan depends on: what the caller allows, how many threads there are,
    and how the arrays lie."""

    winograd: bool
    threads: int
    pitches: Pitches


def conv(
    x: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    groups: int,
    ending: Ending,
    allow_winograd: bool,
    out: Array | None = None,
) -> Array:
    """Cross-correlation plus bias, with its ending, in ``out`` if that is given."""
    pitches, room = _pitches(x), out
    if out is not None:
        pitch = pitch_of(out) if out.dtype == x.dtype else 0
        pitches, room = pitches._replace(y=pitch or None), out if pitch else None
    setting = Setting(allow_winograd, size(), pitches)
    planned = _forward(x.shape, weight.shape, window, groups, x.dtype, ending, setting)
    y = planned(x, weight, bias, None, room)
    if out is not None and room is None:
        out[...] = y
        return out
    return y


def _pitches(x: Array) -> Pitches:
    """Only of what is read, and only if it is not the channels' own."""
    pitch = pitch_of(x)
    return OWN if pitch in (0, x.shape[1]) else Pitches(pitch)


@lru_cache(2048)
def _forward(
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    window: Window,
    groups: int,
    dtype: np.dtype[Any],
    ending: Ending,
    setting: Setting,
) -> Planned:
    batch, channels, *places = shape
    outputs = window.output_size(tuple(places))
    problem = Problem(
        batch, channels, weight[0], window, window.padding, outputs, tuple(places),
        groups, dtype, setting.winograd,
    )  # fmt: skip
    how = chosen(problem)
    return _planned(how, shape, weight, window, outputs, groups, dtype, ending, setting)


def _planned(
    how: str,
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    window: Window,
    outputs: Sizes,
    groups: int,
    dtype: np.dtype[Any],
    ending: Ending,
    setting: Setting,
    flipped: bool = False,
) -> Planned:
    """The convolution by that algorithm; ``flipped`` as in :func:`.dense.plan`."""
    if how == "depthwise":
        return depthwise_plan.plan(
            shape, window, outputs, dtype, ending, setting.pitches, flipped=flipped
        )
    filters = weight[1] if flipped else weight[0]
    if how == "few columns" and setting.pitches.y is None:
        return few_columns.plan(
            shape, filters, window, outputs, dtype, ending, setting.pitches,
            flipped=flipped,
        )  # fmt: skip
    if how in FILTERINGS:
        (top, _), (left, _) = window.padding
        down, across = outputs
        return winograd.plan(
            shape, filters, (top, left), (down, across),
            FILTERINGS[how].tile, dtype, ending, setting.threads, setting.pitches,
            flipped=flipped,
        )  # fmt: skip
    return dense.plan(
        shape, weight, window, outputs, groups, dtype, ending, setting.pitches,
        flipped=flipped,
    )  # fmt: skip


def conv_input_grad(
    grad: Array,
    weight: Array,
    bias: Array | None,
    input_size: Sizes,
    window: Window,
    groups: int,
    ending: Ending,
    where: Array | None,
    allow_winograd: bool,
    shifts: Array | None = None,
) -> Array:
    """Adjoint of conv in x, plus bias, with its ending; moved as :mod:`.sparse` has
    it."""
    places = tuple(input_size)
    setting = Setting(allow_winograd, size(), _pitches(grad))
    below, planned = _backward(
        grad.shape, weight.shape, window, groups, grad.dtype, places, ending, setting
    )
    if below >= 1 or (below > 0 and sparse.is_sparse(grad, below)):
        given = grad, weight, bias, places, window, ending, where, shifts
        found = sparse.conv_input_grad(*given)
        if found is not None:
            return found
    y = planned(grad, weight, bias, where)
    return y if shifts is None else shifted(y, shifts)


@lru_cache(2048)
def _backward(
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    window: Window,
    groups: int,
    dtype: np.dtype[Any],
    places: Sizes,
    ending: Ending,
    setting: Setting,
) -> tuple[float, Planned]:
    """The share of numbers that are not zero below which those that are get skipped,
    and how all are gone through."""
    around = _around(window, places, shape[2:])
    problem = Problem(
        shape[0], shape[1], weight[1] * groups, window, around.padding, places,
        shape[2:], groups, dtype, setting.winograd,
    )  # fmt: skip
    how, below = chosen(problem), sparse_below(problem)
    reaches = all(side >= 0 for pair in around.padding for side in pair)
    if any(s != 1 for s in window.stride) or not (reaches or how in CROPPING):
        given = shape, weight, places, window, groups, dtype, ending
        return below, input_grad.plan(*given)
    return below, _planned(
        how, shape, weight, around, places, groups, dtype, ending, setting, flipped=True
    )


def _around(window: Window, places: Sizes, outputs: Sizes) -> Window:
    """The window of the convolution that an input gradient of stride 1 is; where that
    would crop, its padding is negative."""
    margins = tuple(
        (span - 1 - begin, length - count + begin)
        for span, (begin, _), length, count in zip(
            window.span, window.padding, places, outputs, strict=True
        )
    )
    return replace(window, padding=margins)
