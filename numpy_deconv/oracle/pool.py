"""A sliding pool's window under the flags of a Semantics, and what its switches count.

The reference has PyTorch's windows; here its kernels are given wider end padding where
a framework keeps a window that PyTorch drops.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..per_axis import Sizes, entries_of, is_several
from ..reference import pooling
from ..window import Window
from .call import Array, Call
from .coordinates import coordinates, flattened


class Pool:
    """A sliding pool's window, its outputs, and which divisor its means have."""

    def __init__(self, call: Call) -> None:
        self.size: Sizes = call["x"].shape[2:]
        attributes, flags = call.attributes, call.semantics
        rank = len(self.size)
        padding = attributes["padding"]
        if flags.pad_limit == "none" and not isinstance(padding, str):
            entries = entries_of(padding, rank, "padding")
            padding = tuple(e if is_several(e) else (e, e) for e in entries)
        self.window = Window.of_pool(
            attributes["kernel_size"],
            rank,
            stride=attributes["stride"],
            padding=padding,
            dilation=attributes["dilation"],
            ceil_mode=attributes["ceil_mode"],
            input_size=self.size,
        )
        self.outputs = self.window.output_size(self.size)
        if self.window.ceil_mode and flags.ceil_rule == "keep":
            self.outputs = tuple(
                -(-(n + sum(pads) - span) // stride) + 1
                for n, pads, span, stride in zip(
                    self.size,
                    self.window.padding,
                    self.window.span,
                    self.window.stride,
                    strict=True,
                )
            )
        # end padding as wide as the last window: what a tap reads stays the same
        reached = tuple(
            (begin, max(0, (o - 1) * stride + span - n - begin))
            for o, (begin, _), stride, span, n in zip(
                self.outputs,
                self.window.padding,
                self.window.stride,
                self.window.span,
                self.size,
                strict=True,
            )
        )
        self.exact = replace(self.window, padding=reached, ceil_mode=False)
        self.inside = self.window.counts(self.size, self.outputs, padded=False)
        if not self.inside.all() and flags.empty_window == "error":
            name = call.operation.forward
            if name == "max_pool" or not attributes.get("count_include_pad", True):
                raise ShapeError(
                    f"with padding {self.window.padding} some window of {name} over "
                    f"an input of size {self.size} is all padding: use less, or "
                    "semantics with empty_window='-inf'"
                )

    def sums(self, x: Array) -> Array:
        """Sum of each window."""
        return pooling.window_sum(x, self.exact)

    def spread(self, grad: Array) -> Array:
        """The adjoint of sums."""
        return pooling.window_sum_grad(grad, self.size, self.exact)

    def divisors(self, call: Call) -> Array:
        """What each window's sum is divided by."""
        if not call.attributes["count_include_pad"]:
            return np.maximum(self.inside, 1)
        if call.semantics.divisor == "window":
            return np.full(self.outputs, self.window.size)
        return self.window.counts(self.size, self.outputs, padded=True)

    def rescale(self, call: Call) -> Array:
        """The p-norm's factor for clipped windows."""
        if not rescales(call):
            return np.ones(self.outputs)
        counts = self.window.counts(self.size, self.outputs, padded=True)
        return self.window.size / np.maximum(counts, 1)


def rescales(call: Call) -> bool:
    """Whether lp_pool rescales clipped windows: its own option can only decline."""
    wanted = call.attributes["rescale_clipped"]
    return bool(wanted) and call.semantics.lp_clipped == "rescale"


def rebased(switches: Array, call: Call, pool: Pool) -> Array:
    """Plane switches in the base and the storage order of the call's semantics."""
    base, size = call.semantics.index_base, pool.size
    batch, channels = call["x"].shape[:2]
    at = coordinates(np.maximum(switches, 0), size)
    if call.semantics.storage_order == "column":
        at, size = at[::-1], size[::-1]
    flat = flattened(at, size) if size else np.zeros_like(switches)
    rest = (1,) * (switches.ndim - 2)
    n = np.arange(batch).reshape(-1, 1, *rest)
    c = np.arange(channels).reshape(1, -1, *rest)
    area = math.prod(size)
    if base == "array":
        flat = (n * channels + c) * area + flat
    elif base in ("nhwc", "bnhwc"):
        flat = flat * channels + c
        if base == "bnhwc":
            flat = flat + n * area * channels
    elif base == "window":
        flat = _tap_of(at, pool)
    return np.where(switches < 0, -1, flat)


def _tap_of(at: tuple[Any, ...], pool: Pool) -> Array:
    total: Array = np.zeros((), np.int64)
    for axis, place in enumerate(at):
        outputs = np.arange(pool.outputs[axis])
        shape = [1] * place.ndim
        shape[2 + axis] = -1
        start = outputs * pool.window.stride[axis] - pool.window.padding[axis][0]
        tap = (place - start.reshape(shape)) // pool.window.dilation[axis]
        total = total * pool.window.kernel[axis] + tap
    return total
