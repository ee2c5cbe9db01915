"""Kernels that take and give JAX arrays, or whatever speaks DLPack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...arrays import Array, as_array, to_numpy
from ...errors import OptionError
from .adapter import Adapter


class DlpackAdapter(Adapter):
    """NumPy arrays go in; what comes out is read through DLPack or ``__array__``."""

    name = "dlpack"

    def call(
        self,
        kernel: Any,
        arrays: Sequence[Array | None],
        attrs: Mapping[str, Any],
        op: str,
    ) -> Any:
        """The kernel's results as NumPy arrays."""
        return self._back(kernel(*map(self._there, arrays), **attrs))

    def _there(self, array: Array | None) -> Any:
        # some that take DLPack end the process at a negative step
        if array is None or all(step >= 0 for step in array.strides):
            return array
        return np.ascontiguousarray(array)

    def _back(self, found: Any) -> Any:
        if isinstance(found, tuple | list):
            return tuple(self._back(each) for each in found)
        return found if found is None else to_numpy(as_array(found, "output"))


class JaxAdapter(DlpackAdapter):
    """Arrays go in as JAX's, of the same dtype; gradients are ``jax.vjp``'s."""

    name = "jax"

    def __init__(self, device: str = "") -> None:
        try:
            import jax
        except ImportError as error:
            raise OptionError("adapter='jax' needs JAX: pip install jax") from error
        self._jax = jax

    def gradients(
        self,
        kernel: Any,
        grad: Array,
        arrays: Sequence[Array | None],
        attrs: Mapping[str, Any],
        op: str,
    ) -> Any:
        """What ``jax.vjp`` gives for each array."""
        there = [self._there(a) for a in arrays]
        _, pullback = self._jax.vjp(lambda *values: kernel(*values, **attrs), *there)
        return tuple(self._back(each) for each in pullback(self._there(grad)))

    def has_gradients(self, kernel: Any) -> bool:
        """Whatever is made of differentiable functions has them."""
        return True

    def _there(self, array: Array | None) -> Any:
        if array is None:
            return None
        made = self._jax.numpy.asarray(np.array(array, order="C"))
        if made.dtype != array.dtype:
            raise OptionError(
                f"JAX makes {made.dtype} of {array.dtype}: set jax_enable_x64, or "
                "leave that dtype out of dtypes"
            )
        return made
