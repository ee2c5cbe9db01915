"""Calls of the kernels that slide a window: convolution, columns and pools."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..per_axis import Sizes
from ..reference import pooling
from .draw import Draw
from .recipes import Call, recipe, sums_exactly


def _fewer(draw: Draw, positions: Sizes) -> Sizes:
    """Now and then one position less than fit: a transposed convolution's output
    padding leaves room that no window uses."""
    return tuple(p - (p > 1 and draw.chance(0.1)) for p in positions)


def _grouped(draw: Draw) -> tuple[int, int, int]:
    """``(groups, C/G, K/G)``, depthwise among them, seldom none."""
    depth, filters = (
        0 if draw.chance(0.02) else draw.pick(1, 1, 2, 3, 8, 9) for _ in range(2)
    )
    return draw.pick(1, 1, 2, 3), depth, filters


@recipe(integers=True, specials=True)
def im2col(draw: Draw) -> Call:
    window, size, outputs = draw.window()
    return Call((draw.x(size), window, _fewer(draw, outputs)))


@recipe(integers=True)
def col2im(draw: Draw) -> Call:
    window, size, outputs = draw.window()
    positions = _fewer(draw, outputs)
    rows = draw.channels() * window.size
    columns = draw.array(draw.batch(), rows, math.prod(positions))
    arguments = (columns, window, positions, size)
    return Call(arguments, sums_exactly(draw), window.size)


@recipe(integers=True)
def conv(draw: Draw) -> Call:
    window, size, _ = draw.window()
    groups, depth, filters = _grouped(draw)
    x = draw.array(draw.batch(), groups * depth, *size)
    weight = draw.array(groups * filters, depth, *window.kernel)
    bias = draw.array(groups * filters) if draw.chance(0.5) else None
    arguments = (x, weight, bias, window, groups)
    return Call(arguments, draw.dtype.kind in "iu", depth * window.size + 1)


@recipe(integers=True)
def conv_clipped(draw: Draw) -> Call:
    call = conv(draw)
    bounds = draw.pick((0, None), (0, None), (0, 6), (None, 1), (-2, None))
    return replace(call, arguments=(*call.arguments, *bounds))


@recipe(integers=True)
def conv_input_grad(draw: Draw) -> Call:
    window, size, outputs = draw.window()
    groups, depth, filters = _grouped(draw)
    grad = draw.array(draw.batch(), groups * filters, *_fewer(draw, outputs))
    weight = draw.array(groups * filters, depth, *window.kernel)
    bias = draw.array(groups * depth) if draw.chance(0.3) else None
    arguments = (grad, weight, bias, size, window, groups)
    return Call(arguments, draw.dtype.kind in "iu", filters * window.size + 1)


@recipe(integers=True)
def conv_input_grad_clipped(draw: Draw) -> Call:
    call = conv_input_grad(draw)
    unbounded = (None, None)
    bounds = draw.pick((0, None), (0, None), (0, 6), (None, 1), (-2, None), unbounded)
    where = None
    if draw.dtype.kind == "f" and (bounds == unbounded or draw.chance(0.3)):
        grad, weight, _, size, _, groups = call.arguments
        where = draw.array(len(grad), groups * weight.shape[1], *size)
    elif bounds == unbounded:
        bounds = (0, None)
    return replace(call, arguments=(*call.arguments, *bounds, where))


@recipe(integers=True)
def conv_weight_grad(draw: Draw) -> Call:
    window, size, outputs = draw.window()
    groups, depth, filters = _grouped(draw)
    batch, positions = draw.batch(), _fewer(draw, outputs)
    grad = draw.array(batch, groups * filters, *positions)
    x = draw.array(batch, groups * depth, *size)
    terms = max(1, batch * math.prod(positions))
    return Call((grad, x, window, groups), draw.dtype.kind in "iu", terms)


@recipe(integers=True, specials=True)
def max_pool(draw: Draw) -> Call:
    window, size, _ = draw.window(pool=True)
    return Call((draw.x(size), window))


@recipe(integers=True)
def avg_pool(draw: Draw) -> Call:
    window, size, _ = draw.window(pool=True)
    arguments = (draw.x(size), window, draw.chance(0.5))
    return Call(arguments, draw.dtype.kind in "iu", window.size + 1)


@recipe()
def avg_pool_grad(draw: Draw) -> Call:
    window, size, outputs = draw.window(pool=True)
    return Call((draw.x(outputs), size, window, draw.chance(0.5)), False, window.size)


@recipe()
def lp_pool(draw: Draw) -> Call:
    window, size, _ = draw.window(pool=True)
    power = draw.pick(1.0, 2.0, 2.0, 3.0, 1.5)
    return Call((draw.x(size), window, power, draw.chance(0.5)), False, window.size + 8)


@recipe()
def lp_pool_grad(draw: Draw) -> Call:
    window, size, outputs = draw.window(pool=True)
    power, rescale = draw.pick(1.0, 2.0, 2.0, 3.0, 1.5), draw.chance(0.5)
    x = draw.x(size)
    grads = draw.batch() if len(x) == 1 else len(x)
    grad = draw.array(grads, x.shape[1], *outputs)
    y = pooling.lp_pool(x, window, power, rescale)
    return Call((grad, x, y, window, power, rescale), False, window.size + 8)


def _shares(draw: Draw) -> tuple[Sizes, Sizes]:
    rank = draw.rank()
    return draw.sizes(rank), tuple(draw.pick(1, 2, 3, 5) for _ in range(rank))


@recipe(integers=True, specials=True)
def adaptive_max_pool(draw: Draw) -> Call:
    size, outputs = _shares(draw)
    return Call((draw.x(size), outputs))


@recipe(integers=True)
def adaptive_avg_pool(draw: Draw) -> Call:
    size, outputs = _shares(draw)
    x = draw.x(size)
    return Call((x, outputs), draw.dtype.kind in "iu", math.prod(size) + 1)


@recipe()
def adaptive_avg_pool_grad(draw: Draw) -> Call:
    size, outputs = _shares(draw)
    return Call((draw.x(outputs), size), False, math.prod(outputs) + 1)


@recipe(integers=True, specials=True)
def scatter(draw: Draw) -> Call:
    size, pooled, shared = _planes(draw)
    rules = ["assign", "max", "first"]
    if draw.data != "specials":
        rules += ["sum", "sum", "mean"]
    overlap = draw.pick(*rules)
    values = draw.array(*pooled)
    arguments = (values, _switches(draw, shared, size), size, overlap)
    return Call(arguments, _is_exact(draw, overlap), math.prod(pooled[2:]) + 1)


@recipe(integers=True, specials=True)
def unpool(draw: Draw) -> Call:
    """Switches that are inside are scattered; others are the error's, not drawn."""
    return scatter(draw)


