"""im2col and col2im (torch: unfold and fold), any spatial rank."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Array, as_array, require_rank
from ..errors import ShapeError
from ..per_axis import is_several, per_axis
from ..registry import current
from ..window import Window
from .differentiation import Pullback, pullback_of


def im2col(
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> Array:
    """Sliding windows of ``x`` as columns: ``(N, C*prod(kernel), L)``.

    Row ``c*prod(kernel) + tap`` of column ``l`` is what that tap of window ``l`` reads
    in channel c; windows are in row-major order; padding reads 0.

    >>> import numpy as np
    >>> im2col(np.array([[[1, 2, 3]]]), 2)
    array([[[1, 2],
            [2, 3]]])
    """
    x = as_array(x, "x")
    size = require_rank(x, "x")
    window = Window.of(
        kernel_size,
        len(size),
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_size=size,
    )
    columns = current(x).im2col(x, window, window.output_size(size))
    # a window of one sample has the input itself as its columns
    return columns.copy() if np.may_share_memory(columns, x) else columns


def col2im(
    columns: Any,
    output_size: Any,
    kernel_size: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> Array:
    """Columns back into an image ``(N, C, *output_size)``, overlaps summed.

    The adjoint of :func:`im2col`; samples that no window covers are 0. The spatial
    rank is that of ``output_size`` or ``kernel_size``, whichever is a tuple. Raises
    ShapeError when the columns are not as many as the image has windows.
    """
    columns = as_array(columns, "columns")
    if columns.ndim != 3:
        raise ShapeError(
            f"columns has shape {columns.shape}: expected (N, C*prod(kernel), L)"
        )
    tuples = [v for v in (output_size, kernel_size) if is_several(v)]
    if not tuples:
        raise ShapeError(
            f"output_size={output_size} does not tell the spatial rank: give a tuple"
        )
    rank = len(tuples[0])
    size = per_axis(output_size, rank, "output_size", 1)
    window = Window.of(
        kernel_size,
        rank,
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_size=size,
    )
    positions = window.output_size(size)
    if columns.shape[2] != math.prod(positions) or columns.shape[1] % window.size:
        raise ShapeError(
            f"columns has shape {columns.shape}, but an image of size {size} has "
            f"{math.prod(positions)} windows {positions} of {window.size} taps: "
            f"expected (N, C*{window.size}, {math.prod(positions)})"
        )
    return current(columns).col2im(columns, window, positions, size)


@pullback_of(im2col, "x")
def _im2col_pullback(
    value: Array, x: Array, kernel_size: Any, **geometry: Any
) -> Pullback:
    return lambda grad: (col2im(grad, x.shape[2:], kernel_size, **geometry),)


@pullback_of(col2im, "columns")
def _col2im_pullback(
    value: Array, columns: Array, output_size: Any, kernel_size: Any, **geometry: Any
) -> Pullback:
    return lambda grad: (im2col(grad, kernel_size, **geometry),)
