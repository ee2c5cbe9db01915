"""How a call of the backend is answered: where its arrays lie, in dtypes that kernels
know."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ...arrays import Array, narrowed
from ...backend import NumpyBackend
from ...reference import convolution as reference
from .kernel import NATIVE_TYPES

Method = Callable[..., Any]
SUMMED_TYPES = NATIVE_TYPES - {np.dtype(np.uint64)}


def on_device(method: Method) -> Method:
    """Answer where there are kernels, on operands that lie on the device.

    Kernels know NumPy's own numbers. What they do not know, bfloat16, is widened to
    float32 and rounded once, at the end; uint64, whose largest numbers no signed sum
    holds, is the reference's.
    """

    @wraps(method)
    def answer(self: Any, first: Array, *args: Any, **options: Any) -> Any:
        with self.device.around(first):
            return placed(self, first.dtype, (first, *args), options)

    def placed(
        self: Any, dtype: Any, args: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        resident = self.device.resident
        args = tuple([resident(a) if isinstance(a, np.ndarray) else a for a in args])
        if options:  # may have an array among them, a mask
            options = {
                name: resident(a) if isinstance(a, np.ndarray) else a
                for name, a in options.items()
            }
        if dtype in SUMMED_TYPES:
            return method(self, *args, **options)
        if dtype == np.uint64:
            return getattr(NumpyBackend, method.__name__)(self, *args, **options)
        options = {name: _widened(a, dtype) for name, a in options.items()}
        results = method(self, *(_widened(a, dtype) for a in args), **options)
        if isinstance(results, tuple):
            return tuple(_narrowed(r, dtype) for r in results)
        return _narrowed(results, dtype)

    return answer


def kernel(function: Method) -> Method:
    """A method of the backend that is one function of its module."""

    @wraps(function)
    def method(self: Any, *args: Any, **options: Any) -> Any:
        return function(self.device, *args, **options)

    return on_device(method)


def exactly(function: Method) -> Method:
    """Integers are summed exactly, in a dtype that holds the sums."""

    @wraps(function)
    def method(self: Any, a: Array, *args: Any, **options: Any) -> Any:
        if a.dtype.kind not in "iu":
            return function(self, a, *args, **options)

        def computed(*given: Any) -> Array:
            return function(self, *given, **options)

        return reference.exact(computed)(a, *args)

    return on_device(method)


def _widened(argument: Any, dtype: np.dtype[Any]) -> Any:
    same = getattr(argument, "dtype", None) == dtype
    return argument.astype(np.float32) if same else argument


def _narrowed(result: Array, dtype: np.dtype[Any]) -> Array:
    return narrowed(result, dtype) if result.dtype == np.float32 else result
