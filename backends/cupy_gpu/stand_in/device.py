"""A device made of the machine's C++ compiler.

Slow, and meant to be: each launch runs the kernel's threads in another order, the
compiler's checks of array bounds and of overflow are on, arrays lie between fences, and
shared memory starts as NaN. A wrong index dies here and not on somebody's card.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ....arrays import accumulator
from ....errors import BackendError
from ..device import Grid
from ..kernel import Kernel

Array = np.ndarray[Any, Any]

HEADER = Path(__file__).with_name("cuda_stand_in.h")
OPTIONS = (
    *("-std=c++20", "-O1", "-fPIC", "-shared", "-x", "c++"),
    *("-U_FORTIFY_SOURCE", "-fcf-protection=none", "-fno-strict-aliasing"),
    "-fsanitize=bounds,signed-integer-overflow,integer-divide-by-zero",
    *("-fsanitize-undefined-trap-on-error", "-w"),
)
_FUNCTION = re.compile(r"__global__ void (?:__launch_bounds__\([^)]*\) )?(\w+)\(")
_ENTRY = """
extern "C" void run_{function}(const unsigned* shape, bool fibered, bool backwards,
                             void** given) {{
    stand_in::launch([](void** a) {{ stand_in::call({function}, a); }}, shape, fibered,
                     backwards, given);
}}
"""


@lru_cache
def compiler() -> str | None:
    """The machine's C++ compiler: ``CXX``, or one on the path; None if it has none."""
    names = (os.environ.get("CXX", ""), "g++", "c++", "clang++")
    return next(
        (found for name in names if name and (found := shutil.which(name))), None
    )


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "numpy_deconv" / "cuda_stand_in"


FENCE = 4096  # bytes on each side of an array
ALIGNMENT = 64  # bytes that an array starts at a multiple of
REMEMBERED = 10_000  # launches, for tests to look at


class StandIn:
    """Kernels compiled for the CPU, on NumPy arrays.

    ``index`` forces a type of index (``"long long"`` tests what only huge arrays would
    use), ``specialises`` compiles for each window's shape as a GPU does, and
    ``capability`` is that of the card it stands for.
    """

    xp: ModuleType = np

    def __init__(
        self,
        *,
        index: str | None = None,
        specialises: bool = False,
        capability: int = 80,
    ) -> None:
        self.index, self.specialises = index, specialises
        self._capability = capability
        self.launches: deque[Kernel] = deque(maxlen=REMEMBERED)
        self._functions: dict[Kernel, Any] = {}
        self._backwards = False

    def launch(
        self,
        kernel: Kernel,
        grid: Grid,
        block: Grid,
        arguments: Sequence[Any],
        shared: int = 0,
    ) -> None:
        if kernel not in self._functions:
            self._functions[kernel] = _compiled(kernel)
        self.launches.append(kernel)
        held = [_address(a) for a in arguments]
        fences = [each for _, each in held if isinstance(each, _Fenced)]
        given = (ctypes.c_void_p * len(held))(*(address for address, _ in held))
        shape = (ctypes.c_uint * 6)(*_three(grid), *_three(block))
        self._backwards = not self._backwards
        self._functions[kernel](shape, kernel.has_barriers, self._backwards, given)
        for each in fences:
            each.give_back(kernel.function)

    def constant(self, values: Array) -> Array:
        return np.ascontiguousarray(values)

    def resident(self, array: Array) -> Array:
        return array

    def capability(self) -> int:
        return self._capability

    def units(self) -> int:
        return 4

    def matmul(self, a: Array, b: Array) -> Array:
        wide = accumulator(a.dtype)
        return np.matmul(a.astype(wide), b.astype(wide)).astype(a.dtype)


def _three(sizes: Grid) -> Grid:
    return (*sizes, 1, 1)[:3]


class _Fenced:
    """An array's values between bytes of ones: NaN for who reads beside it, and changed
    by who writes there."""

    def __init__(self, array: Array):
        if not array.flags.c_contiguous:
            raise BackendError(f"a kernel was given strides {array.strides}")
        self.array = array
        self.room = np.full(array.nbytes + 2 * FENCE + ALIGNMENT, 255, np.uint8)
        start = FENCE + -(self.room.ctypes.data + FENCE) % ALIGNMENT
        self.stop = start + array.nbytes
        self.start = start
        self.inside = self.room[start : self.stop].view(array.dtype)
        self.inside[...] = array.reshape(-1)
        self.pointer = ctypes.c_void_p(self.room.ctypes.data + start)

    def give_back(self, function: str) -> None:
        """Write the values to where they came from."""
        beside = self.room[: self.start].min(), self.room[self.stop :].min()
        if min(beside) != 255:
            raise BackendError(f"{function} wrote beside an array of its arguments")
        if self.array.flags.writeable:
            self.array.reshape(-1)[...] = self.inside


def _address(argument: Any) -> tuple[int, Any]:
    """Where a kernel finds an argument, and what must live until it has run."""
    if isinstance(argument, np.ndarray) and argument.dtype.names is None:
        fenced = _Fenced(argument)
        return ctypes.addressof(fenced.pointer), fenced
    if argument is None:
        nothing = ctypes.c_void_p(0)
        return ctypes.addressof(nothing), nothing
    value = np.asarray(argument)
    return value.ctypes.data, value


def _compiled(kernel: Kernel) -> Any:
    library = _library(kernel.code, kernel.options)
    function = getattr(library, f"run_{kernel.function}")
    function.restype = None
    function.argtypes = [
        ctypes.c_void_p,
        ctypes.c_bool,
        ctypes.c_bool,
        ctypes.c_void_p,
    ]
    return function


@lru_cache(1024)
def _library(code: str, macros: tuple[str, ...]) -> ctypes.CDLL:
    """All functions of a file, compiled with these macros, or kept from before."""
    found = compiler()
    if found is None:
        raise BackendError("the stand-in for CUDA needs a C++ compiler: install g++")
    functions = dict.fromkeys(_FUNCTION.findall(code))
    entries = "".join(_ENTRY.format(function=name) for name in functions)
    text = f'#include "{HEADER.name}"\n{code}\n{entries}'
    options = (*OPTIONS, *macros, f"-I{HEADER.parent}")
    known = "\0".join((found, text, HEADER.read_text(encoding="utf-8"), *options))
    folder = _cache()
    library = folder / f"{hashlib.sha256(known.encode()).hexdigest()[:32]}.so"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _compile(found, options, text, library)
    return ctypes.CDLL(str(library))


def _compile(found: str, options: Sequence[str], text: str, library: Path) -> None:
    """Compile to a temporary name and move it, so that nobody loads half a file."""
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder) / library.name
        command = [found, *options, "-", "-o", str(made)]
        run = subprocess.run(command, input=text, capture_output=True, text=True)
        if run.returncode != 0:
            raise BackendError(f"the stand-in did not compile: {run.stderr[:2000]}")
        os.replace(made, library)
