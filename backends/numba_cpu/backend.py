"""The backend itself: which kernel answers which call."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays import Array, narrowed
from ...backend import NumpyBackend
from ...errors import OptionError
from ...per_axis import Sizes
from ...window import Window
from . import (
    activations,
    columns,
    convolution,
    cutting,
    joining,
    layout,
    linear,
    normalisation,
    pooling,
    switch_codes,
    switch_gradient,
    switch_windows,
    switches,
    team,
    weight_grad,
)
from .ending import PLAIN, Ending

if TYPE_CHECKING:
    from ...layers.boxes import Boxes

Method = Callable[..., Any]
HALF = np.dtype(np.float16)


def _compiled(method: Method) -> Method:
    """Answer by this method where it has kernels, else by the reference's.

    Kernels are for float32 and float64, and for arrays with axes, none empty; float16
    is widened to float32 and rounded once, at the end.
    """

    @wraps(method)
    def answer(self: NumbaBackend, *args: Any, **options: Any) -> Any:
        first = args[0]
        # a list, not a generator: this is done for every small layer
        given = (*args, *options.values()) if options else args
        void = [a for a in given if isinstance(a, np.ndarray) and not a.size]
        if void or first.dtype.char not in "efd" or not first.ndim:
            reference = getattr(super(NumbaBackend, self), method.__name__)
            return reference(*args, **options)
        if self.threads is None and first.dtype != HALF:
            return method(self, *args, **options)
        with team.limited(self.threads):
            if first.dtype != HALF:
                return method(self, *args, **options)
            out = options.pop("out", None)
            wide = {name: _widened(value) for name, value in options.items()}
            results = method(self, *map(_widened, args), **wide)
        if out is not None:
            out[...] = _narrowed(results)
            return out
        if isinstance(results, tuple):
            return tuple(map(_narrowed, results))
        return _narrowed(results)

    return answer


def _widened(argument: Any) -> Any:
    half = isinstance(argument, np.ndarray) and argument.dtype == HALF
    return argument.astype(np.float32) if half else argument


def _narrowed(result: Array) -> Array:
    return narrowed(result, HALF) if result.dtype == np.float32 else result


def _kernel(function: Method) -> Method:
    """A method of the backend that is one function of its module."""

    @wraps(function)
    def method(self: NumbaBackend, *args: Any, **options: Any) -> Any:
        return function(*args, **options)

    return _compiled(method)


def _ending(low: float | None, high: float | None) -> Ending:
    return Ending(-math.inf if low is None else low, math.inf if high is None else high)


class NumbaBackend(NumpyBackend):
    """Compiled kernels for float32 and float64; float16 is computed in float32.

    ``winograd=False`` forbids the algorithms that cost accuracy. ``threads`` is how
    many to use: by default ``NUMBA_NUM_THREADS``, ``OMP_NUM_THREADS``, or as many as
    there are. Integers are answered by the reference.
    """

    name = "numba"
    joins = True

    def __init__(self, *, winograd: bool = True, threads: int | None = None):
        if threads is not None and (not isinstance(threads, int) or threads < 1):
            raise OptionError(f"threads must be a number from 1, got {threads!r}")
        self.winograd = bool(winograd)
        self.threads = threads

    @classmethod
    def missing(cls) -> str | None:
        """Numba itself, which is imported only when something is to be compiled."""
        if find_spec("numba") is None:
            return "numba is not installed: pip install 'numpy-deconv[numba]'"
        return None

    def warm(self) -> None:
        """Compile all kernels now; they are kept on disk where that is possible."""
        from .warm import warm

        warm(type(self)())

    @_compiled
    def conv(
        self, x: Array, weight: Array, bias: Array | None, window: Window, groups: int
    ) -> Array:
        """Cross-correlation plus bias."""
        return convolution.conv(x, weight, bias, window, groups, PLAIN, self.winograd)

    @_compiled
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
        given = x, weight, bias, window, groups, _ending(low, high), self.winograd
        return convolution.conv(*given, out)

    @_compiled
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
        given = grad, weight, bias, input_size, window, groups
        return convolution.conv_input_grad(*given, PLAIN, None, self.winograd)

    @_compiled
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
        """:meth:`conv_input_grad` within bounds and masked, mostly in one pass."""
        given = grad, weight, bias, input_size, window, groups
        ending = _ending(low, high)._replace(masked=where is not None)
        return convolution.conv_input_grad(*given, ending, where, self.winograd)

    @_compiled
    def conv_input_grad_moved(
        self,
        grad: Array,
        weight: Array,
        input_size: Sizes,
        window: Window,
        groups: int,
        low: float | None,
        places: Boxes,
    ) -> Array:
        """:meth:`conv_input_grad` not below ``low``, each sample moved by itself."""
        given = grad, weight, None, input_size, window, groups, _ending(low, None)
        return convolution.conv_input_grad(*given, None, self.winograd, places.origins)

    conv_weight_grad = _kernel(weight_grad.conv_weight_grad)
    linear = _kernel(linear.linear)

    def room(self, like: Array, channels: int, size: Sizes) -> Array:
        """Memory whose pixels' channels are neighbours."""
        return layout.logical(layout.empty(len(like), channels, size, like.dtype))

    def concat(self, *arrays: Array, axis: int) -> Array:
        """Arrays of one dtype beside each other along an axis."""
        first, together = arrays[0], None
        if first.dtype.char in "fd" and axis % first.ndim == 1 and first.ndim > 2:
            with team.limited(self.threads):
                together = joining.joined(arrays)
        return super().concat(*arrays, axis=axis) if together is None else together

    def split_channels(
        self, grad: Array, sizes: Sequence[int], *wheres: Array | None
    ) -> tuple[Array, ...]:
        """Runs of so many channels, each through its ReLU."""
        parts = None
        if grad.dtype.char in "fd" and grad.size:
            with team.limited(self.threads):
                parts = joining.taken_apart(grad, tuple(sizes), wheres)
        return super().split_channels(grad, sizes, *wheres) if parts is None else parts

    im2col = _kernel(columns.im2col)
    col2im = _kernel(columns.col2im)

    max_pool = _kernel(pooling.max_pool)
    adaptive_max_pool = _kernel(pooling.adaptive_max_pool)
    avg_pool = _kernel(pooling.avg_pool)
    avg_pool_grad = _kernel(pooling.avg_pool_grad)
    adaptive_avg_pool = _kernel(pooling.adaptive_avg_pool)
    adaptive_avg_pool_grad = _kernel(pooling.adaptive_avg_pool_grad)
    lp_pool = _kernel(pooling.lp_pool)
    lp_pool_grad = _kernel(pooling.lp_pool_grad)
    upsample = _kernel(pooling.upsample)
    upsample_grad = _kernel(pooling.upsample_grad)

    scatter = _kernel(switches.scatter)
    scatter_masked = _kernel(switches.scatter_masked)
    unpool = _kernel(switches.unpool)
    cut = _kernel(cutting.cut)

    def switch_codes(self, switches: Array, stays: Array | None, size: Sizes) -> Any:
        """A byte for each switch of a regular pool."""
        with team.limited(self.threads):
            return switch_codes.switch_codes(switches, stays, size)

    scatter_windows = _kernel(switch_windows.scatter_windows)
    gather = _kernel(switches.gather)
    scatter_grad = _kernel(switch_gradient.scatter_grad)

    activation = _kernel(activations.activation)
    activation_grad = _kernel(activations.activation_grad)
    batch_norm = _kernel(normalisation.batch_norm)
    batch_norm_input_grad = _kernel(normalisation.batch_norm_input_grad)
    local_response_norm = _kernel(normalisation.local_response_norm)
    local_response_norm_grad = _kernel(normalisation.local_response_norm_grad)
