"""The input gradient of a convolution, which is the transposed convolution."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from . import arena, depthwise
from .compiled import compiled
from .dense import image, is_spoilt, wide_bias
from .gathered import Taps, Target, Triple, convolve, padded
from .layout import channels_last, empty, logical
from .packing import in_panels, packed, panel_width
from .phases import Axis, Phase, margins, phases
from .team import spread
from .three_axes import deep, three

Array = np.ndarray[Any, Any]
Axes = tuple[Axis, Axis, Axis]


def conv_input_grad(
    grad: Array,
    weight: Array,
    bias: Array | None,
    input_size: Sizes,
    window: Window,
    groups: int,
) -> Array:
    """Adjoint of conv in x, plus bias: one gathered product per phase of the output."""
    axes = phases(window, tuple(input_size))
    columns = weight.shape[1]
    reached = all(any(phase.offsets for phase in axis) for axis in axes)
    several = math.prod(map(len, axes)) > 1
    if reached and several and groups == 1 and 2 * columns <= panel_width(grad.dtype):
        mixed = _together(grad, weight, bias, input_size, axes)
        if not is_spoilt(mixed):
            return logical(mixed)
    y = empty(len(grad), columns * groups, input_size, grad.dtype)
    result = deep(y)
    if not reached:
        result[...] = 0 if bias is None else bias
        return logical(y)
    source = deep(channels_last(grad))
    filters = source.shape[-1]
    each = columns == 1 and groups == filters and depthwise.suits(filters, grad.dtype)
    shift = (0, 0, 0)
    if not each:
        before, extent = margins(axes)
        source, shift = padded(source, before, extent), three(before)
    _, _, height, width, channels = result.shape
    strides = (height * width * channels, width * channels, channels)
    steps = three(window.stride)
    for phase in product(*axes):
        target = Target(
            y.reshape(-1),
            sum(p.first * s for p, s in zip(phase, strides, strict=True)),
            math.prod(result.shape[1:]),
            three(tuple(s * t for s, t in zip(steps, strides, strict=True))),
        )
        if not all(p.offsets for p in phase):
            at = (slice(p.first, None, s) for p, s in zip(phase, steps, strict=True))
            result[(slice(None), *at)] = 0 if bias is None else bias
        elif each:
            _depthwise(source, weight, bias, phase, target)
        else:
            _product(source, weight, bias, phase, shift, groups, target)
    return logical(y)


def _outputs(phase: tuple[Phase, ...]) -> Triple:
    return three(tuple(p.outputs for p in phase))


def _taken(weight: Array, phase: tuple[Phase, ...]) -> Array:
    """Weight ``(..., *kernel)`` at the taps of a phase, three axes."""
    z, y, x = (p.taps for p in phase)
    w = weight.reshape(*weight.shape[:2], *three(weight.shape[2:]))
    return w[:, :, z][:, :, :, y][:, :, :, :, x]


def _depthwise(
    source: Array,
    weight: Array,
    bias: Array | None,
    phase: tuple[Phase, ...],
    target: Target,
) -> None:
    filters, which = len(weight), tuple(p.taps for p in phase)
    taps = packed(
        weight, "depthwise back", lambda w: depthwise.by_tap(_taken(w, phase)), which
    )
    depthwise.convolve(
        source,
        taps,
        np.zeros(filters, weight.dtype) if bias is None else bias,
        tuple(p.offsets for p in phase),
        (1, 1, 1),
        _outputs(phase),
        target,
        -math.inf,
        math.inf,
    )


def _product(
    source: Array,
    weight: Array,
    bias: Array | None,
    phase: tuple[Phase, ...],
    shift: Triple,
    groups: int,
    target: Target,
) -> None:
    filters, columns = weight.shape[0] // groups, weight.shape[1]
    offsets = tuple(
        tuple(o + s for o in p.offsets) for p, s in zip(phase, shift, strict=True)
    )
    merged = Taps.of(offsets, filters) if groups == 1 else Taps(offsets, filters)

    def pack(w: Array) -> Array:
        taken = _taken(w, phase)
        taken = taken.reshape(groups, filters, *taken.shape[1:])
        turned = np.ascontiguousarray(taken.transpose(0, 3, 4, 5, 1, 2))
        turned = turned.reshape(groups, -1, merged.depth, columns)
        return np.stack([in_panels(each) for each in turned])

    taps = tuple(p.taps for p in phase)
    convolve(
        source,
        packed(weight, "input grad", pack, groups, taps, merged.depth),
        wide_bias(bias, groups, columns, source.dtype),
        merged,
        (1, 1, 1),
        _outputs(phase),
        columns,
        target,
    )


def _together(
    grad: Array, weight: Array, bias: Array | None, input_size: Sizes, axes: Axes
) -> Array:
    """Few channels: all phases are columns of one product, and are interleaved after.

    A 3-channel output would fill a fraction of a panel; an 11x11 kernel of stride 4
    becomes a 3x3 kernel of stride 1 with 4*4*3 columns.
    """
    filters, columns = weight.shape[:2]
    before, extent = margins(axes)
    source = padded(deep(channels_last(grad)), before, extent)
    shared = [sorted({o for p in axis for o in p.offsets}) for axis in axes]
    merged = Taps.of(
        tuple(tuple(o + b for o in s) for s, b in zip(shared, before, strict=True)),
        filters,
    )
    counts = [len(axis) for axis in axes]

    def pack(w: Array) -> Array:
        w = w.reshape(filters, columns, *three(w.shape[2:]))
        table = np.zeros((*map(len, shared), filters, *counts, columns), w.dtype)
        for which in product(*map(range, counts)):
            phase = [axis[n] for axis, n in zip(axes, which, strict=True)]
            for found in product(*(zip(p.offsets, p.taps, strict=True) for p in phase)):
                at = (s.index(o) for s, (o, _) in zip(shared, found, strict=True))
                taps = tuple(tap for _, tap in found)
                table[(*at, slice(None), *which)] = w[(slice(None), slice(None), *taps)]
        return in_panels(table.reshape(-1, merged.depth, every * columns))[None]

    every = math.prod(counts)
    outputs = three(tuple(axis[0].outputs for axis in axes))
    mixed = arena.take((len(grad), *outputs, every * columns), grad.dtype)
    taps = tuple(p.taps for axis in axes for p in axis)
    convolve(
        source,
        packed(weight, "all phases", pack, taps, tuple(map(tuple, shared))),
        wide_bias(
            None if bias is None else np.tile(bias, every),
            1,
            every * columns,
            grad.dtype,
        ),
        merged,
        (1, 1, 1),
        outputs,
        every * columns,
        image(mixed),
    )
    return _interleaved(mixed, counts, columns, input_size)


def _interleaved(mixed: Array, counts: list[int], columns: int, size: Sizes) -> Array:
    """``(N, d, h, w, phases, C)`` as ``(N, *size, C)``."""
    y = arena.take((len(mixed), *size, columns), mixed.dtype)
    depth, height, width = three(tuple(size))
    numbers = (*mixed.shape[1:], *counts, depth, height, width * columns)
    spread(
        _interleave,
        len(mixed) * depth * height,
        mixed.reshape(-1),
        y.reshape(-1),
        np.array(numbers, np.int64),
        alone=y.nbytes < 1 << 17,
    )
    return y


@compiled
def _interleave(start, stop, mixed, y, numbers):  # type: ignore[no-untyped-def]
    """One line of outputs per task: what phases of the last axis give lies together."""
    planes, lines, across, each, s0, s1, _, depth, height, length = numbers
    run = each // (s0 * s1)
    for task in range(start, stop):
        plane, row = divmod(task, height)
        n, z = divmod(plane, depth)
        d, i = divmod(z, s0)
        h, j = divmod(row, s1)
        source = ((n * planes + d) * lines + h) * across * each + (i * s1 + j) * run
        target = task * length
        for o in range((length + run - 1) // run):
            for e in range(min(run, length - o * run)):
                y[target + o * run + e] = mixed[source + o * each + e]
