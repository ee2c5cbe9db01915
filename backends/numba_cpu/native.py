"""Machine code and how it gets into a process: by LLVM's loader, without Numba."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import binding

#: The one symbol that an object defines for us; each has a loader of its own.
SYMBOL = "numpy_deconv_entry"
_PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_char_p)


class Code(NamedTuple):
    """An object file's content, and the functions outside of it that it calls."""

    object_code: bytes
    externals: tuple[str, ...]


class Entry(NamedTuple):
    """Machine code for one kind of arguments, and what packs their words for it."""

    call: Callable[[bytes], int]
    pack: Callable[..., bytes]


def machine(cpu: str = "", features: str = "") -> Any:
    """What makes code for this machine, as Numba's own does."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    static = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")
    return binding.Target.from_default_triple().create_target_machine(
        cpu=cpu,
        features=features,
        opt=3,
        reloc="static" if static else "default",
        codemodel="jitdefault",
        jit=True,
    )


_engines: list[Any] = []  # loaded code lives as long as its loader


def load(code: Code) -> Callable[[bytes], int] | None:
    """The function in an object file; None if it calls what is not to be had here."""
    if not all(map(binding.address_of_symbol, code.externals)):
        return None
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code.object_code))
    engine.finalize_object()
    _engines.append(engine)
    return _PROTOTYPE(engine.get_function_address(SYMBOL))  # type: ignore[no-any-return]
