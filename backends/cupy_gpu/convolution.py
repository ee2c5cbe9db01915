"""The convolution trio: a problem is stated, an algorithm chosen and launched."""

from __future__ import annotations

import math
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
from .problem import Problem, problem_of
from .tiling import Tiling, tiling_of

MERGED = 16  # up to so many filters, phases are computed together
WEIGHT_TILE = Tile(64, 64, 8)
LARGE_WEIGHT_TILE = Tile(128, 128, 8, tall=2, broad=2)
Bounds = tuple[float, float]
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
    size = x.shape[2:]
    problem = problem_of(
        window,
        *(len(x), weight.shape[1], len(weight) // groups, groups),
        *(size, window.output_size(size), False, x.dtype, *bounds),
    )
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
) -> Array:
    """Adjoint of conv in x, plus bias."""
    problem = problem_of(
        window,
        *(len(grad), len(weight) // groups, weight.shape[1], groups),
        *(grad.shape[2:], tuple(map(int, input_size)), True, grad.dtype),
    )
    phases = prod(problem.phases)
    # where a phase lacks a tap its weight is 0, and 0 times infinity is not
    if phases > 1 and problem.filters <= MERGED and setting.winograd:
        problem = problem.merging
    return _computed(device, setting, problem, grad, weight, bias)


def _computed(
    device: Device,
    setting: Setting,
    problem: Problem,
    x: Array,
    weight: Array,
    bias: Array | None,
) -> Array:
    x, weight = contiguous(device, x), contiguous(device, weight)
    bias = None if bias is None else contiguous(device, bias)
    filters = problem.groups * problem.filters
    y = empty(device, (problem.batch, filters, *problem.outputs), x.dtype)
    if not y.size:
        return y
    algorithm = chosen(problem, setting)
    if algorithm.name == "depthwise":
        _depthwise(device, problem, x, weight, bias, y)
    elif algorithm.name == "winograd":
        winograd.computed(device, problem, x, weight, bias, y)
    elif algorithm.tile is not None:
        _tiled(device, setting, problem, algorithm.tile, x, weight, bias, y)
    else:
        _direct(device, problem, x, weight, bias, y)
    return y


def _tables(device: Device, problem: Problem) -> tuple[Array, Array, Array]:
    taps, counts, sources = (device.constant(t) for t in problem.taps.tables)
    return taps, counts, sources


def _direct(
    device: Device,
    problem: Problem,
    x: Array,
    weight: Array,
    bias: Array | None,
    y: Array,
) -> None:
    problem = problem.apart if problem.merged else problem
    taps, counts, _ = _tables(device, problem)
    struct = problem.packed(0, 0, max(1, problem.channels), 1)
    sizes = (
        divisor_of(prod(problem.outputs)),
        divisor_of(problem.groups * problem.filters),
    )
    rest = (..., *sizes, np.int32(problem.window.size), struct)
    arguments = (x, weight, bias, y, taps, counts, *rest)
    run(device, "direct.cu", "direct", x.dtype, y.size, *arguments)


def _depthwise(
    device: Device,
    problem: Problem,
    x: Array,
    weight: Array,
    bias: Array | None,
    y: Array,
) -> None:
    window = problem.window
    if problem.adjoint:  # of stride 1: the filters turned round
        window = _turned(window)
        reverse = (slice(None), slice(None), *(slice(None, None, -1),) * window.rank)
        weight = contiguous(device, weight[reverse])
    results = prod(problem.outputs)
    blocks = -(-results // (4 * THREADS))
    index = index_type(device, x, y)
    kernel = kernel_for("depthwise.cu", "depthwise", x.dtype, index, **fixed(window))
    geometry = packed(window, tuple(problem.size), tuple(problem.outputs))
    filters = problem.groups * problem.filters
    rest = (divisor_of(blocks), divisor_of(filters), np.int32(problem.filters))
    bounds = np.float64(problem.low), np.float64(problem.high)
    grid = (problem.batch * filters * blocks,)
    arguments = (x, weight, bias, y, *rest, *bounds, geometry)
    device.launch(kernel, grid, (THREADS,), arguments)


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
    bias: Array | None,
    y: Array,
) -> None:
    tiling = tiling_of(problem, tile, setting)
    tables = _tables(device, problem)
    matrix = _packed(device, problem, weight, tables, tiling)
    shares = None
    if tiling.splits > 1:
        shares = empty(device, (tiling.splits, y.size), accumulator(x.dtype))
    kernel = tiling.kernel(x.dtype, index_type(device, x, y, matrix, shares))
    arguments = (x, matrix, bias, y, shares, *tables[:2], tiling.struct)
    device.launch(kernel, tiling.grid, (tiling.threads,), arguments)
    if shares is not None:
        filters = problem.groups * problem.filters
        area = prod(problem.outputs)
        _added(device, shares, bias, y, area, filters, tiling.struct)


def _packed(
    device: Device,
    problem: Problem,
    weight: Array,
    tables: tuple[Array, Array, Array],
    tiling: Tiling,
) -> Array:
    file, function, macros = tiling.packing
    words = function == "pack_words"
    matrix = empty(device, tiling.matrix, np.uint32 if words else weight.dtype)
    _, rows, width = tiling.matrix
    sizes = divisor_of(width), divisor_of(rows), np.int32(problem.window.size)
    arguments = (weight, matrix, *tables, ..., *sizes, tiling.struct)
    dtype = weight.dtype
    run(device, file, function, dtype, matrix.size, *arguments, **dict(macros))
    return matrix


def _added(
    device: Device,
    shares: Array,
    bias: Array | None,
    y: Array,
    area: int,
    filters: int,
    struct: Any,
) -> None:
    """Shares of sums, added in their order."""
    rest = (..., divisor_of(area), divisor_of(filters), struct)
    arguments = (shares, bias, y, *rest)
    run(device, "packing.cu", "add_shares", y.dtype, y.size, *arguments)


def conv_weight_grad(
    device: Device,
    setting: Setting,
    grad: Array,
    x: Array,
    window: Window,
    groups: int,
) -> Array:
    """Adjoint of conv in the weight, summed over the batch."""
    grad, x = contiguous(device, grad), contiguous(device, x)
    channels, filters = x.shape[1] // groups, grad.shape[1] // groups
    outputs = grad.shape[2:]
    y = empty(device, (groups * filters, channels, *window.kernel), grad.dtype)
    if not y.size:
        return y
    problem = problem_of(
        window,
        *(len(x), channels, filters, groups),
        *(x.shape[2:], outputs, False, grad.dtype),
    )
    columns = channels * window.size
    narrow = grad.dtype.itemsize == 8 or min(filters, columns) <= 64
    tile = WEIGHT_TILE if narrow else LARGE_WEIGHT_TILE
    blocks = -(-filters // tile.high) * -(-columns // tile.wide)
    steps = -(-problem.total // tile.deep)
    wanted = -(-4 * setting.units // (blocks * groups))
    room = max(
        1, winograd.WORKSPACE // (8 * y.size)
    )  # never by what is free: see there
    splits = max(1, min(wanted, -(-steps // 8), room, 65535))
    struct = problem.packed(0, 0, 1, splits)
    shares = empty(device, (splits, y.size), accumulator(grad.dtype))
    taps, _, _ = _tables(device, problem)
    index = index_type(device, grad, x, shares)
    kernel = kernel_for(
        "weight_grad.cu", "weight_grad", grad.dtype, index, **tile.macros
    )
    arguments = (grad, x, shares, taps, divisor_of(window.size), struct)
    device.launch(kernel, (blocks * groups, splits), (tile.threads,), arguments)
    _added(device, shares, None, y, 1, 1, struct)
    return y
