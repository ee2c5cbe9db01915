"""Winograd's filtering for 3x3 of stride 1: two transforms around cuBLAS's products.

A quarter of the multiplications, at about ten times the rounding error of a direct sum
(Lavin & Gray 2015). What lies between the transforms is 2.25 times as large as what
goes in and comes out, so it is to stay in the card's cache: few tiles are taken at a
time, but enough for the products to fill the card.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ...arrays import Array
from .algorithms import Setting
from .device import Device
from .geometry import DIVISOR, divisor, frozen
from .launching import contiguous, divisor_of, empty, run
from .problem import Problem

FILE = "winograd.cu"
PRODUCTS = 36  # of a tile of 6x6
RESULTS = 4  # of a tile, per axis
WORKSPACE = 256 << 20
"""Bytes between the transforms at most. The same however much is free: how many tiles
a product takes decides how its sums are rounded."""
BLOCK = 128  # rows and columns that a block of cuBLAS's computes
FULL = 4  # blocks for each multiprocessor: two at a time, twice
TILES = np.dtype(
    [
        ("across", DIVISOR),
        ("down", DIVISOR),
        ("first", "i8"),
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
    setting: Setting,
    problem: Problem,
    x: Array,
    weight: Array,
    ending: tuple[Array | None, ...],
    y: Array,
) -> None:
    """The problem's result, into ``y``; ``ending`` is bias and ``where``."""
    dtype, channels, filters = x.dtype, problem.channels, problem.filters

    def transformed() -> Array:
        u = empty(device, (PRODUCTS, filters, channels), dtype)
        given = (contiguous(device, weight), u, ..., _struct(problem, 0))
        run(device, FILE, "transform_weight", dtype, filters * channels, *given)
        return u

    u = device.form_of(weight, ("winograd", problem.adjoint), transformed)
    tiles = _tiles(problem)
    each = tiles_at_once(problem, setting)
    for first in range(0, tiles, each):
        count = min(each, tiles - first)
        rest = (..., divisor_of(count), _struct(problem, first))
        v = empty(device, (PRODUCTS, channels, count), dtype)
        run(device, FILE, "transform_input", dtype, channels * count, x, v, *rest)
        m = device.product(u, v)
        arguments = (m, *ending, y, *rest)
        run(device, FILE, "transform_output", dtype, filters * count, *arguments)


def _tiles(problem: Problem) -> int:
    down, across = (-(-n // RESULTS) for n in problem.outputs)
    return problem.batch * down * across


@lru_cache(4096)
def tiles_at_once(problem: Problem, setting: Setting) -> int:
    """Tiles of one product: all, or equal shares of them in whole blocks."""
    each = PRODUCTS * (problem.channels + problem.filters) * problem.dtype.itemsize
    rows = PRODUCTS * -(-problem.filters // BLOCK)  # of blocks
    full = -(-FULL * setting.units // rows) * BLOCK
    room = max(1, WORKSPACE // (each * BLOCK)) * BLOCK
    wanted = min(max(setting.cache // each, full), room)
    tiles = _tiles(problem)
    parts = max(1, round(tiles / wanted), -(-tiles // room))
    return -(-tiles // (parts * BLOCK)) * BLOCK


@lru_cache(4096)
def _struct(problem: Problem, first: int) -> Any:
    down, across = (-(-n // RESULTS) for n in problem.outputs)
    begins = [b for b, _ in problem.window.padding]
    if problem.adjoint:
        begins = [2 - b for b in begins]
    struct = np.zeros((), TILES)
    struct["across"], struct["down"] = divisor(across), divisor(down)
    struct["first"] = first
    struct["channels"], struct["results"] = problem.channels, problem.filters
    struct["height"], struct["width"] = problem.size
    struct["result_height"], struct["result_width"] = problem.outputs
    struct["top"], struct["left"] = begins
    struct["flipped"] = problem.adjoint
    struct["low"], struct["high"] = problem.low, problem.high
    return frozen(struct)
