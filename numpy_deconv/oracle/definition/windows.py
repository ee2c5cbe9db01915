"""The windows of each pooling, listed one by one.

A pooling is a list of ``(index in y, [index in x, ...])``: what sliding, adaptive and
global pooling differ in. What is done with a window is in :mod:`.pooling`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from numpy_deconv.oracle.definition.exact import Index, indices
from numpy_deconv.oracle.definition.geometry import (
    Axes,
    Padding,
    PerAxis,
    check_pool_padding,
    outputs,
    per_axis,
    taps,
    window_axes,
)

Window = tuple[Index, list[Index]]


def pool_axes(
    shape: Index,
    kernel_size: PerAxis,
    stride: PerAxis | None,
    padding: Padding,
    dilation: PerAxis,
    ceil_mode: bool,
) -> Axes:
    """The axes of a sliding pooling, whose stride is the kernel unless given."""
    step = kernel_size if stride is None else stride
    axes = window_axes(shape[2:], kernel_size, step, padding, dilation, ceil_mode)
    check_pool_padding(axes, padding)
    return axes


def sliding(shape: Index, axes: Axes) -> Iterator[Window]:
    """The windows of a kernel that slides over each plane of ``shape``."""
    for n, c in indices(shape[:2]):
        for position in indices(outputs(axes)):
            members = [(n, c, *place) for _, place in taps(axes, position)]
            yield (n, c, *position), members


def adaptive_outputs(shape: Index, output_size: PerAxis) -> Index:
    """The shape that an adaptive pooling of ``shape`` returns."""
    return (*shape[:2], *per_axis("output_size", output_size, len(shape) - 2, 1))


def adaptive(shape: Index, output_size: PerAxis) -> Iterator[Window]:
    """The windows that split each axis L into O parts, which may overlap by one.

    Part ``i`` is ``floor(i * L / O) <= place < ceil((i + 1) * L / O)``.
    """
    for index in indices(adaptive_outputs(shape, output_size)):
        parts = []
        for i, length, count in zip(
            index[2:], shape[2:], adaptive_outputs(shape, output_size)[2:], strict=True
        ):
            parts.append(range(i * length // count, -(-(i + 1) * length // count)))
        yield index, [(*index[:2], *place) for place in itertools.product(*parts)]
