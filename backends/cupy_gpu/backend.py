"""The backend itself: which kernel answers which call."""

from __future__ import annotations

import math

import numpy as np

from ...arrays import Array
from ...backend import NumpyBackend
from ...errors import OptionError
from ...per_axis import Sizes
from ...window import Window
from . import convolution, elementwise, normalisation, pooling, resampling, weight_grad
from . import switches as scattering
from .algorithms import NAMES, Setting
from .answering import exactly, kernel, on_device
from .availability import missing
from .device import CudaDevice, Device
from .launching import contiguous

PRECISIONS = ("float32", "tf32")
POINT = Window((1,), (1,), ((0, 0),), (1,))


def _bounds(low: float | None, high: float | None) -> tuple[float, float]:
    return -math.inf if low is None else low, math.inf if high is None else high


class CupyBackend(NumpyBackend):
    """Kernels for CuPy arrays, compiled for the card at first use.

    ``precision="tf32"`` lets float32 products run on tensor cores with 10 bits of
    mantissa; ``winograd=False`` forbids what costs accuracy or lets NaN and infinities
    spread (Winograd's filtering, merged phases of strided transposed convolutions);
    ``algorithms`` names those of ``algorithms.TABLE`` to take where they can be.
    ``device`` is where kernels run: CuPy's current device.
    """

    name = "cupy"
    family = "cupy"

    def __init__(
        self,
        *,
        precision: str = "float32",
        winograd: bool = True,
        algorithms: tuple[str, ...] | None = None,
        device: Device | None = None,
    ):
        if precision not in PRECISIONS:
            raise OptionError(
                f"precision must be one of {PRECISIONS}, got {precision!r}"
            )
        unknown = [a for a in algorithms or () if a not in NAMES]
        if unknown:
            raise OptionError(
                f"there is no algorithm {unknown[0]!r}: the table has "
                f"{', '.join(NAMES)}"
            )
        self.device = CudaDevice() if device is None else device
        self.setting = Setting(
            self.device.capability(),
            self.device.units(),
            precision,
            bool(winograd),
            self.device.specialises,
            None if algorithms is None else tuple(algorithms),
            self.device.cache(),
        )

    @classmethod
    def missing(cls) -> str | None:
        return missing()

    def resident(self, array: Array) -> Array:
        return self.device.resident(array)

    @exactly
    def conv(
        self, x: Array, weight: Array, bias: Array | None, window: Window, groups: int
    ) -> Array:
        """Cross-correlation plus bias."""
        given = (x, weight, bias, window, groups)
        return convolution.conv(self.device, self.setting, *given)

    def conv_clipped(
        self,
        x: Array,
        weight: Array,
        bias: Array | None,
        window: Window,
        groups: int,
        low: float | None,
        high: float | None,
        out: Array | None = None,
    ) -> Array:
        """:meth:`conv`, its values kept within bounds in the same pass."""
        y = self._conv_clipped(x, weight, bias, window, groups, low, high)
        if out is None:
            return y
        out[...] = y
        return out

    @on_device
    def _conv_clipped(
        self,
        x: Array,
        weight: Array,
        bias: Array | None,
        window: Window,
        groups: int,
        low: float | None,
        high: float | None,
    ) -> Array:
        given = (x, weight, bias, window, groups)
        if x.dtype.kind in "iu":
            return super().conv_clipped(*given, low, high)
        return convolution.conv(self.device, self.setting, *given, _bounds(low, high))

    @exactly
    def conv_input_grad(
        self,
        grad: Array,
        weight: Array,
        bias: Array | None,
        input_size: Sizes,
        window: Window,
        groups: int,
    ) -> Array:
        """Adjoint of conv in x, plus bias."""
        given = (grad, weight, bias, input_size, window, groups)
        return convolution.conv_input_grad(self.device, self.setting, *given)

    @on_device
    def conv_input_grad_clipped(
        self,
        grad: Array,
        weight: Array,
        bias: Array | None,
        input_size: Sizes,
        window: Window,
        groups: int,
        low: float | None,
        high: float | None,
        where: Array | None = None,
    ) -> Array:
        """:meth:`conv_input_grad` within bounds, and zero wherever ``where`` is not
        above zero, in the same pass."""
        given = (grad, weight, bias, input_size, window, groups)
        if grad.dtype.kind in "iu":
            y = super().conv_input_grad_clipped(*given, low, high)
            return y if where is None else y * (where > 0)
        ending = _bounds(low, high), where
        return convolution.conv_input_grad(self.device, self.setting, *given, *ending)

    @exactly
    def conv_weight_grad(
        self, grad: Array, x: Array, window: Window, groups: int
    ) -> Array:
        """Adjoint of conv in the weight."""
        given = (grad, x, window, groups)
        return weight_grad.conv_weight_grad(self.device, self.setting, *given)

    @on_device
    def linear(self, x: Array, weight: Array, bias: Array | None) -> Array:
        """``x @ weight.T + bias``."""
        if x.dtype.kind in "iu" or not x.ndim or not x.size or not weight.size:
            return super().linear(x, weight, bias)
        x, weight = contiguous(self.device, x), contiguous(self.device, weight)
        rows = x.reshape(-1, x.shape[-1])
        if x.dtype == np.float16:  # the bias is added before the one rounding
            given = (rows[..., None], weight[..., None], bias, POINT, 1)
            y = convolution.conv(self.device, self.setting, *given)
            return y.reshape(*x.shape[:-1], len(weight))
        y = self.device.product(rows, weight, turned=True)
        elementwise.add_bias(self.device, y, bias, len(weight))
        return y.reshape(*x.shape[:-1], len(weight))

    im2col = kernel(pooling.im2col)
    col2im = kernel(pooling.col2im)

    max_pool = kernel(pooling.max_pool)
    adaptive_max_pool = kernel(pooling.adaptive_max_pool)
    avg_pool = kernel(pooling.avg_pool)
    avg_pool_grad = kernel(pooling.avg_pool_grad)
    adaptive_avg_pool = kernel(pooling.adaptive_avg_pool)
    adaptive_avg_pool_grad = kernel(pooling.adaptive_avg_pool_grad)
    lp_pool = kernel(pooling.lp_pool)
    lp_pool_grad = kernel(pooling.lp_pool_grad)
    upsample = kernel(resampling.upsample)
    upsample_grad = kernel(resampling.upsample_grad)

    scatter = kernel(scattering.scatter)

    @on_device
    def scatter_masked(
        self, values: Array, switches: Array, output_size: Sizes, where: Array
    ) -> Array:
        """:meth:`scatter` with ``"sum"``, zero wherever ``where`` is not above zero."""
        given = (values, switches, output_size, "sum", where)
        return scattering.scatter(self.device, *given)

    gather = kernel(scattering.gather)
    scatter_grad = kernel(scattering.scatter_grad)

    activation = kernel(elementwise.activation)
    activation_grad = kernel(elementwise.activation_grad)
    batch_norm = kernel(elementwise.batch_norm)
    batch_norm_input_grad = kernel(elementwise.batch_norm_input_grad)
    local_response_norm = kernel(normalisation.local_response_norm)
    local_response_norm_grad = kernel(normalisation.local_response_norm_grad)
