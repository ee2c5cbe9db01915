"""How many terms each element of a sum has: fewer at the border."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ... import functional
from ...per_axis import entries_of
from ..call import Array, Call
from ..evaluation import evaluate
from .terms import Results

Counts = Callable[[Call], Results]


def counts(call: Call) -> Results:
    """Terms of each element of each output, in shapes that broadcast to it."""
    if call.operation.name in COUNTS:
        return COUNTS[call.operation.name](call)
    first = call.operation.outputs[0]
    ones = {name: np.ones(call[name].shape) for name in first.factors}
    return evaluate(call.with_arrays(**ones))


def _one_plane(array: Array) -> Array:
    return np.ones((1, 1, *array.shape[2:]))


def _single(call: Call, *names: str) -> Call:
    """The call on one sample, one channel and one filter, all of it ones."""
    planes: dict[str, Array | None] = {name: _one_plane(call[name]) for name in names}
    if "bias" in call.arrays:
        planes["bias"] = None
    return replace(call, arrays={**call.arrays, **planes}).with_attributes(groups=1)


def _biased(call: Call) -> int:
    return int(call.arrays["bias"] is not None)


def _conv(call: Call) -> Results:
    (taps,) = evaluate(_single(call, "x", "weight"))
    return (_times(taps, call["weight"].shape[1]) + _biased(call),)


def _conv_transpose(call: Call) -> Results:
    (taps,) = evaluate(_single(call, "x", "weight"))
    per_group = call["x"].shape[1] // max(1, int(call.attributes["groups"]))
    return (_times(taps, per_group) + _biased(call),)


def _conv_input_grad(call: Call) -> Results:
    (taps,) = evaluate(_single(call, "grad", "weight"))
    per_group = call["weight"].shape[0] // max(1, int(call.attributes["groups"]))
    return (_times(taps, per_group),)


def _conv_weight_grad(call: Call) -> Results:
    (taps,) = evaluate(_single(call, "grad", "x"))
    return (_times(taps, len(call["x"])),)


def _conv_backward(call: Call) -> Results:
    by_x, by_weight, _ = evaluate(_single(call, "grad", "x", "weight"))
    grad, groups = call["grad"], max(1, int(call.attributes["groups"]))
    return (
        _times(by_x, grad.shape[1] // groups),
        _times(by_weight, len(grad)),
        np.full(grad.shape[1], len(grad) * math.prod(grad.shape[2:])),
    )


def _times(taps: Array | None, channels: int) -> Array:
    return np.asarray(taps) * channels


def _columns(call: Call) -> Results:
    """Overlaps are those of one channel."""
    name = "grad" if call.operation.is_backward else "columns"
    columns = call[name]
    size = call["x"].shape[2:] if call.operation.is_backward else None
    rank = len(size or tuple(call.attributes["output_size"]))
    taps = math.prod(entries_of(call.attributes["kernel_size"], rank, "kernel_size"))
    ones: dict[str, Array | None] = {name: np.ones((1, taps, columns.shape[2]))}
    if size is not None:
        ones["x"] = np.ones((1, 1, *size))
    return evaluate(call.with_arrays(**ones))


def _pad_backward(call: Call) -> Results:
    planes = {name: _one_plane(call[name]) for name in ("grad", "x")}
    return evaluate(call.with_arrays(**planes))


def _linear(call: Call) -> Results:
    return (np.full((), call["x"].shape[-1] + _biased(call)),)


def _linear_backward(call: Call) -> Results:
    rows = math.prod(call["x"].shape[:-1])
    return np.full((), len(call["weight"])), np.full((), rows), np.full((), rows)


def _adaptive_avg_pool(call: Call) -> Results:
    size = call["x"].shape[2:]
    output_size = call.attributes.get("output_size", 1)
    like = np.ones((1, 1, *size))
    positions = functional.adaptive_avg_pool(like, output_size).shape[2:]
    index = 1 if call.operation.is_backward else 0
    total: Array = np.ones(())
    for length, outputs in zip(size, positions, strict=True):
        total = total[..., None] * _cells(length, outputs)[index]
    return (total,)


def _cells(length: int, outputs: int) -> tuple[Array, Array]:
    """Samples of each cell along an axis, and cells over each sample."""
    i = np.arange(outputs)
    begin, end = i * length // outputs, -(-(i + 1) * length // outputs)
    place = np.arange(length)[:, None]
    return end - begin, ((begin <= place) & (place < end)).sum(axis=1)


COUNTS: dict[str, Counts] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "conv_input_grad": _conv_input_grad,
    "conv_weight_grad": _conv_weight_grad,
    "conv.backward": _conv_backward,
    "conv_transpose.backward": _conv_backward,
    "col2im": _columns,
    "im2col.backward": _columns,
    "pad.backward": _pad_backward,
    "linear": _linear,
    "linear.backward": _linear_backward,
    "adaptive_avg_pool": _adaptive_avg_pool,
    "adaptive_avg_pool.backward": _adaptive_avg_pool,
    "global_avg_pool": _adaptive_avg_pool,
    "global_avg_pool.backward": lambda call: (np.ones(()),),
}
