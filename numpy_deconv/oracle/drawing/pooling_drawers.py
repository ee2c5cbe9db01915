"""Draws calls of pools, unpools and upsampling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays import Array
from ...functional import max_pool
from .drafts import Draft, drawer
from .window_drawers import (
    Drawn,
    dilations_of,
    kernel_of,
    options_of,
    padding_of,
    spelt,
    strides_of,
)


def _pool(
    d: Draft, *, dilated: bool, padded: bool = True
) -> tuple[Any, dict[str, Any]]:
    """``(shape, options)`` of a sliding pool."""
    rank, batch, channels = d.rank(), d.batch(), d.channels()
    kernel = kernel_of(d, rank)
    dilation = dilations_of(d, rank) if dilated else (1,) * rank
    spans = [m * (k - 1) + 1 for k, m in zip(kernel, dilation, strict=True)]
    limits = tuple(k // 2 for k in kernel)
    if d.wishes.pairs:
        limits = tuple(s - 1 for s in spans)
    pads = padding_of(d, limits) if padded else ((0, 0),) * rank
    own = d.may("stride") and d.pick("strided", (False, True, True))
    stride = strides_of(d, rank) if own else kernel
    ceil_mode = d.may("ceil_mode") and d.pick("ceil", (False, True))
    lowest = [max(1, s - b - e) for s, (b, e) in zip(spans, pads, strict=True)]
    sizes = d.sizes(rank, lowest, max(batch, 1) * channels)
    options = {"kernel_size": kernel}
    options |= (
        options_of(d, stride=stride, ceil_mode=ceil_mode)
        if own
        else (options_of(d, ceil_mode=ceil_mode))
    )
    if padded:
        options |= options_of(d, padding=spelt(d, pads))
    if dilated:
        options |= options_of(d, dilation=dilation)
    return (batch, channels, *sizes), options


@drawer("max_pool")
def _max_pool(d: Draft) -> Drawn:
    shape, options = _pool(d, dilated=True)
    return {"x": d.array(*shape)}, options


def _has_all(d: Draft) -> bool:
    """Whether these semantics have options that PyTorch's function lacks."""
    return d.wishes.pairs


@drawer("avg_pool")
def _avg_pool(d: Draft) -> Drawn:
    shape, options = _pool(d, dilated=_has_all(d))
    include = d.pick("include", (True, False))
    options |= options_of(d, count_include_pad=include)
    return {"x": d.array(*shape)}, options


@drawer("lp_pool")
def _lp_pool(d: Draft) -> Drawn:
    shape, options = _pool(d, dilated=_has_all(d), padded=_has_all(d))
    norm, x = d.pick("norm", (2.0, 1.0, 3.0, 4.0)), d.array(*shape)
    if norm % 2 and not _has_all(d):
        x = np.abs(x)  # PyTorch's odd norms of negative numbers are powers with a sign
    return {"x": x}, {"norm_type": norm, **options}


def _plane(d: Draft) -> tuple[int, ...]:
    rank, batch, channels = d.rank(), d.batch(), d.channels()
    return (
        batch,
        channels,
        *d.sizes(rank, (1,) * rank, max(batch, 1) * channels),
    )


@drawer("adaptive_avg_pool", "adaptive_max_pool")
def _adaptive(d: Draft) -> Drawn:
    shape = _plane(d)
    cells = tuple(
        min(d.pick(f"cells{i}", (1, 2, 3, 4, 5, 7)), n + 2)
        for i, n in enumerate(shape[2:])
    )
    return {"x": d.array(*shape)}, {"output_size": cells}


@drawer("global_avg_pool", "global_max_pool")
def _global(d: Draft) -> Drawn:
    return {"x": d.array(*_plane(d))}, {}


@drawer("max_unpool")
def _max_unpool(d: Draft) -> Drawn:
    """Switches of a pool, overlapping or not, or any at all."""
    shape, options = _pool(d, dilated=False, padded=False)
    options.pop("ceil_mode", None)
    if d.pick("apart", (True, False)):
        options.pop("stride", None)
    x = d.rng.permutation(math.prod(shape)).reshape(shape).astype(np.float64)
    y, switches = max_pool(x, **options)
    kind = d.pick("switches", ("pooled", "any"))
    if kind == "any" and y.size:
        switches = d.rng.integers(0, math.prod(shape[2:]), np.shape(y))
    arrays: dict[str, Array | None] = {
        "y": d.array(*np.shape(y)),
        "switches": np.asarray(switches).astype(np.int64),
    }
    rules = ("assign",) if not _has_all(d) else ("assign", "sum")
    overlap = options_of(d, overlap=d.pick("overlap", rules))
    if overlap.get("overlap") == "assign" and not _has_all(d):
        overlap = {}
    return arrays, {"output_size": shape[2:], **overlap}


@drawer("upsample")
def _upsample(d: Draft) -> Drawn:
    rank, batch, channels = d.rank(), d.batch(), d.channels()
    scale = tuple(d.pick(f"scale{i}", (1, 2, 3)) for i in range(rank))
    others = max(batch, 1) * channels * math.prod(scale)
    sizes = d.sizes(rank, (1,) * rank, others)
    mode = d.pick("mode", ("nearest", "bilinear"))
    options = options_of(d, mode=mode)
    return {"x": d.array(batch, channels, *sizes)}, {"scale": scale, **options}


@drawer("pad")
def _pad(d: Draft) -> Drawn:
    rank, batch, channels = d.rank(), d.batch(), d.channels()
    sizes = d.sizes(rank, (1,) * rank, max(batch, 1) * channels)
    mode = d.pick("mode", ("constant", "reflect", "replicate"))
    mode = mode if d.may("mode") else "constant"
    pads = tuple(
        tuple(
            min(d.pick(f"{end}{i}", (0, 1, 2, 3)), n - 1 if mode == "reflect" else 9)
            for end in ("begin", "end")
        )
        for i, n in enumerate(sizes)
    )
    options = options_of(d, mode=mode)
    if mode == "constant":
        options |= options_of(d, value=d.pick("value", (0.0, 1.0, -2.5)))
    return {"x": d.array(batch, channels, *sizes)}, {"padding": pads, **options}
