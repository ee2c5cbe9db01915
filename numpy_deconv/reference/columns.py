"""im2col and col2im: a convolution's windows as the columns of a matrix, and back.

::

    columns (N, C*KH*KW, OH*OW)  <-  x (N, C, H, W)

Row ``(c, a, b)`` of the columns holds what tap ``(a, b)`` reads in channel ``c``,
column ``(i, j)`` the window of output ``(i, j)``.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array, widened
from ..per_axis import Sizes
from ..window import Window


def im2col(x: Array, window: Window, positions: Sizes) -> Array:
    """The ``positions`` windows of ``x`` as columns; taps in the padding read 0."""
    batch, channels, *size = x.shape
    length = math.prod(positions)
    if window.is_pointwise and tuple(size) == positions:
        return x.reshape(batch, channels, length)
    columns: Array = np.zeros_like(
        x, shape=(batch, channels, window.size, *positions), order="C"
    )
    for tap, outputs, inputs in window.taps(tuple(size), positions):
        columns[(..., tap, *outputs)] = x[(..., *inputs)]
    return columns.reshape(batch, channels * window.size, length)


@widened
def col2im(
    columns: Array, window: Window, positions: Sizes, output_size: Sizes
) -> Array:
    """The adjoint of :func:`im2col`: every tap adds to the sample it was read from."""
    batch, rows, _ = columns.shape
    channels = rows // window.size
    if window.is_pointwise and tuple(positions) == tuple(output_size):
        return columns.reshape(batch, channels, *output_size).copy()
    taps = columns.reshape(batch, channels, window.size, *positions)
    image: Array = np.zeros_like(
        columns, shape=(batch, channels, *output_size), order="C"
    )
    for tap, outputs, inputs in window.taps(output_size, positions):
        image[(..., *inputs)] += taps[(..., tap, *outputs)]
    return image
