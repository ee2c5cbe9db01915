"""The contract of an adapter, the one for NumPy, and finding one by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from ...arrays import Array
from ...errors import OptionError

Kernel = Callable[..., Any]


class Adapter:
    """Calls a kernel on NumPy arrays, and gives its results as NumPy arrays."""

    name = "numpy"

    def call(
        self,
        kernel: Any,
        arrays: Sequence[Array | None],
        attrs: Mapping[str, Any],
        op: str,
    ) -> Any:
        """The kernel's results; whatever it raises goes through."""
        return kernel(*arrays, **attrs)

    def gradients(
        self,
        kernel: Any,
        grad: Array,
        arrays: Sequence[Array | None],
        attrs: Mapping[str, Any],
        op: str,
    ) -> Any:
        """Gradients for the arrays: here by the kernel's own ``backward``."""
        return kernel.backward(grad, *arrays, **attrs)

    def has_gradients(self, kernel: Any) -> bool:
        """Whether :meth:`gradients` can be asked."""
        return callable(getattr(kernel, "backward", None))

    def checked(self, kernel: Any) -> None:
        """Raise OptionError unless this can be called here."""
        if not callable(kernel):
            raise OptionError(
                f"the candidate is {type(kernel).__name__}, which cannot be called: "
                "give a function"
            )


NumpyAdapter = Adapter

_HOMES = {
    "torch": "torch_adapter:TorchAdapter",
    "cupy": "cupy_adapter:CupyAdapter",
    "jax": "dlpack_adapter:JaxAdapter",
    "dlpack": "dlpack_adapter:DlpackAdapter",
    "command": "command_adapter:CommandAdapter",
    "cli": "command_adapter:CommandAdapter",
    "onnx": "onnx_adapter:OnnxAdapter",
}


def adapter_of(value: Adapter | str | None) -> Adapter:
    """The adapter of that name: "numpy", "torch", "torch:cuda", "cupy", "jax",
    "dlpack", "command", "onnx"."""
    if isinstance(value, Adapter):
        return value
    if value in (None, "numpy"):
        return Adapter()
    name, _, device = str(value).partition(":")
    if name not in _HOMES:
        raise OptionError(
            f"adapter={value!r} is not known: use one of {('numpy', *_HOMES)}"
        )
    module, _, kind = _HOMES[name].partition(":")
    made: type[Any] = getattr(import_module(f"{__package__}.{module}"), kind)
    return made(device) if device else made()
