"""Kernels: functions that are compiled when they are first called.

Numba is only imported where something is to be compiled. What it made is kept on disk
(``kept``) and loaded from there by LLVM alone (``native``), so that a process whose
kernels are all there starts without Numba. Kernels own no memory, and none of Numba's
runtime is in them: nothing counts references, so no kernel can allocate, nor assign
one array's slice to another's. Numba lets an index be negative, which keeps LLVM from
vectors: inner loops over sums of indices have them as ``np.uintp``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from threading import RLock
from types import FunctionType
from typing import Any

from . import kept, native
from .arguments import Kinds, packer, words_of, written_out

#: Every kernel, by name, in the order of definition.
KERNELS: dict[str, Kernel] = {}

_building = RLock()


def _after_fork() -> None:
    """Whoever was building is not there in the child."""
    global _building
    _building = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Kernel:
    """A function of arrays and numbers, and its machine code for each kind of them.

    Called from Python it returns a whole number. ``team.spread`` calls its entries with
    threads that share the work, for each of which the first argument may be its own.
    """

    def __init__(self, function: FunctionType):
        self.function = function
        module = function.__module__.rpartition(".")[2]
        self.name = f"{module}.{function.__name__}"
        self.entries: dict[tuple[str, Kinds], native.Entry] = {}
        KERNELS[self.name] = self

    def __call__(self, *args: Any) -> int:
        kinds, words = words_of(args)
        entry = self.entry("plain", kinds)
        return entry.call(entry.pack(*words))

    def entry(self, form: str, kinds: Kinds) -> native.Entry:
        """Machine code for arguments of these kinds: at hand, on disk, or made now.

        ``form`` is how it is called: "plain", "shared", or "own" where every thread
        has a row of the first argument for itself.
        """
        found = self.entries.get((form, kinds))
        if found is None:
            with _building:
                found = self.entries.get((form, kinds)) or self._made(form, kinds)
                self.entries[form, kinds] = found
        return found

    def _made(self, form: str, kinds: Kinds) -> native.Entry:
        kinds = written_out(kinds)
        name = kept.name_of(self.name, form, kinds)
        code = kept.load(name)
        loaded = None if code is None else native.load(code)
        if loaded is None:
            from .building import build

            code = build(self, form, kinds)
            kept.store(name, code)
            loaded = native.load(code)
        if loaded is None:
            raise RuntimeError(f"LLVM cannot load its own code for {self.name}")
        return native.Entry(loaded, packer(kinds))


class Part:
    """A function that only kernels call, of which Numba is told when it is there."""

    def __init__(self, function: Callable[..., Any], decorator: str, **options: Any):
        self.function, self.decorator, self.options = function, decorator, options

    def __call__(self, *args: Any) -> Any:
        """As plain Python, for whoever reads or tests it."""
        return self.function(*args)


def compiled(function: Callable[..., Any]) -> Any:
    """A kernel, or a function that kernels call."""
    return Kernel(function)  # type: ignore[arg-type]


def inlined(function: Callable[..., Any]) -> Any:
    """A function that is copied into the kernels that call it: a call would show."""
    return Part(function, "register_jitable", inline="always")


def intrinsic(function: Callable[..., Any]) -> Any:
    """A piece of LLVM code that kernels call; it is emitted by ``function``."""
    return Part(function, "intrinsic")


class _Later:
    """A module that is imported when something of it is wanted."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self._name), name)
        setattr(self, name, value)
        return value


#: Numba's types and its pieces of LLVM code, for those who emit some.
types: Any = _Later("numba.core.types")
cgutils: Any = _Later("numba.core.cgutils")
