"""Kernels that need nothing of their backend: the reference, which all inherit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arrays import Array
from .per_axis import Sizes
from .reference import (
    activations,
    convolution,
    normalisation,
    pooling,
    resampling,
    windows,
)
from .reference import switches as switching
from .window import Window

if TYPE_CHECKING:
    from .layers.boxes import Boxes


class ReferenceKernels:
    """Kernels that a backend overrides only where it has a faster one.

    They are written in functions that NumPy dispatches on the array's own type.
    """

    def cut(
        self,
        planes: Array,
        boxes: Boxes,
        outside: float = 0,
        over: Array | None = None,
        inner: Boxes | None = None,
    ) -> Array:
        """What ``planes (N, C, *size)`` hold in boxes, ``(B, C, *boxes.shape)``.

        Beyond the edges of its plane a box holds ``outside``. What ``over (B, C,
        *inner.shape)`` holds in boxes of the same planes is then written on it.
        """
        return windows.cut(planes, boxes, outside, over, inner)

    def gather(self, x: Array, switches: Array) -> Array:
        """``x`` at the switches: the adjoint of ``scatter(overlap="sum")``."""
        return switching.gather(x, switches)

    def scatter_grad(
        self, grad: Array, values: Array, switches: Array, overlap: str
    ) -> Array:
        """True gradient of scatter in ``values``."""
        return switching.scatter_grad(grad, values, switches, overlap)

    def linear(self, x: Array, weight: Array, bias: Array | None) -> Array:
        """``x @ weight.T + bias``."""
        return convolution.linear(x, weight, bias)

    def avg_pool(self, x: Array, window: Window, count_include_pad: bool) -> Array:
        """Mean of each window."""
        return pooling.avg_pool(x, window, count_include_pad)

    def avg_pool_grad(
        self, grad: Array, input_size: Sizes, window: Window, count_include_pad: bool
    ) -> Array:
        """Adjoint of avg_pool."""
        return pooling.avg_pool_grad(grad, input_size, window, count_include_pad)

    def lp_pool(
        self, x: Array, window: Window, power: float, rescale_clipped: bool
    ) -> Array:
        """``(sum |x|**p) ** (1/p)`` of each window."""
        return pooling.lp_pool(x, window, power, rescale_clipped)

    def lp_pool_grad(
        self,
        grad: Array,
        x: Array,
        y: Array,
        window: Window,
        power: float,
        rescale_clipped: bool,
    ) -> Array:
        """Gradient of lp_pool at ``x``, where its value is ``y``."""
        return pooling.lp_pool_grad(grad, x, y, window, power, rescale_clipped)

    def adaptive_max_pool(self, x: Array, output_size: Sizes) -> tuple[Array, Array]:
        """Values and switches over cells that share the plane out evenly."""
        return pooling.adaptive_max_pool(x, output_size)

    def adaptive_avg_pool(self, x: Array, output_size: Sizes) -> Array:
        """Means over cells that share the plane out evenly."""
        return pooling.adaptive_avg_pool(x, output_size)

    def adaptive_avg_pool_grad(self, grad: Array, input_size: Sizes) -> Array:
        """Adjoint of adaptive_avg_pool."""
        return pooling.adaptive_avg_pool_grad(grad, input_size)

    def activation(self, x: Array, name: str, **options: Any) -> Array:
        """The named activation of ``reference.activations.ACTIVATIONS``."""
        return activations.activation(x, name, **options)

    def activation_grad(
        self, grad: Array, x: Array, name: str, **options: Any
    ) -> Array:
        """``grad`` times the named activation's derivative at ``x``."""
        return activations.activation_grad(grad, x, name, **options)

    def batch_norm(
        self, x: Array, mean: Array, var: Array, weight: Array, bias: Array, eps: float
    ) -> Array:
        """Inference form, per channel."""
        return normalisation.batch_norm(x, mean, var, weight, bias, eps)

    def batch_norm_input_grad(
        self, grad: Array, var: Array, weight: Array, eps: float
    ) -> Array:
        """Gradient of batch_norm in x."""
        return normalisation.batch_norm_input_grad(grad, var, weight, eps)

    def local_response_norm(
        self, x: Array, size: int, alpha: float, beta: float, k: float
    ) -> Array:
        """Normalisation across ``size`` neighbouring channels."""
        return normalisation.local_response_norm(x, size, alpha, beta, k)

    def local_response_norm_grad(
        self, grad: Array, x: Array, size: int, alpha: float, beta: float, k: float
    ) -> Array:
        """True gradient of local_response_norm."""
        return normalisation.local_response_norm_grad(grad, x, size, alpha, beta, k)

    def upsample(self, x: Array, scale: tuple[float, ...], mode: str) -> Array:
        """Nearest or linear resampling of every spatial axis."""
        return resampling.upsample(x, scale, mode)

    def upsample_grad(
        self, grad: Array, input_size: Sizes, scale: tuple[float, ...], mode: str
    ) -> Array:
        """Adjoint of upsample."""
        return resampling.upsample_grad(grad, input_size, scale, mode)
