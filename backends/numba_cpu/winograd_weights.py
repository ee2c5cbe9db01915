"""Weights in the form that Winograd's products read: transformed, in panels.

``u (panels, t*t, C, width) <- w (K, C, 3, 3)``, filter ``k`` in lane ``k % width`` of
panel ``k // width``. In training every step brings new weights, so this is done as
often as the convolutions themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import arena
from .compiled import compiled
from .packing import panel_width
from .team import spread
from .winograd_matrices import Filtering

Array = np.ndarray[Any, Any]

LINES = 12


def transformed(weight: Array, filtering: Filtering, *, flipped: bool) -> Array:
    """``G w G^T``, formed in float64 and rounded once.

    ``flipped`` takes ``w`` turned by half a turn, with its first axes exchanged: the
    weight of the convolution that is the input gradient of ``weight``'s.
    """
    w = weight[:, :, ::-1, ::-1].swapaxes(0, 1) if flipped else weight
    filters, channels = w.shape[:2]
    width = panel_width(weight.dtype)
    shape = (-(-filters // width), filtering.tile**2, channels, width)
    u = arena.take(shape, weight.dtype)
    spread(
        _transform,
        shape[0] * channels,
        w,
        np.array(filtering.weights),
        u,
        scratch=(LINES * width, np.float64),
        alone=u.size < 1 << 14,
    )
    return u


@compiled
def _transform(start, stop, lines, w, g, u):  # type: ignore[no-untyped-def]
    """One panel of filters for one channel per task.

    ``lines`` holds nine lines of taps, a filter a lane, and three of ``G w``'s rows.
    """
    filters, channels, width, t = w.shape[0], w.shape[1], u.shape[3], g.shape[0]
    for task in range(start, stop):
        panel, c = divmod(task, channels)
        first = panel * width
        lanes = min(width, filters - first)
        for lane in range(lanes):
            for row in range(3):
                for column in range(3):
                    tap = (3 * row + column) * width
                    lines[tap + lane] = w[first + lane, c, row, column]
        for tap in range(9):
            for lane in range(lanes, width):
                lines[tap * width + lane] = 0
        for i in range(t):
            for column in range(3):
                tap, to = column * width, (9 + column) * width
                for lane in range(width):
                    lines[np.uintp(to + lane)] = (
                        g[i, 0] * lines[np.uintp(tap + lane)]
                        + g[i, 1] * lines[np.uintp(tap + 3 * width + lane)]
                        + g[i, 2] * lines[np.uintp(tap + 6 * width + lane)]
                    )
            for j in range(t):
                made = u[panel, i * t + j, c]
                for lane in range(width):
                    made[lane] = (
                        lines[np.uintp(9 * width + lane)] * g[j, 0]
                        + lines[np.uintp(10 * width + lane)] * g[j, 1]
                        + lines[np.uintp(11 * width + lane)] * g[j, 2]
                    )
