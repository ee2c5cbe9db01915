"""Batch normalisation in training: the statistics are the batch's own."""

from __future__ import annotations

import math

import numpy as np

from numpy_deconv.oracle.definition.exact import Array, entries, indices, zeros

Statistics = list[tuple[list[float], float, float]]


def _statistics(x: Array) -> Statistics:
    """Of each channel: its values, their mean, and the mean squared distance to it."""
    values: list[list[float]] = [[] for _ in range(x.shape[1])]
    xs = entries(x)
    for at in indices(x.shape):
        values[at[1]].append(xs[at])
    found = []
    for channel in values:
        mean = _mean(channel)
        found.append((channel, mean, _mean([(v - mean) * (v - mean) for v in channel])))
    return found


def _mean(values: list[float]) -> float:
    """fsum refuses infinities of both signs, and sums beyond the largest number."""
    if all(math.isfinite(v) and abs(v) < 1e290 for v in values):
        return math.fsum(values) / len(values)
    return sum(values) / len(values)


def batch_norm_training(
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    momentum: float = 0.1,
) -> tuple[Array, Array, Array]:
    """``(x - m) / sqrt(v + eps) * weight + bias`` and the new running statistics."""
    channels = x.shape[1]
    y, xs = zeros(x.shape), entries(x)
    scales = entries(np.ones(channels) if weight is None else weight)
    shifts = entries(np.zeros(channels) if bias is None else bias)
    statistics = _statistics(x)
    for at in indices(x.shape):
        _, centre, spread = statistics[at[1]]
        normal = (xs[at] - centre) / math.sqrt(spread + eps)
        y[at] = normal * scales[at[1]] + shifts[at[1]]
    means, variances = entries(mean), entries(var)
    for c, (values, centre, spread) in enumerate(statistics):
        sample = spread * len(values) / (len(values) - 1)
        means[c] = (1 - momentum) * means[c] + momentum * centre
        variances[c] = (1 - momentum) * variances[c] + momentum * sample
    return y.astype(float), means.astype(float), variances.astype(float)


def batch_norm_training_grad(
    grad: Array,
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    momentum: float = 0.1,
) -> tuple[Array | None, ...]:
    """The gradients for the five arrays, by the derivatives of mean and variance."""
    channels = x.shape[1]
    gx, gs, xs = zeros(x.shape), entries(grad), entries(x)
    scales = entries(np.ones(channels) if weight is None else weight)
    statistics = _statistics(x)
    gweight, gbias, gcentre, gspread = (zeros((channels,)) for _ in range(4))
    for at in indices(x.shape):
        c = at[1]
        _, centre, spread = statistics[c]
        deviation = math.sqrt(spread + eps)
        gbias[c] += gs[at]
        gweight[c] += gs[at] * (xs[at] - centre) / deviation
        gcentre[c] -= gs[at] * scales[c] / deviation
        gspread[c] -= gs[at] * scales[c] * (xs[at] - centre) / (2 * deviation**3)
    for at in indices(x.shape):
        c = at[1]
        values, centre, spread = statistics[c]
        own = gs[at] * scales[c] / math.sqrt(spread + eps)
        through = gcentre[c] + 2 * gspread[c] * (xs[at] - centre)
        gx[at] = own + through / len(values)
    return (
        gx.astype(float),
        None,
        None,
        None if weight is None else gweight.astype(float),
        None if bias is None else gbias.astype(float),
    )
