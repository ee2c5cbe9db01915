"""Numba as a translator only: from Python to LLVM's language, and no further.

Numba would optimise each function's code twice and make machine code of it, and then
do the same again in every function that calls it. Here a kernel and all that it calls
are brought together first, and optimised once.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from llvmlite import binding
from numba.core import compiler
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher, CPUTarget, cpu_target

from .compiled import types

#: Nothing around a function that Python could call.
_BARE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "error_model": "numpy"}


def bare_flags() -> compiler.Flags:
    """Only the function itself is translated, without any of Numba's runtime."""
    flags = compiler.Flags()
    flags.no_compile = True
    for option, value in _BARE.items():
        setattr(flags, option, value)
    return flags


def translated(function: Any, kinds: tuple[Any, ...], name: str) -> tuple[Any, Any]:
    """The module of ``function``, which returns a whole number, for arguments of these
    types, with all that it calls; and the codegen that knows its processor."""
    with global_compiler_lock:
        typing, target = _target.typing_context, _target.target_context
        typing.refresh()
        target.refresh()
        library = target.codegen().create_library(name)
        compiler.compile_extra(
            typing, target, function, kinds, types.int64, bare_flags(), {}, library
        )
        library.finalize()
        return library._final_module, library.codegen


def optimise(module: Any, machine: Any) -> None:
    """LLVM's own passes over a whole module."""
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    options.slp_vectorization = False
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    module.verify()


class _Library(JITCodeLibrary):
    """Code as it was translated, for others to link."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self.codegen._data_layout

    def _optimize_final_module(self) -> None:
        """Later, with those that call it."""

    def _finalize_specific(self) -> None:
        """There is nothing of it in the process."""

    def get_pointer_to_function(self, name: str) -> int:
        return 0


class _Codegen(JITCPUCodegen):
    _library_class = _Library

    def _add_module(self, module: Any) -> None:
        """Not into the process."""

    def set_env(self, env_name: str, env: Any) -> None:
        """Only what Python calls has one."""


class _Target(CPUTarget):
    """Numba's own, but for what becomes of the code."""

    @property
    def typing_context(self) -> Any:
        return cpu_target.typing_context

    @cached_property
    def target_context(self) -> Any:
        codegen = _Codegen("numpy_deconv")
        return cpu_target.target_context.subtarget(_internal_codegen=codegen)


_target = _Target("cpu")


class Called(CPUDispatcher):
    """A function that kernels call."""

    targetdescr = _target

    def __init__(self, function: Any):
        options = {"nopython": True, "nogil": True, "_nrt": False, **_BARE}
        super().__init__(function, targetoptions=options)
