"""The backend itself: which kernel answers which call."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ...arrays import Array, narrowed
from ...backend import NumpyBackend
from ...errors import OptionError
from ...per_axis import Sizes
from ...reference import convolution as reference
from ...window import Window
from . import convolution, elementwise, normalisation, pooling, resampling, switches
from .algorithms import NAMES, Setting
from .device import CudaDevice, Device, missing
from .kernel import NATIVE_TYPES
from .launching import contiguous

Method = Callable[..., Any]


PRECISIONS = ("float32", "tf32")
POINT = Window((1,), (1,), ((0, 0),), (1,))


def _on_device(method: Method) -> Method:
    """Answer where there are kernels, on operands that lie on the device.

    Kernels know NumPy's own numbers. What they do not know, bfloat16, is widened to
    float32 and rounded once, at the end; uint64, whose largest numbers no signed sum
    holds, is the reference's.
    """

    @wraps(method)
    def answer(self: CupyBackend, *args: Any, **options: Any) -> Any:
        first = next(a for a in args if hasattr(a, "dtype"))
        with self.device.around(first):
            return placed(self, first.dtype, args, options)

    def placed(
        self: CupyBackend, dtype: Any, args: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        args = tuple(
            self.device.resident(a) if hasattr(a, "dtype") else a for a in args
        )
        if dtype == np.uint64:
            given = getattr(super(CupyBackend, self), method.__name__)
            return given(*args, **options)
        if dtype in NATIVE_TYPES:
            return method(self, *args, **options)
        results = method(self, *(_widened(a, dtype) for a in args), **options)
        if isinstance(results, tuple):
            return tuple(_narrowed(r, dtype) for r in results)
        return _narrowed(results, dtype)

    return answer


def _kernel(function: Method) -> Method:
    """A method of the backend that is one function of its module."""

    @wraps(function)
    def method(self: CupyBackend, *args: Any, **options: Any) -> Any:
        return function(self.device, *args, **options)

    return _on_device(method)


def _exactly(function: Method) -> Method:
    """Integers are summed exactly, in a dtype that holds the sums."""

    @wraps(function)
    def method(self: CupyBackend, a: Array, *args: Any, **options: Any) -> Any:
        def computed(*given: Any) -> Array:
            return function(self, *given, **options)

        whole = a.dtype.kind in "iu"
        return (reference.exact(computed) if whole else computed)(a, *args)

    return _on_device(method)


def _widened(argument: Any, dtype: np.dtype[Any]) -> Any:
    same = getattr(argument, "dtype", None) == dtype
    return argument.astype(np.float32) if same else argument


def _narrowed(result: Array, dtype: np.dtype[Any]) -> Array:
    return narrowed(result, dtype) if result.dtype == np.float32 else result


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
        )

    @classmethod
    def missing(cls) -> str | None:
        return missing()

    def resident(self, array: Array) -> Array:
        return self.device.resident(array)

    @_exactly
    def conv(
        self, x: Array, weight: Array, bias: Array | None, window: Window, groups: int
    ) -> Array:
        """Cross-correlation plus bias."""
        given = (x, weight, bias, window, groups)
        return convolution.conv(self.device, self.setting, *given)

    @_on_device
    def conv_clipped(
        self,
        x: Array,
        weight: Array,
        bias: Array | None,
        window: Window,
        groups: int,
        low: float | None,
        high: float | None,
    ) -> Array:
        """:meth:`conv`, its values kept within bounds in the same pass."""
        given = (x, weight, bias, window, groups)
        if x.dtype.kind in "iu":
            return super().conv_clipped(*given, low, high)
        bounds = -math.inf if low is None else low, math.inf if high is None else high
        return convolution.conv(self.device, self.setting, *given, bounds)

    @_exactly
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

    @_exactly
    def conv_weight_grad(
        self, grad: Array, x: Array, window: Window, groups: int
    ) -> Array:
        """Adjoint of conv in the weight."""
        given = (grad, x, window, groups)
        return convolution.conv_weight_grad(self.device, self.setting, *given)

    @_on_device
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

    im2col = _kernel(pooling.im2col)
    col2im = _kernel(pooling.col2im)

    max_pool = _kernel(pooling.max_pool)
    adaptive_max_pool = _kernel(pooling.adaptive_max_pool)
    avg_pool = _kernel(pooling.avg_pool)
    avg_pool_grad = _kernel(pooling.avg_pool_grad)
    adaptive_avg_pool = _kernel(pooling.adaptive_avg_pool)
    adaptive_avg_pool_grad = _kernel(pooling.adaptive_avg_pool_grad)
    lp_pool = _kernel(pooling.lp_pool)
    lp_pool_grad = _kernel(pooling.lp_pool_grad)
    upsample = _kernel(resampling.upsample)
    upsample_grad = _kernel(resampling.upsample_grad)

    scatter = _kernel(switches.scatter)
    gather = _kernel(switches.gather)
    scatter_grad = _kernel(switches.scatter_grad)

    activation = _kernel(elementwise.activation)
    activation_grad = _kernel(elementwise.activation_grad)
    batch_norm = _kernel(elementwise.batch_norm)
    batch_norm_input_grad = _kernel(elementwise.batch_norm_input_grad)
    local_response_norm = _kernel(normalisation.local_response_norm)
    local_response_norm_grad = _kernel(normalisation.local_response_norm_grad)