@recipe()
def scatter_masked(draw: Draw) -> Call:
    size, pooled, shared = _planes(draw)
    where = draw.array(*pooled[:2], *size)
    arguments = (draw.array(*pooled), _switches(draw, shared, size), size, where)
    return Call(arguments, sums_exactly(draw), math.prod(pooled[2:]) + 1)


@recipe(integers=True, specials=True)
def gather(draw: Draw) -> Call:
    """Either the planes or the switches may be a batch of one for the other's many."""
    size, pooled, shared = _planes(draw)
    if draw.chance(0.5):
        return Call((draw.array(*pooled[:2], *size), _switches(draw, shared, size)))
    return Call((draw.array(*shared[:2], *size), _switches(draw, pooled, size)))


@recipe(integers=True)
def scatter_grad(draw: Draw) -> Call:
    size, pooled, shared = _planes(draw)
    overlap = draw.pick("assign", "max", "first", "sum", "mean")
    grad, values = draw.array(*pooled[:2], *size), draw.array(*pooled)
    arguments = (grad, values, _switches(draw, shared, size), overlap)
    return Call(arguments, overlap != "mean" or draw.dtype.kind in "iu")


def _planes(draw: Draw) -> tuple[Sizes, Sizes, Sizes]:
    """A plane's size, the shape of pooled values, and that of their switches, whose
    batch may be one for all of them."""
    rank = draw.rank()
    size = draw.sizes(rank)
    pooled = (draw.batch(), draw.channels(), *draw.sizes(rank))
    shared = (1, *pooled[1:]) if draw.chance(0.3) else pooled
    return size, pooled, shared


def _switches(draw: Draw, shape: Sizes, size: Sizes) -> np.ndarray:
    return draw.switches(shape, math.prod(size), distinct=draw.chance(0.3))


def _is_exact(draw: Draw, overlap: str) -> bool:
    if overlap == "sum":
        return sums_exactly(draw)
    return overlap != "mean" or draw.dtype.kind in "iu"
