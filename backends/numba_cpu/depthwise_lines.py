"""Which lines of the input each row of outputs of a depthwise convolution reads."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .gathered import Triple

Array = np.ndarray[Any, Any]

#: Most neighbouring taps that a line is gone through with, and most steps of theirs.
TAPS, STEPS = 7, 2


class Axis(NamedTuple):
    """What is read along one axis: by output ``i`` through tap ``t`` the position
    ``(first + i*step + t*apart) / up``, where that is whole."""

    taps: int
    first: int
    apart: int
    step: int
    up: int

    @property
    def together(self) -> bool:
        """Whether the taps are some neighbours, so few that their weights and the sums
        of a few outputs fit the registers."""
        neighbours = self.apart == (1 if self.up == 1 else -1)
        return neighbours and 1 < self.taps <= TAPS and max(self.step, self.up) <= STEPS

    def read(self, outputs: int, size: int) -> tuple[Array, Array]:
        """The positions ``(outputs, taps)``, and which are there, of so many."""
        i, t = np.ogrid[:outputs, : self.taps]
        at, rest = np.divmod(self.first + i * self.step + t * self.apart, self.up)
        return at, (rest == 0) & (at >= 0) & (at < size)

    def ahead(self, taps: int) -> Array:
        """Where lines of so many taps begin, counted from where a row's first step of
        outputs would without an offset."""
        if self.up > 1:
            return np.array([self.first // self.up - (taps - 1) // self.up])
        return self.first + np.arange(0, self.taps, taps) * self.apart


def lines(
    shape: tuple[int, ...],
    axes: tuple[Axis, Axis, Axis],
    outputs: Triple,
    pitches: tuple[int, ...],
    taps: int,
) -> tuple[Array, Array]:
    """Lines of so many taps each, and a table of the rows of outputs, both flat.

    A line is where it begins in a sample of ``x (N, D, H, W, C)``, where its weights
    do in ``(taps, C)``, both in elements, and at which pixel of its row. The table
    has each row's first line, and its place in ``y``, whose planes and rows are
    ``pitches`` apart.
    """
    _, depth, height, width, channels = shape
    z, y, x = axes
    at_z, there_z = z.read(outputs[0], depth)
    at_y, there_y = y.read(outputs[1], height)
    # axes: planes and rows of outputs, planes and rows of taps, lines of a row of taps
    of_planes, of_rows = np.s_[:, None, :, None, None], np.s_[None, :, None, :, None]
    ahead = x.ahead(taps)
    a, b, first = np.ogrid[: z.taps, : y.taps, 0 : x.taps : taps]
    words = (
        ((at_z[of_planes] * height + at_y[of_rows]) * width + ahead) * channels,
        ((a * y.taps + b) * x.taps + first) * channels,
        ahead,
    )
    there = there_z[of_planes] & there_y[of_rows] & (first >= 0)
    found = [np.broadcast_to(word, there.shape)[there] for word in words]
    table = np.zeros((outputs[0] * outputs[1] + 1, 2), np.int64)
    np.cumsum(there.reshape(len(table) - 1, -1).sum(axis=1), out=table[1:, 0])
    plane, row = np.ogrid[: outputs[0], : outputs[1]]
    table[:-1, 1] = (plane * pitches[0] + row * pitches[1]).reshape(-1)
    return np.stack(found, axis=-1).astype(np.int64).reshape(-1), table.reshape(-1)
