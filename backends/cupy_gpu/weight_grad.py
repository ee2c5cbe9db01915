"""The gradient of a convolution's weight: shares of sums, added in their order."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ...arrays import Array, accumulator
from ...window import Window
from .algorithms import Setting, Tile
from .convolution import added, tables_of
from .device import Device
from .kernel import kernel_for
from .launching import contiguous, divisor_of, empty, index_type
from .problem import Problem, problem_of
from .winograd import WORKSPACE

WEIGHT_TILE = Tile(64, 64, 8)
LARGE_WEIGHT_TILE = Tile(128, 128, 8, tall=2, broad=2)


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
    room = max(1, WORKSPACE // (8 * y.size))  # never by what is free: see there
    splits = max(1, min(wanted, -(-steps // 8), room, 65535))
    struct = _struct(problem, splits)
    shares = empty(device, (splits, y.size), accumulator(grad.dtype))
    taps, _ = tables_of(device, problem)
    index = index_type(device, grad, x, shares)
    kernel = kernel_for(
        "weight_grad.cu", "weight_grad", grad.dtype, index, **tile.macros
    )
    arguments = (grad, x, shares, taps, divisor_of(window.size), struct)
    device.launch(kernel, (blocks * groups, splits), (tile.threads,), arguments)
    added(device, shares, (None, None), y, 1, 1, struct)
    return y


@lru_cache(4096)
def _struct(problem: Problem, splits: int) -> Any:
    return problem.packed(0, 0, 1, splits)
