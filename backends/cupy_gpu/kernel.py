"""A kernel as a value: one function of one ``.cu`` file, with its macros.

Files are put together here, includes and all, so that whoever compiles (NVRTC, CuPy, or
a C++ compiler) gets one text, and a cache that looks at the text sees every change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

KERNELS = Path(__file__).parent / "kernels"
_INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)

THREADS = 256  # of a block, where nothing speaks for another number
INT = 2**31 - 1

_C_NAMES = {
    "float16": "half",
    "float32": "float",
    "float64": "double",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned",
    "uint64": "unsigned long long",
}
NATIVE = frozenset(_C_NAMES)
NATIVE_TYPES = frozenset(map(np.dtype, _C_NAMES))


@dataclass(frozen=True, eq=False)
class Kernel:
    """``function`` of ``kernels/<file>``, compiled with ``macros``; the same object for
    the same kernel, so that it is looked up by its identity at every launch."""

    file: str
    function: str
    macros: tuple[tuple[str, str], ...] = ()

    @property
    def code(self) -> str:
        """The file with everything it includes."""
        return text_of(self.file)

    @property
    def options(self) -> tuple[str, ...]:
        """The macros, as options of a compiler."""
        return tuple(f"-D{name}={value}" for name, value in self.macros)

    @property
    def has_barriers(self) -> bool:
        """Whether threads of a block wait for each other."""
        return "__sync" in self.code


@lru_cache
def text_of(file: str) -> str:
    """A file of ``kernels/`` and, once each, what it includes."""
    seen: set[str] = set()

    def expanded(name: str) -> str:
        if name in seen:
            return ""
        seen.add(name)
        text = (KERNELS / name).read_text(encoding="utf-8").replace("#pragma once", "")
        return _INCLUDE.sub(lambda found: expanded(found[1]), text)

    return expanded(file)


def kernel_for(
    file: str, function: str, dtype: Any, index: str, **macros: object
) -> Kernel:
    """The kernel on arrays of ``dtype`` with this type of index."""
    return _kernel(file, function, np.dtype(dtype), index, tuple(macros.items()))


@lru_cache(4096)
def _kernel(
    file: str,
    function: str,
    dtype: np.dtype[Any],
    index: str,
    macros: tuple[tuple[str, object], ...],
) -> Kernel:
    whole = dtype.kind in "iu"
    wide = "long long" if whole else "double" if dtype.itemsize == 8 else "float"
    types = {
        "ELEMENT": _C_NAMES[dtype.name],
        "ACCUMULATOR": wide,
        "RESULT": wide if whole else _C_NAMES[dtype.name],
        "INDEX": index,
        **({"WHOLE": 1} if whole else {}),
    }
    every = {**types, **dict(macros)}
    return Kernel(file, function, tuple((k, str(v)) for k, v in every.items()))


def index_for(*arrays: Any) -> str:
    """``int`` if every element of these arrays (or counts) can be numbered by one."""
    for each in arrays:
        count = each if each is None or isinstance(each, int) else each.size
        if count is not None and count > INT - THREADS:
            return "long long"
    return "int"
