"""The convolution trio: a problem is stated, an algorithm chosen and launched."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ...arrays import Array, accumulator
from ...per_axis import Sizes
from ...window import Window
from . import winograd
from .algorithms import Setting, Tile, chosen
from .device import Device
from .geometry import fixed, packed, prod
from .kernel import THREADS, kernel_for
from .launching import contiguous, divisor_of, empty, index_type, run
from .problem import Problem, forward_of, problem_of
from .tiling import Tiling, tiling_of

MERGED = 16  # up to so many filters, phases are computed together
Bounds = tuple[float, float]
Ending = tuple[Array | None, ...]  # bias, and where results may be other than 0
FREE: Bounds = (-math.inf, math.inf)


def conv(
    device: Device,
    setting: Setting,
    x: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    groups: int,
    bounds: Bounds = FREE,
) -> Array:
    """Cross-correlation plus bias, kept between the bounds."""
    filters, channels, *_ = weight.shape
    fields = (channels, filters // groups, groups, x.shape[2:], x.dtype, *bounds)
    problem = forward_of(window, len(x), *fields)
    return _computed(device, setting, problem, x, weight, bias)


def conv_input_grad(
    device: Device,
    setting: Setting,
    grad: Array,
    weight: Array,
    bias: Array | None,
    input_size: Sizes,
    window: Window,
    groups: int,
    bounds: Bounds = FREE,
    where: Array | None = None,
) -> Array:
    """Adjoint of conv in x, plus bias, kept between the bounds; and zero wherever
    ``where``, of the result's shape, is not above zero."""
    problem = problem_of(
        window,
        *(len(grad), len(weight) // groups, weight.shape[1], groups),
        *(grad.shape[2:], tuple(map(int, input_size)), True, grad.dtype, *bounds),
    )
    phases = prod(problem.phases)
    # where a phase lacks a tap its weight is 0, and 0 times infinity is not
    if phases > 1 and problem.filters <= MERGED and setting.winograd:
        problem = problem.merging
    return _computed(device, setting, problem, grad, weight, bias, where)


def _computed(
    device: Device,
    setting: Setting,
    problem: Problem,
    x: Array,
    weight: Array,
    bias: Array | None,
    where: Array | None = None,
) -> Array:
    x = contiguous(device, x)
    ending = tuple([a if a is None else contiguous(device, a) for a in (bias, where)])
    filters = problem.groups * problem.filters
    y = empty(device, (problem.batch, filters, *problem.outputs), x.dtype)
    if not y.size:
        return y
    algorithm = chosen(problem, setting)
    if algorithm.name == "depthwise":
        _depthwise(device, problem, x, weight, ending, y)
    elif algorithm.name == "winograd":
        winograd.computed(device, setting, problem, x, weight, ending, y)
    elif algorithm.tile is not None:
        _tiled(device, setting, problem, algorithm.tile, x, weight, ending, y)
    else:
        _direct(device, problem, x, weight, ending, y)
    return y


def tables_of(device: Device, problem: Problem) -> tuple[Array, Array]:
    """Taps of each phase, and their counts."""
    taps, counts, _ = problem.taps.tables
    return device.constant(taps), device.constant(counts)


def _direct(
    device: Device,
    problem: Problem,
    x: Array,
    weight: Array,
    ending: Ending,
    y: Array,
) -> None:
    problem = problem.apart if problem.merged else problem
    taps, counts = tables_of(device, problem)
    weight = contiguous(device, weight)
    struct = problem.untiled
    sizes = (
        divisor_of(prod(problem.outputs)),
        divisor_of(problem.groups * problem.filters),
    )
    rest = (..., *sizes, np.int32(problem.window.size), struct)
    arguments = (x, weight, *ending, y, taps, counts, *rest)
    run(device, "direct.cu", "direct", x.dtype, y.size, *arguments)


def _depthwise(
    device: Device,
    problem: Problem,
    x: Array,
    weight: Array,
    ending: Ending,
    y: Array,
) -> None:
    window = problem.window
    if problem.adjoint:  # of stride 1: the filters turned round
        weight = device.form_of(weight, "turned", lambda: _reversed(device, weight))
        window = _turned(window)
    weight = contiguous(device, weight)
    results = prod(problem.outputs)
    blocks = -(-results // (4 * THREADS))
    index = index_type(device, x, y)
    kernel = kernel_for("depthwise.cu", "depthwise", x.dtype, index, **fixed(window))
    geometry = packed(window, tuple(problem.size), tuple(problem.outputs))
    filters = problem.groups * problem.filters
    rest = (divisor_of(blocks), divisor_of(filters), np.int32(problem.filters))
    bounds = np.float64(problem.low), np.float64(problem.high)
    grid = (problem.batch * filters * blocks,)
    arguments = (x, weight, *ending, y, *rest, *bounds, geometry)
    device.launch(kernel, grid, (THREADS,), arguments)


def _reversed(device: Device, weight: Array) -> Array:
    back = (slice(None, None, -1),) * (weight.ndim - 2)
    return contiguous(device, weight[(slice(None), slice(None), *back)])


@lru_cache(1024)
def _turned(window: Window) -> Window:
    """The window of the convolution that is this one's input gradient."""
    pairs = zip(window.span, window.padding, strict=True)
    padding = tuple((span - 1 - b, span - 1 - e) for span, (b, e) in pairs)
    return Window(window.kernel, window.stride, padding, window.dilation)


def _tiled(
    device: Device,
    setting: Setting,
    problem: Problem,
    tile: Tile,
    x: Array,
    weight: Array,
    ending: Ending,
    y: Array,
) -> None:
    tiling = tiling_of(problem, tile, setting)
    taps, counts = tables_of(device, problem)
    matrix = device.form_of(
        weight, tiling.form, lambda: _packed(device, problem, weight, tiling)
    )
    shares = None
    if tiling.splits > 1:
        shares = empty(device, (tiling.splits, y.size), accumulator(x.dtype))
    kernel = tiling.kernel(x.dtype, index_type(device, x, y, matrix, shares))
    arguments = (x, matrix, *ending, y, shares, taps, counts, tiling.struct)
    device.launch(kernel, tiling.grid, (tiling.threads,), arguments)
    if shares is not None:
        filters = problem.groups * problem.filters
        area = prod(problem.outputs)
        added(device, shares, ending, y, area, filters, tiling.struct)


def _packed(device: Device, problem: Problem, weight: Array, tiling: Tiling) -> Array:
    weight = contiguous(device, weight)
    tables = [device.constant(table) for table in problem.taps.tables]
    file, function, macros = tiling.packing
    words = function == "pack_words"
    matrix = empty(device, tiling.matrix, np.uint32 if words else weight.dtype)
    _, rows, width = tiling.matrix
    sizes = divisor_of(width), divisor_of(rows), np.int32(problem.window.size)
    arguments = (weight, matrix, *tables, ..., *sizes, tiling.struct)
    dtype = weight.dtype
    run(device, file, function, dtype, matrix.size, *arguments, **dict(macros))
    return matrix


def added(
    device: Device,
    shares: Array,
    ending: Ending,
    y: Array,
    area: int,
    filters: int,
    struct: Any,
) -> None:
    """Shares of sums, added in their order."""
    rest = (..., divisor_of(area), divisor_of(filters), struct)
    arguments = (shares, *ending, y, *rest)
    run(device, "packing.cu", "add_shares", y.dtype, y.size, *arguments)
