"""Kernels to be judged, right and hostile, that can be imported by name."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

import numpy_deconv as nd

Array = Any


def plain_conv(x: Array, w: Array, b: Array = None, *, stride: Any, padding: Any):
    """A right one, without dilation and groups."""
    return nd.conv(x, w, b, stride=stride, padding=padding)


def kills_its_process(x: Array) -> Array:
    os._exit(9)


def hangs(x: Array) -> Array:
    while True:
        time.sleep(0.01)


def raises(x: Array) -> Array:
    raise ZeroDivisionError("what now?")


def writes_its_input(x: Array) -> Array:
    np.maximum(x, 0, out=x)
    return x.copy()


def writes_beside_its_input(x: Array) -> Array:
    memory = x
    while isinstance(memory.base, np.ndarray):
        memory = memory.base
    memory.reshape(-1)[0] = 1
    return np.maximum(x, 0)


def reads_beside_its_input(x: Array) -> Array:
    memory = x
    while isinstance(memory.base, np.ndarray):
        memory = memory.base
    y = np.maximum(x, 0)
    if y.size:
        y.reshape(-1)[-1] = memory.reshape(-1)[-1]
    return y


def leaves_some_unwritten(x: Array) -> Array:
    y = np.empty(x.shape, x.dtype)
    y[..., :-1] = np.maximum(x, 0)[..., :-1]
    return y


def returns_objects(x: Array) -> Array:
    return np.maximum(x, 0).astype(object)


def returns_a_view(x: Array) -> Array:
    return x


def returns_doubles(x: Array) -> Array:
    return np.maximum(x, 0).astype(np.float64)


def returns_nothing(x: Array) -> None:
    return None


def returns_text(x: Array) -> Array:
    return np.full(x.shape, "one")


class Buffered:
    """Writes every result into one array."""

    def __init__(self) -> None:
        self.y = np.zeros(0, np.float32)

    def __call__(self, x: Array) -> Array:
        if x.size > self.y.size:
            self.y = np.zeros(x.size, x.dtype)
        y = self.y[: x.size].reshape(x.shape)
        np.maximum(x, 0, out=y)
        return y


class Stale:
    """Gives what it gave before, if the shape is the same."""

    def __init__(self) -> None:
        self.before: dict[Any, Array] = {}

    def __call__(self, x: Array) -> Array:
        y = np.maximum(x, 0)
        return self.before.setdefault(x.shape, y).copy()


class Forgetful:
    """Right the first time that it sees an array, wrong the second."""

    def __init__(self) -> None:
        self.seen: bytes = b""

    def __call__(self, x: Array) -> Array:
        again, self.seen = x.tobytes() == self.seen, x.tobytes()
        return np.maximum(x, 0) + np.float32(again)


def into_out(x: Array, out: Array) -> None:
    """A kernel that is given the place for its result."""
    out[...] = np.where(np.isnan(x), x, np.maximum(x, 0))


def into_some_of_out(x: Array, out: Array) -> None:
    out[..., :-1] = np.maximum(x, 0)[..., :-1]


def notices_stride(kernel: Any) -> bool:
    """A user's test of a convolution: one square case."""
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (1, 1, 6, 7)).astype(np.float32)
    w = rng.integers(-3, 4, (1, 1, 2, 2)).astype(np.float32)
    got = kernel(x, w, None, stride=(1, 2))
    return got.shape == (1, 1, 5, 3) and np.array_equal(
        got, nd.conv(x, w, stride=(1, 2))
    )


def refuses_all(kernel: Any) -> bool:
    return False


def wrong_stride(x, weight, bias=None, *, stride, padding, dilation, groups):
    """The first stride on every axis."""
    stride = (stride[0],) * len(stride)
    return nd.conv(
        x,
        weight,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
