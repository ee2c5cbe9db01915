"""Winograd's filtering for 3x3 of stride 1: two transforms around cuBLAS's products.

A quarter of the multiplications, at about ten times the rounding error of a direct sum
(Lavin & Gray 2015). Images are taken a few at a time, so that what lies between the
transforms stays small.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Array
from .device import Device
from .geometry import DIVISOR, divisor
from .launching import divisor_of, empty, run
from .problem import Problem

FILE = "winograd.cu"
PRODUCTS = 36  # of a tile of 6x6
RESULTS = 4  # of a tile, per axis
WORKSPACE = 256 << 20
"""Bytes between the transforms, unless one image needs more. The same however much is
free: how many images a product takes decides how its sums are rounded."""
TILES = np.dtype(
    [
        ("across", DIVISOR),
        ("down", DIVISOR),
        ("count", "i8"),
        *((n, "i4") for n in ("channels", "height", "width", "top", "left")),
        *((n, "i4") for n in ("results", "result_height", "result_width")),
        *((n, "i4") for n in ("flipped", "unused")),
        ("low", "f8"),
        ("high", "f8"),
    ],
    align=True,
)


def computed(
    device: Device,
    problem: Problem,
    x: Array,
    weight: Array,
    bias: Array | None,
    y: Array,
) -> None:
    """The problem's result, into ``y``."""
    down, across = (-(-n // RESULTS) for n in problem.outputs)
    each = PRODUCTS * (problem.channels + problem.filters) * down * across
    images = max(1, WORKSPACE // (each * x.itemsize))
    struct = _struct(problem, down, across)
    pairs = problem.filters * problem.channels
    u = empty(device, (PRODUCTS, problem.filters, problem.channels), x.dtype)
    run(device, FILE, "transform_weight", x.dtype, pairs, weight, u, ..., struct)
    for first in range(0, problem.batch, images):
        part = slice(first, first + images)
        count = len(x[part]) * down * across
        struct["count"] = count
        rest = (..., divisor_of(count), struct)
        v = empty(device, (PRODUCTS, problem.channels, count), x.dtype)
        total = problem.channels * count
        run(device, FILE, "transform_input", x.dtype, total, x[part], v, *rest)
        m = device.product(u, v)
        total = problem.filters * count
        arguments = (m, bias, y[part], *rest)
        run(device, FILE, "transform_output", x.dtype, total, *arguments)


def _struct(problem: Problem, down: int, across: int) -> Any:
    begins = [b for b, _ in problem.window.padding]
    if problem.adjoint:
        begins = [2 - b for b in begins]
    struct = np.zeros((), TILES)
    struct["across"], struct["down"] = divisor(across), divisor(down)
    struct["channels"], struct["results"] = problem.channels, problem.filters
    struct["height"], struct["width"] = problem.size
    struct["result_height"], struct["result_width"] = problem.outputs
    struct["top"], struct["left"] = begins
    struct["flipped"] = problem.adjoint
    struct["low"], struct["high"] = problem.low, problem.high
    return struct
