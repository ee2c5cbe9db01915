"""Wrong unpools, im2col, col2im and upsampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...functional import col2im, im2col, max_unpool, upsample
from ..coordinates import coordinates, flattened
from .mutant import add, axes, mutant, with_first, without

for _name in ("stride", "dilation", "padding"):
    add(
        "im2col",
        f"{_name}[0] twice",
        f"{_name}[0] used on every axis",
        with_first(_name, im2col),
    )
add("im2col", "dilation ignored", "dilation ignored", without("dilation", 1, im2col))


@mutant("im2col", "taps before channels", "rows are ordered by tap, then by channel")
def _taps_first(x: Any, kernel_size: Any, **o: Any) -> Any:
    columns = im2col(x, kernel_size, **o)
    batch, rows, places = columns.shape
    return (
        columns.reshape(batch, x.shape[1], -1, places)
        .swapaxes(1, 2)
        .reshape(batch, rows, places)
    )


@mutant("im2col", "edge padding", "padding repeats the edge instead of zeros")
def _edge(x: Any, kernel_size: Any, **o: Any) -> Any:
    pairs = [
        tuple(p) if np.ndim(p) else (p, p)
        for p in axes(o.pop("padding", 0), x.ndim - 2)
    ]
    wide = np.pad(x, [(0, 0), (0, 0), *pairs], mode="edge")
    return im2col(wide, kernel_size, **o)


@mutant("im2col", "taps reversed", "taps are in reverse order")
def _backwards(x: Any, kernel_size: Any, **o: Any) -> Any:
    columns = im2col(x, kernel_size, **o)
    batch, rows, places = columns.shape
    return columns.reshape(batch, x.shape[1], -1, places)[:, :, ::-1].reshape(
        batch, rows, places
    )


@mutant("col2im", "overlap assigned", "overlaps overwrite each other")
def _assigned(columns: Any, output_size: Any, kernel_size: Any, **o: Any) -> Any:
    total = col2im(columns, output_size, kernel_size, **o)
    count = col2im(np.ones_like(columns), output_size, kernel_size, **o)
    return (total / np.maximum(count, 1)).astype(total.dtype)


@mutant("col2im", "last column", "the last column of blocks is left out")
def _short(columns: Any, output_size: Any, kernel_size: Any, **o: Any) -> Any:
    less = np.array(columns)
    less[..., -1] = 0
    return col2im(less, output_size, kernel_size, **o)


@mutant("max_unpool", "overlaps add", "values that meet in one place are added")
def _added(y: Any, switches: Any, output_size: Any, **o: Any) -> Any:
    return max_unpool(y, switches, output_size, overlap="sum")


@mutant("max_unpool", "first wins", "of values that meet the first stays")
def _kept(y: Any, switches: Any, output_size: Any, **o: Any) -> Any:
    return max_unpool(y, switches, output_size, overlap="first")


@mutant("max_unpool", "largest wins", "of values that meet the largest stays")
def _largest(y: Any, switches: Any, output_size: Any, **o: Any) -> Any:
    return max_unpool(y, switches, output_size, overlap="max")


@mutant("max_unpool", "switches by column", "switches are taken to count columns first")
def _by_column(y: Any, switches: Any, output_size: Any, **o: Any) -> Any:
    at = coordinates(switches, tuple(output_size)[::-1])
    turned = flattened(at[::-1], tuple(output_size))
    return max_unpool(y, turned, output_size, **o)


@mutant("max_unpool", "first plane's switches", "all channels use the first's switches")
def _one_plane(y: Any, switches: Any, output_size: Any, **o: Any) -> Any:
    return max_unpool(y, np.broadcast_to(switches[:, :1], y.shape), output_size, **o)


@mutant("max_unpool", "zeros are holes", "zeros are not written")
def _holes(y: Any, switches: Any, output_size: Any, **o: Any) -> Any:
    return max_unpool(
        np.where(y == 0, 1, y).astype(y.dtype), switches, output_size, **o
    )


@mutant("upsample", "corners aligned", "corners are aligned")
def _corners(x: Any, scale: Any, **o: Any) -> Any:
    if o.get("mode", "nearest") == "nearest":
        return upsample(x, scale, **o)
    y = x.astype(np.float64)
    for axis, factor in enumerate(axes(scale, x.ndim - 2), start=2):
        n = x.shape[axis]
        at = np.linspace(0, n - 1, n * factor)
        low = np.minimum(at.astype(int), n - 1)
        high = np.minimum(low + 1, n - 1)
        part = (at - low).reshape(-1, *(1,) * (x.ndim - 1 - axis))
        y = np.take(y, low, axis) * (1 - part) + np.take(y, high, axis) * part
    return y.astype(x.dtype)


add(
    "upsample",
    "scale[0] twice",
    "scale[0] used on every axis",
    with_first("scale", lambda x, scale, **o: upsample(x, scale, **o)),
)


@mutant("upsample", "nearest rounds", "nearest takes the next sample")
def _next(x: Any, scale: Any, **o: Any) -> Any:
    y = upsample(x, scale, **o)
    return np.roll(y, -1, -1) if o.get("mode", "nearest") == "nearest" else y
