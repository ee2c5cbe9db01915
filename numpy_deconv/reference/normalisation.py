"""Batch normalisation, in training too, and local response normalisation."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, widened


def per_channel(values: Array, ndim: int) -> Array:
    """A vector over the channels, shaped to broadcast against ``(N, C, ...)``."""
    return values.reshape(1, -1, *(1,) * (ndim - 2))


@widened
def batch_norm(
    x: Array, mean: Array, var: Array, weight: Array, bias: Array, eps: float
) -> Array:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` per channel."""
    scale = per_channel(weight / np.sqrt(var + eps), x.ndim)
    return (x - per_channel(mean, x.ndim)) * scale + per_channel(bias, x.ndim)


@widened
def batch_norm_input_grad(grad: Array, var: Array, weight: Array, eps: float) -> Array:
    """Gradient for x: one scale per channel."""
    return grad * per_channel(weight / np.sqrt(var + eps), grad.ndim)


@widened
def batch_norm_grads(
    grad: Array, x: Array, mean: Array, var: Array, weight: Array, eps: float
) -> tuple[Array, Array, Array, Array]:
    """Gradients for mean, var, weight and bias."""
    axes = (0, *range(2, x.ndim))
    inverse = 1 / np.sqrt(var + eps)
    total = grad.sum(axis=axes)
    correlation = (grad * (x - per_channel(mean, x.ndim))).sum(axis=axes)
    return (
        -total * weight * inverse,
        -correlation * weight * inverse**3 / 2,
        correlation * inverse,
        total,
    )


def _channel_means(values: Array) -> Array:
    """Mean of each channel of ``(N, C, ...)``, in float64."""
    # each plane by itself, then the planes: single sums over a batch would lose digits
    planes = values.sum(axis=tuple(range(2, values.ndim)))
    return planes.sum(axis=0, dtype=np.float64) / (values.size // values.shape[1])


@widened
def batch_statistics(x: Array) -> tuple[Array, Array]:
    """Mean and biased variance of each channel of ``x``."""
    mean = _channel_means(x).astype(x.dtype)
    var = _channel_means(np.square(x - per_channel(mean, x.ndim)))
    return mean, var.astype(x.dtype)


@widened
def batch_norm_training_grad(
    grad: Array, x: Array, mean: Array, var: Array, weight: Array, eps: float
) -> Array:
    """Gradient for x where mean and var are x's own.

    ``weight / s * (g - mean(g) - n * mean(g * n))`` with ``s = sqrt(var + eps)`` and
    ``n = (x - mean) / s``: mean and variance answer for every value of the channel.
    """
    inverse = 1 / np.sqrt(var + eps)
    centred = x - per_channel(mean, x.ndim)
    shift = _channel_means(grad).astype(x.dtype)
    tilt = _channel_means(grad * centred).astype(x.dtype) * inverse**2
    centred *= per_channel(tilt, x.ndim)
    centred += per_channel(shift, x.ndim)
    return (grad - centred) * per_channel(weight * inverse, x.ndim)


@widened
def batch_norm_affine_grads(
    grad: Array, x: Array, mean: Array, var: Array, eps: float
) -> tuple[Array, Array]:
    """Gradients for weight and bias."""
    count = x.size // len(var)
    centred = grad * (x - per_channel(mean, x.ndim))
    correlation = _channel_means(centred) * count / np.sqrt(var + eps)
    total = _channel_means(grad) * count
    return correlation.astype(x.dtype), total.astype(x.dtype)


def _across_channels(values: Array, before: int, after: int) -> Array:
    """Sum over channels ``c - before .. c + after``, those that exist."""
    total = np.zeros_like(values)
    channels = values.shape[1]
    for offset in range(max(-before, 1 - channels), min(after, channels - 1) + 1):
        low, high = max(0, -offset), min(channels, channels - offset)
        total[:, low:high] += values[:, low + offset : high + offset]
    return total


@widened
def local_response_norm(
    x: Array, size: int, alpha: float, beta: float, k: float
) -> Array:
    """``x * (k + alpha/size * sum x**2 over size channels) ** -beta``."""
    return x * _lrn_scale(x, size, alpha, k) ** -beta


@widened
def local_response_norm_grad(
    grad: Array, x: Array, size: int, alpha: float, beta: float, k: float
) -> Array:
    """True gradient of :func:`local_response_norm`."""
    scale = _lrn_scale(x, size, alpha, k)
    # a channel is in the windows of its neighbours with before and after exchanged
    shared = _across_channels(
        grad * x * scale ** (-beta - 1), (size - 1) // 2, size // 2
    )
    return grad * scale**-beta - 2 * alpha * beta / size * x * shared


def _lrn_scale(x: Array, size: int, alpha: float, k: float) -> Array:
    return k + alpha / size * _across_channels(x * x, size // 2, (size - 1) // 2)
