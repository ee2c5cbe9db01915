"""Convolutions whose sizes reach the edges of vectors, register tiles and blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from fenced_arrays import fenced
from hypothesis import strategies as st

from numpy_deconv.window import Window

CHANNELS = st.sampled_from([1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 48, 65])


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    rank = draw(st.integers(1, 3))
    top = {1: 70, 2: 30, 3: 9}[rank]

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    kernel, stride, dilation = each(1, 4), each(1, 4), each(1, 3)
    padding = tuple((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in kernel)
    if draw(st.booleans()):
        kernel, stride, dilation = (3,) * rank, (1,) * rank, (1,) * rank
    window = Window.of(kernel, rank, stride=stride, dilation=dilation, padding=padding)
    size = tuple(
        draw(st.integers(max(1, span - b - e), span + top))
        for span, (b, e) in zip(window.span, padding, strict=True)
    )
    if draw(st.integers(0, 3)) == 0:
        groups = draw(CHANNELS)
        depth = filters = 1
    else:
        groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
        depth, filters = draw(CHANNELS), draw(CHANNELS)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(dtype)

    batch = draw(st.integers(1, 3))
    x = normal(batch, depth * groups, *size)
    grad = normal(batch, filters * groups, *window.output_size(size))
    return {
        "x": fenced(x, draw(st.booleans())),
        "grad": fenced(grad, draw(st.booleans())),
        "weight": fenced(normal(filters * groups, depth, *kernel), False),
        "bias": normal(filters * groups) if draw(st.booleans()) else None,
        "window": window,
        "groups": groups,
    }
