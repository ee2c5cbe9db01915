"""A convolution, or the adjoint of one, as the product kernels take it.

Results that are ``phases`` apart see the same taps of the weight::

    y[k, q*phases + phase] = sum of w[tap, c, k] * x[c, q*step + at(tap)]
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from .geometry import DIVISOR, divisor, divisors, frozen, three

CONVOLUTION = np.dtype(
    [
        ("positions", DIVISOR, 3),
        ("depth", DIVISOR),
        ("total", "i8"),
        ("low", "f8"),
        ("high", "f8"),
        *((name, "i4", 3) for name in ("size", "outputs", "step", "phases")),
        *((n, "i4") for n in ("channels", "filters", "groups", "own", "taps")),
        *((n, "i4") for n in ("width", "rows", "splits", "transposed", "unused")),
    ],
    align=True,
)
Tap = tuple[int, int, int, int]  # where it reads, per axis, and its number


@dataclass(frozen=True, eq=False)
class Taps:
    """For each phase its taps; ``sources`` of merged phases, -1 where one has none."""

    of_phase: tuple[tuple[Tap, ...], ...]
    sources: tuple[tuple[int, ...], ...] = ()

    @cached_property
    def most(self) -> int:
        """Taps of the phase that has most of them."""
        return max(1, *map(len, self.of_phase), 0)

    @cached_property
    def tables(self) -> tuple[Any, Any, Any]:
        """Arrays for the kernels: taps, their counts, sources."""
        table = np.zeros((len(self.of_phase), self.most, 4), np.int32)
        for row, taps in zip(table, self.of_phase, strict=True):
            row[: len(taps)] = np.array(taps, np.int32).reshape(-1, 4)
        counts = np.array([len(taps) for taps in self.of_phase], np.int32)
        sources = np.array(self.sources or ((-1,),), np.int32)
        return table, counts, sources


@dataclass(frozen=True, eq=False)
class Problem:
    """What is computed, without its arrays; ``channels`` and ``filters`` per group.

    :func:`problem_of` gives the same object for the same call, so that all that
    follows from a problem is worked out once and found by its identity.
    """

    window: Window
    batch: int
    channels: int
    filters: int
    groups: int
    size: Sizes  # of what is read
    outputs: Sizes  # of the result
    adjoint: bool  # an input gradient
    dtype: np.dtype[Any]
    low: float = -math.inf
    high: float = math.inf
    merged: bool = False  # phases as filters of one product

    @cached_property
    def phases(self) -> Sizes:
        """Phases per axis."""
        if not self.adjoint:
            return (1,) * len(self.size)
        pairs = zip(self.window.stride, self.outputs, strict=True)
        return tuple(max(1, min(pair)) for pair in pairs)

    @cached_property
    def positions(self) -> Sizes:
        """Results of the longest phase, per axis."""
        pairs = zip(self.outputs, self.phases, strict=True)
        return tuple(-(-n // p) for n, p in pairs)

    @cached_property
    def total(self) -> int:
        """Positions of all images."""
        return self.batch * math.prod(self.positions)

    @cached_property
    def matrices(self) -> int:
        """Products that are computed side by side: phases and groups."""
        return self.groups * (1 if self.merged else math.prod(self.phases))

    @cached_property
    def all_filters(self) -> int:
        """Filters of one product."""
        return self.filters * (math.prod(self.phases) if self.merged else 1)

    @property
    def work(self) -> int:
        """Multiplications of all images."""
        results = self.batch * self.groups * self.filters * math.prod(self.outputs)
        return results * self.channels * self.window.size // math.prod(self.phases)

    @cached_property
    def merging(self) -> Problem:
        """The same with all phases in one product."""
        return replace(self, merged=True)

    @cached_property
    def apart(self) -> Problem:
        """The same with a product for each phase."""
        return replace(self, merged=False)

    @cached_property
    def taps(self) -> Taps:
        """Which taps each phase has."""
        return _taps(self.window, self.phases, self.adjoint, self.merged)

    @cached_property
    def untiled(self) -> Any:
        """The struct for a kernel without tiles."""
        return self.packed(0, 0, max(1, self.channels), 1)

    def packed(self, width: int, rows: int, depth: int, splits: int) -> Any:
        """The struct ``Convolution`` of ``convolution.cuh``."""
        struct = np.zeros((), CONVOLUTION)
        struct["positions"], struct["depth"] = divisors(self.positions), divisor(depth)
        struct["total"], struct["low"], struct["high"] = self.total, self.low, self.high
        struct["size"], struct["outputs"] = three(self.size, 1), three(self.outputs, 1)
        struct["step"] = 1 if self.adjoint else three(self.window.stride, 1)
        struct["phases"] = three(self.phases, 1)
        struct["channels"], struct["filters"] = self.channels, self.all_filters
        struct["groups"], struct["own"] = self.groups, self.filters
        struct["taps"] = self.taps.most
        struct["width"], struct["rows"], struct["splits"] = width, rows, splits
        struct["transposed"] = self.adjoint
        return frozen(struct)


@lru_cache(4096)
def problem_of(*fields: Any) -> Problem:
    """The problem of these fields, in their order; always the same one."""
    return Problem(*fields)


@lru_cache(4096)
def forward_of(window: Window, *fields: Any) -> Problem:
    """The problem of a convolution of these sizes; its outputs follow from them."""
    batch, channels, filters, groups, size, dtype, low, high = fields
    outputs = window.output_size(size)
    given = (batch, channels, filters, groups, size, outputs, False, dtype, low, high)
    return problem_of(window, *given)


@lru_cache(1024)
def _taps(window: Window, phases: Sizes, adjoint: bool, merged: bool) -> Taps:
    axes = range(window.rank)
    if not adjoint:
        forward = [
            [(a * window.dilation[n] - window.padding[n][0], a) for a in range(taps)]
            for n, taps in enumerate(window.kernel)
        ]
        return Taps((_combined(window, forward),))
    each = [[_of_phase(window, n, at) for at in range(phases[n])] for n in axes]
    if not merged:
        return Taps(tuple(_combined(window, list(choice)) for choice in product(*each)))
    offsets = [sorted({at for phase in axis for at, _ in phase}) for axis in each]
    union = list(product(*offsets))
    sources = []
    for choice in product(*each):
        found = [dict(axis) for axis in choice]
        taps = [
            [axis.get(at, -1) for axis, at in zip(found, u, strict=True)] for u in union
        ]
        sources.append(tuple(_number(window, t) if min(t) >= 0 else -1 for t in taps))
    shared = tuple((*_three(u), 0) for u in union)
    return Taps((shared,), tuple(sources))


def _of_phase(window: Window, axis: int, phase: int) -> list[tuple[int, int]]:
    """``(place, tap)`` of the gradient that results of this phase read, on one axis.

    Result ``q*s + phase`` was read by tap ``a`` of output ``q + (phase + b - a*d)/s``.
    """
    begin, stride = window.padding[axis][0], window.stride[axis]
    steps = [
        (phase + begin - a * window.dilation[axis], a)
        for a in range(window.kernel[axis])
    ]
    return sorted((step // stride, a) for step, a in steps if step % stride == 0)


def _combined(window: Window, axes: list[list[tuple[int, int]]]) -> tuple[Tap, ...]:
    return tuple(
        (
            *_three(tuple(at for at, _ in choice)),
            _number(window, [a for _, a in choice]),
        )
        for choice in product(*axes)
    )


def _three(places: tuple[int, ...]) -> tuple[int, int, int]:
    z, y, x = three(places, 0)
    return z, y, x


def _number(window: Window, taps: list[int]) -> int:
    """A tap's number in row-major order."""
    return int(np.ravel_multi_index(taps, window.kernel))
