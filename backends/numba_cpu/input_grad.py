"""The input gradient of a strided convolution, which is the transposed convolution."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from . import arena, depthwise, depthwise_plan, gathered
from .dense import wide_bias
from .depthwise_lines import Axis
from .ending import PLAIN, Ending, beside, ended
from .gathered import Place, Taps
from .interleaving import Together, together
from .launch import Launch
from .layout import channels_last, logical
from .packing import in_panels, packed, panel_width
from .phases import Axis as Phases
from .phases import Phase, Triple, margins, phases
from .three_axes import three

Array = np.ndarray[Any, Any]
Axes = tuple[Phases, Phases, Phases]


class Step(NamedTuple):
    """One phase of the output: how its weight is packed, and what computes it."""

    how: str
    pack: Callable[[Array], Array]
    options: tuple[Any, ...]
    launch: Launch


class Plan(NamedTuple):
    """One input gradient, but for the numbers."""

    result: tuple[int, ...]  # the shape of its memory, channels last
    steps: tuple[Step, ...]
    wide: Callable[[Array | None], Array]  # the bias as steps read it
    start: Array  # without a bias
    fills: bool  # whether there are places that no window reached
    after: Ending  # what the steps leave to be done

    def __call__(
        self, grad: Array, weight: Array, bias: Array | None, where: Array | None = None
    ) -> Array:
        """The adjoint, plus bias, with its ending."""
        y = arena.take(self.result, grad.dtype)
        flat = y.reshape(-1)
        if self.fills:
            y[...] = 0 if bias is None else bias
        source = channels_last(grad).reshape(-1)
        start = self.start if bias is None else self.wide(bias).reshape(-1)
        others = start, flat, beside(where, flat)
        for step in self.steps:
            w = packed(weight, step.how, step.pack, *step.options)
            step.launch(source, w, *others)
        return ended(logical(y), self.after, where) if self.fills else logical(y)


def plan(
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    input_size: Sizes,
    window: Window,
    groups: int,
    dtype: np.dtype[Any],
    ending: Ending,
) -> Plan | Together:
    """One gathered product per phase of the output, for ``grad`` of this shape."""
    axes = phases(window, input_size)
    columns = weight[1]
    reached = all(any(phase.offsets for phase in axis) for axis in axes)
    several = math.prod(map(len, axes)) > 1
    few = groups == 1 and 2 * columns <= panel_width(dtype)
    plainly = partial(
        _by_phases, shape, weight, input_size, window, groups, dtype, ending, reached
    )
    if reached and several and few:
        return together(shape, weight, input_size, axes, dtype, ending, plainly)
    return plainly()


def _by_phases(
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    input_size: Sizes,
    window: Window,
    groups: int,
    dtype: np.dtype[Any],
    ending: Ending,
    reached: bool,
) -> Plan:
    axes = phases(window, input_size)
    columns, filters = weight[1], shape[1]
    each = columns == 1 and groups == filters and depthwise.suits(filters, dtype)
    around = margins(axes) if reached and not each else None
    source = shape[0], *three(shape[2:]), filters
    channels = columns * groups
    launch = None
    if each:
        launch = depthwise_plan.input_grad(source, input_size, window, dtype, ending)
    if launch is not None:
        step = Step("depthwise", depthwise.by_tap, (False,), launch)
        return Plan(
            (shape[0], *input_size, channels), (step,),
            np.ascontiguousarray, np.zeros(channels, dtype), False, ending,
        )  # fmt: skip
    fills = any(not phase.offsets for axis in axes for phase in axis)
    inner = PLAIN if fills else ending
    make = partial(_depthwise_step if each else _step, source, weight, groups, dtype)
    steps = tuple(
        make(phase, around, _place(phase, channels, input_size, window), inner)
        for phase in product(*axes)
        if all(p.offsets for p in phase)
    )
    wide = partial(wide_bias, groups=groups, columns=columns, dtype=dtype)
    return Plan(
        (shape[0], *input_size, channels), steps,
        np.ascontiguousarray if each else wide,
        np.zeros(channels, dtype) if each else wide(None).reshape(-1), fills, ending,
    )  # fmt: skip


def _place(
    phase: tuple[Phase, ...], channels: int, input_size: Sizes, window: Window
) -> Place:
    """Where the results of a phase lie among all."""
    depth, height, width = three(input_size)
    strides = (height * width * channels, width * channels, channels)
    pixel = (s * t for s, t in zip(strides, three(window.stride), strict=True))
    first = sum(p.first * s for p, s in zip(phase, strides, strict=True))
    return first, depth * strides[0], three(tuple(pixel))


def _taken(weight: Array, phase: tuple[Phase, ...]) -> Array:
    """Weight ``(..., *kernel)`` at the taps of a phase, three axes."""
    z, y, x = (p.taps for p in phase)
    w = weight.reshape(*weight.shape[:2], *three(weight.shape[2:]))
    return w[:, :, z][:, :, :, y][:, :, :, :, x]


def _depthwise_step(
    source: tuple[int, ...],
    weight: tuple[int, ...],
    groups: int,
    dtype: np.dtype[Any],
    phase: tuple[Phase, ...],
    around: tuple[Triple, Triple] | None,
    place: Place,
    ending: Ending,
) -> Step:
    axes = tuple(_axis(p) for p in phase)
    outputs = three(tuple(p.outputs for p in phase))
    launch = depthwise_plan.launched(source, axes, outputs, place, dtype, ending)
    which = tuple(p.taps for p in phase)
    pack = partial(_pack_depthwise, phase=phase)
    return Step("depthwise back", pack, (which,), launch)


def _axis(phase: Phase) -> Axis:
    first, second = (*phase.offsets, phase.offsets[0] + 1)[:2]
    return Axis(len(phase.taps), first, second - first, 1, 1)


def _pack_depthwise(weight: Array, phase: tuple[Phase, ...]) -> Array:
    return depthwise.by_tap(_taken(weight, phase))


def _step(
    source: tuple[int, ...],
    weight: tuple[int, ...],
    groups: int,
    dtype: np.dtype[Any],
    phase: tuple[Phase, ...],
    around: tuple[Triple, Triple] | None,
    place: Place,
    ending: Ending,
) -> Step:
    filters, columns = weight[0] // groups, weight[1]
    before = (0, 0, 0) if around is None else around[0]
    offsets = tuple(
        tuple(o + b for o in p.offsets) for p, b in zip(phase, before, strict=True)
    )
    taps = Taps.of(offsets, filters) if groups == 1 else Taps(offsets, filters)
    width = panel_width(dtype)
    rows = math.prod(len(p.taps) for p in phase) * filters
    shape = groups, -(-columns // width), rows // taps.depth, taps.depth, width
    outputs = three(tuple(p.outputs for p in phase))
    launch = gathered.plan(
        source, taps, (1, 1, 1), outputs, shape, columns, place, dtype, ending,
        None, around,
    )  # fmt: skip
    pack = partial(_pack, phase=phase, groups=groups, depth=taps.depth)
    which = tuple(p.taps for p in phase)
    return Step("input grad", pack, (groups, which, taps.depth), launch)


def _pack(weight: Array, phase: tuple[Phase, ...], groups: int, depth: int) -> Array:
    """As :func:`.gathered.plan` reads it."""
    filters, columns = weight.shape[0] // groups, weight.shape[1]
    taken = _taken(weight, phase)
    taken = taken.reshape(groups, filters, *taken.shape[1:])
    turned = np.ascontiguousarray(taken.transpose(0, 3, 4, 5, 1, 2))
    turned = turned.reshape(groups, -1, depth, columns)
    return np.stack([in_panels(each) for each in turned])
