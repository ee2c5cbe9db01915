"""Compiling, once: the decorator of every kernel here, and where its code is kept.

Compiled code is cached on disk. Numba compares a cached function with the time stamp
of its own file alone; kernels here are built from several files, so the stamp is taken
over all of them. Where no folder can be written to, code is compiled in every process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

from numba import njit
from numba.core import event

FOLDER = Path(__file__).parent

#: Every kernel, by name, in the order of definition; if it is shared, as it is then.
KERNELS: dict[str, Any] = {}


def _stamp() -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of every source file that kernels are built from."""
    files = sorted(FOLDER.glob("*.py"))
    return tuple((f.name, (s := f.stat()).st_mtime_ns, s.st_size) for f in files)


_STAMP = _stamp()


def compiled(function: Callable[..., Any]) -> Any:
    """``numba.njit`` without the GIL, cached on disk where that is possible.

    Kernels own no memory, and without Numba's runtime no reference is counted: an
    atomic operation for every array, in every turn of a loop, was dearer than a small
    tile. (So no kernel can allocate, nor assign one array's slice to another's.)
    """
    kernel = _dispatcher(function)
    KERNELS[f"{_module_of(function)}.{function.__name__}"] = kernel
    return kernel


def adapted(template: FunctionType, kernel: Any) -> Any:
    """A copy of ``template`` in which the global name ``kernel`` is this one."""
    function = kernel.py_func
    names = {**template.__globals__, "kernel": kernel}
    name = f"{function.__name__}_{template.__name__}"
    copy = FunctionType(template.__code__.replace(co_name=name), names, name)
    copy.__module__ = function.__module__
    copy.__qualname__ = f"{_module_of(function)}.{name}"
    made = _dispatcher(copy)
    KERNELS[f"{_module_of(function)}.{function.__name__}"] = made
    return made


def _module_of(function: Callable[..., Any]) -> str:
    return function.__module__.rpartition(".")[2]


def _dispatcher(function: Callable[..., Any]) -> Any:
    made = njit(nogil=True, error_model="numpy", _nrt=False)(function)
    try:
        made.enable_caching()
    except RuntimeError:  # nowhere to write: a read-only home, no home at all
        pass
    else:
        index = getattr(made._cache, "_cache_file", None)
        if hasattr(index, "_source_stamp") and hasattr(index, "_load_index"):
            index._source_stamp = _STAMP
            index._load_index = partial(_readable, index._load_index)
    return made


def _readable(load: Callable[[], dict[Any, str]]) -> dict[Any, str]:
    """What an index of cached code says; nothing if it is of another release.

    Numba reads it whole before it looks at the stamp, with the types that it names: one
    that has moved since would otherwise be the end of every call. Damage is likewise.
    """
    try:
        return load()
    except OSError:
        raise
    except Exception:
        return {}


class _Announcement(event.Listener):
    """Says once, on a terminal, why the first run takes its time."""

    said = False

    def on_start(self, happened: event.Event) -> None:
        function = getattr((happened.data or {}).get("dispatcher"), "py_func", None)
        if self.said or getattr(function, "__module__", "") not in _modules():
            return
        _Announcement.said = True
        if sys.stderr is not None and sys.stderr.isatty():
            print("compiling kernels, once ...", file=sys.stderr, flush=True)

    def on_end(self, happened: event.Event) -> None:
        """Nothing: the run itself shows that it goes on."""


def _modules() -> set[str]:
    return {kernel.py_func.__module__ for kernel in KERNELS.values()}


if os.environ.get("NUMPY_DECONV_QUIET") != "1":
    event.register("numba:compile", _Announcement())
