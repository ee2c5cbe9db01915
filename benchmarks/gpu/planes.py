"""What only moves memory: pools and back, columns, local response normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import case
from case import Case, Sides, Tools
from convolutions import VGG
from shrunken import shapes

from numpy_deconv import get_backend
from numpy_deconv.layers import MaxPool
from numpy_deconv.window import Window

HALVING = ((2, 2), (2, 2))
MOST_COLUMNS = 32  # images
RESPONSE = (5, 1e-4, 0.75, 2.0)  # AlexNet's: size, alpha, beta, k


def cases(batch: int) -> Iterator[Case]:
    """At one batch."""
    yield from _pools(batch)
    if batch <= MOST_COLUMNS:
        yield _columns(batch)
    yield _norm(batch)


def _pools(batch: int) -> Iterator[Case]:
    for shape in shapes(MaxPool):
        read, made = batch * math.prod(shape.size), batch * math.prod(shape.out)
        moved = 4.0 * read + 12.0 * made  # values, and switches of 64 bits
        if moved > case.LARGEST // 4:
            continue
        x, window = (batch, *shape.size), shape.window
        words = f"{shape.net} {shape.words}"
        sides = _pool(x, window)
        yield Case("max pool", words, batch, "float32", moved, 0, sides, 0)
        if (window.kernel, window.stride) == HALVING:  # else torch's differs
            sides = _unpool(x, window)
            yield Case("unpool", words, batch, "float32", moved, 0, sides, 0)


def _pool(x: tuple[int, ...], window: Window) -> Callable[[Tools], Sides]:
    def make(tools: Tools) -> Sides:
        tensors, arrays = tools.rotating(*x)
        backend = get_backend("cupy", precision="float32")

        def ours(n: int) -> Any:
            return backend.max_pool(arrays[n % len(arrays)], window)

        def theirs(n: int) -> Any:
            return tools.torch.nn.functional.max_pool2d(
                tensors[n % len(tensors)],
                window.kernel,
                window.stride,
                ceil_mode=window.ceil_mode,
                return_indices=True,
            )

        return tools.sides(ours, theirs)

    return make


def _unpool(x: tuple[int, ...], window: Window) -> Callable[[Tools], Sides]:
    def make(tools: Tools) -> Sides:
        _, arrays = tools.rotating(*x)
        backend = get_backend("cupy", precision="float32")
        pooled = [backend.max_pool(array, window) for array in arrays]
        shared = []
        if tools.torch is not None:
            shared = [tuple(map(tools.torch.from_dlpack, pair)) for pair in pooled]

        def ours(n: int) -> Any:
            values, switches = pooled[n % len(pooled)]
            return backend.scatter(values, switches, x[2:], "sum")

        def theirs(n: int) -> Any:
            values, switches = shared[n % len(shared)]
            return tools.torch.nn.functional.max_unpool2d(
                values, switches, window.kernel, window.stride, output_size=x[2:]
            )

        return tools.sides(ours, theirs)

    return make


def _columns(batch: int) -> Case:
    channels, side = (4, 9) if case.SHRUNK else (64, 56)
    size = (side, side)
    image, columns = batch * channels * side**2, batch * channels * 9 * side**2

    def make(tools: Tools) -> Sides:
        tensors, arrays = tools.rotating(batch, channels * 9, side**2)
        backend = get_backend("cupy", precision="float32")

        def ours(n: int) -> Any:
            return backend.col2im(arrays[n % len(arrays)], VGG, size, size)

        def theirs(n: int) -> Any:
            x = tensors[n % len(tensors)]
            return tools.torch.nn.functional.fold(x, size, (3, 3), padding=1)

        return tools.sides(ours, theirs)

    moved = 4.0 * (image + columns)
    words = f"{channels} 3x3 at {side}"
    return Case("col2im", words, batch, "float32", moved, 0, make)


def _norm(batch: int) -> Case:
    channels, side = (12, 7) if case.SHRUNK else (96, 55)
    x = (batch, channels, side, side)

    def make(tools: Tools) -> Sides:
        tensors, arrays = tools.rotating(*x)
        backend = get_backend("cupy", precision="float32")

        def ours(n: int) -> Any:
            return backend.local_response_norm(arrays[n % len(arrays)], *RESPONSE)

        def theirs(n: int) -> Any:
            x = tensors[n % len(tensors)]
            return tools.torch.nn.functional.local_response_norm(x, *RESPONSE)

        return tools.sides(ours, theirs)

    words, moved = f"{channels} channels at {side}", 8.0 * math.prod(x)
    return Case("lrn", words, batch, "float32", moved, 0, make)
