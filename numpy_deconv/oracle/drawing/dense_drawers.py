"""Draws calls of what has no window: linear layers, activations, normalisations."""

from __future__ import annotations

import numpy as np

from ...arrays import Array
from .drafts import SIZES, Draft, drawer
from .window_drawers import Drawn, options_of


def _shape(d: Draft) -> tuple[int, ...]:
    rank, batch, channels = d.rank(), d.batch(), d.channels()
    others = max(batch, 1) * channels
    return (batch, channels, *d.sizes(rank, (1,) * rank, others))


@drawer("linear")
def _linear(d: Draft) -> Drawn:
    rows, inside = d.pick("batch", (1, 2, 3, 1, 2, 5, 0)), d.pick("in", SIZES)
    outside = d.pick("out", SIZES)
    wanted = d.may("bias") and d.pick("bias", (False, True))
    return {
        "x": d.array(rows, inside),
        "weight": d.array(outside, inside, role="weight"),
        "bias": d.array(outside, role="bias") if wanted else None,
    }, {}


@drawer(
    *("relu", "sigmoid", "tanh", "silu", "hard_sigmoid", "hard_swish"),
)
def _plain(d: Draft) -> Drawn:
    return {"x": d.array(*_shape(d))}, {}


@drawer("clip")
def _clip(d: Draft) -> Drawn:
    low, high = d.pick("low", (-1.0, None, 0.0)), d.pick("high", (1.0, 6.0, None))
    if low is None and high is None:
        high = 1.0
    return {"x": d.array(*_shape(d))}, {"low": low, "high": high}


@drawer("leaky_relu")
def _leaky_relu(d: Draft) -> Drawn:
    # above 1 it is not the larger of x and slope * x
    slope = d.pick("slope", (0.01, 0.25, 2.0))
    return {"x": d.array(*_shape(d))}, options_of(d, slope=slope)


@drawer("elu")
def _elu(d: Draft) -> Drawn:
    return {"x": d.array(*_shape(d))}, options_of(d, alpha=d.pick("alpha", (1.0, 0.5)))


@drawer("gelu")
def _gelu(d: Draft) -> Drawn:
    way = d.pick("approximate", ("none", "tanh"))
    return {"x": d.array(*_shape(d))}, options_of(d, approximate=way)


@drawer("softplus")
def _softplus(d: Draft) -> Drawn:
    beta, threshold = d.pick("beta", (1.0, 2.0)), d.pick("threshold", (20.0, 5.0))
    return {"x": d.array(*_shape(d))}, options_of(d, beta=beta, threshold=threshold)


@drawer("prelu")
def _prelu(d: Draft) -> Drawn:
    shape = _shape(d)
    count = d.pick("slopes", (1, shape[1]))
    return {"x": d.array(*shape), "weight": d.array(count, role="weight")}, {}


@drawer("softmax", "log_softmax")
def _softmax(d: Draft) -> Drawn:
    shape = _shape(d)
    axis = d.pick("axis", (1, len(shape) - 1, 2, 0))
    return {"x": d.array(*shape)}, options_of(d, axis=axis)


@drawer("batch_norm", "batch_norm_training")
def _batch_norm(d: Draft) -> Drawn:
    shape = _shape(d)
    count = shape[1]
    var = np.abs(d.array(count, role="weight").astype(np.float64)) + 0.25
    var = np.where(np.isfinite(var), var, 1.0).clip(0.25, 100.0)
    affine = d.pick("affine", (False, True, True)) and d.may("weight") and d.may("bias")
    x, options = d.array(*shape), {}
    if d.op == "batch_norm_training":
        # far from zero a difference of mean squares loses the variance
        far = d.pick("shift", (0, 0, 1000)) if d.kind in ("normal", "uniform") else 0
        x = x + d.dtype.type(far)
        options = options_of(d, momentum=d.pick("momentum", (0.1, 0.5, 0.9)))
    arrays: dict[str, Array | None] = {
        "x": x,
        "mean": d.array(count, role="bias"),
        "var": var.astype(d.dtype),
        "weight": d.array(count, role="weight") if affine else None,
        "bias": d.array(count, role="bias") if affine else None,
    }
    return arrays, {**options_of(d, eps=d.pick("eps", (1e-5, 1e-3, 0.5))), **options}


@drawer("local_response_norm")
def _local_response_norm(d: Draft) -> Drawn:
    shape = _shape(d)
    options = options_of(
        d,
        alpha=d.pick("alpha", (1e-4, 0.5, 1.0)),
        beta=d.pick("beta", (0.75, 0.5, 1.0)),
        k=d.pick("k", (1.0, 2.0)),
    )
    size = d.pick("size", (1, 3, 5, 2, 4))
    return {"x": d.array(*shape)}, {"size": size, **options}


@drawer("flatten")
def _flatten(d: Draft) -> Drawn:
    axis = d.pick("start_axis", (1, 2, 0))
    return {"x": d.array(*_shape(d))}, options_of(d, start_axis=axis)


@drawer("concat")
def _concat(d: Draft) -> Drawn:
    shape = _shape(d)
    axis = d.pick("axis", (1, 2, 0)) if d.may("axis") else 1
    arrays: dict[str, Array | None] = {}
    for i in range(d.pick("count", (2, 1, 3))):
        length = d.pick(f"length{i}", (1, 2, 3, 5))
        own = tuple(length if j == axis else n for j, n in enumerate(shape))
        arrays[f"arrays{i}"] = d.array(*own)
    return arrays, options_of(d, axis=axis)


@drawer("cross_entropy")
def _cross_entropy(d: Draft) -> Drawn:
    batch, classes = d.pick("batch", (1, 2, 3, 7)), d.pick("classes", SIZES)
    labels = d.rng.integers(0, classes, batch)
    return {"logits": d.array(batch, classes), "labels": labels}, {}


@drawer("mse")
def _mse(d: Draft) -> Drawn:
    shape = _shape(d)
    return {"x": d.array(*shape), "target": d.array(*shape, role="weight")}, {}
