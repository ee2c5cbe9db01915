"""Kernels that take and give torch tensors, on any device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import OptionError
from .adapter import Adapter


class TorchAdapter(Adapter):
    """Arrays go in as tensors on ``device``; gradients are autograd's."""

    name = "torch"

    def __init__(self, device: str = "cpu") -> None:
        try:
            import torch
        except ImportError as error:
            raise OptionError(
                "adapter='torch' needs PyTorch: pip install torch"
            ) from error
        self.device = device
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            line = str(error).splitlines()[0]
            raise OptionError(
                f"adapter='torch:{device}': the device cannot be used: {line}"
            ) from error

    def call(
        self,
        kernel: Any,
        arrays: Sequence[Array | None],
        attrs: Mapping[str, Any],
        op: str,
    ) -> Any:
        """The kernel's tensors as NumPy arrays."""
        return self._back(kernel(*map(self._tensor, arrays), **attrs))

    def gradients(
        self,
        kernel: Any,
        grad: Array,
        arrays: Sequence[Array | None],
        attrs: Mapping[str, Any],
        op: str,
    ) -> Any:
        """What ``torch.autograd.grad`` gives for each floating array."""
        import torch

        tensors = [self._tensor(a) for a in arrays]
        wanted = [t for t in tensors if t is not None and t.is_floating_point()]
        for tensor in wanted:
            tensor.requires_grad_()
        y = kernel(*tensors, **attrs)
        y = y[0] if isinstance(y, tuple | list) else y
        found = iter(
            torch.autograd.grad(y, wanted, self._tensor(grad), materialize_grads=True)
        )
        return tuple(
            self._back(next(found)) if t is not None and t.is_floating_point() else None
            for t in tensors
        )

    def has_gradients(self, kernel: Any) -> bool:
        """Whatever is made of differentiable functions has them."""
        return True

    def _tensor(self, array: Array | None) -> Any:
        """A tensor on the same memory where torch can have one."""
        import torch

        if array is None:
            return None
        if array.dtype.name == "bfloat16":
            bits = torch.from_numpy(np.array(array, order="C").view(np.int16))
            return bits.view(torch.bfloat16).to(self.device)
        if any(step < 0 for step in array.strides):
            array = np.array(array, order="C")
        return torch.from_numpy(array).to(self.device)

    def _back(self, found: Any) -> Any:
        import torch

        if isinstance(found, tuple | list):
            return tuple(self._back(each) for each in found)
        if not isinstance(found, torch.Tensor):
            return found
        there = found.detach().cpu()
        if there.dtype == torch.bfloat16:
            import ml_dtypes

            bits = there.contiguous().view(torch.int16).numpy()
            return bits.view(ml_dtypes.bfloat16)
        return there.resolve_neg().numpy()
