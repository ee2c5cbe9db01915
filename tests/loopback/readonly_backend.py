"""The reference, handed arrays that it cannot write to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from numpy_deconv.backend import Backend, NumpyBackend


def _locked(argument: Any) -> Any:
    if not isinstance(argument, np.ndarray):
        return argument
    view = argument.view()
    view.flags.writeable = False
    return view


def _with_locked_inputs(kernel: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(kernel)
    def run(self: Backend, *arguments: Any, **options: Any) -> Any:
        return kernel(self, *map(_locked, arguments), **options)

    return run


class ReadOnlyBackend(NumpyBackend):
    """The reference; a kernel that writes to an input raises ValueError."""

    name = "readonly"


for _name in dir(NumpyBackend):
    _kernel = getattr(NumpyBackend, _name)
    if not _name.startswith("_") and callable(_kernel) and _name != "missing":
        setattr(ReadOnlyBackend, _name, _with_locked_inputs(_kernel))
