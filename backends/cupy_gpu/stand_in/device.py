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
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ....errors import BackendError
from ..device import Grid, fitting
from ..kernel import Kernel
from ..products import LETTERS
from .fences import Fenced

Array = np.ndarray[Any, Any]

FOLDER = Path(__file__).parent
HEADERS = ("cuda_stand_in.h", "tensor_cores.h")
OPTIONS = (
    *("-std=c++20", "-O1", "-fPIC", "-shared", "-x", "c++"),
    *("-U_FORTIFY_SOURCE", "-fcf-protection=none", "-fno-strict-aliasing"),
    "-fsanitize=bounds,signed-integer-overflow,integer-divide-by-zero",
    *("-fsanitize-undefined-trap-on-error", "-w"),
)
_FUNCTION = re.compile(r"__global__ void (?:__launch_bounds__\([^)]*\) )?(\w+)\(")
_ENTRY = """
extern "C" int run_{function}(const unsigned* shape, bool fibered,
                             unsigned long long seed, void** given) {{
    return stand_in::launch([](void** a) {{ stand_in::call({function}, a); }}, shape,
                            fibered, seed, given);
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


FAILURES = {
    signal.SIGSEGV: "read or wrote beside an array of its arguments",
    signal.SIGBUS: "read or wrote beside an array of its arguments",
    signal.SIGILL: "left the bounds of an array of its own, or overflowed an integer",
}
REMEMBERED = 10_000  # launches, for tests to look at


class StandIn:
    """Kernels compiled for the CPU, on NumPy arrays.

    The first launch takes threads backwards, the second forwards, the third in an order
    that is drawn, always the same for the same launches. ``index`` forces a type of
    index (``"long long"`` tests what only huge arrays would use), ``specialises``
    compiles for each window's shape as a GPU does, and ``capability`` is that of the
    card it stands for.
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
        self._count = 0

    def launch(
        self,
        kernel: Kernel,
        grid: Grid,
        block: Grid,
        arguments: Sequence[Any],
        shared: int = 0,
    ) -> None:
        fitting(kernel, grid, block)
        if kernel not in self._functions:
            self._functions[kernel] = _compiled(kernel)
        self.launches.append(kernel)
        self._count += 1
        held = [_address(a, self._count % 2 == 1) for a in arguments]
        fences = [each for _, each in held if isinstance(each, Fenced)]
        given = (ctypes.c_void_p * len(held))(*(address for address, _ in held))
        shape = (ctypes.c_uint * 6)(*_three(grid), *_three(block))
        seed = (self._count, 1, 0)[self._count % 3]  # drawn, backwards, forwards
        failed = self._functions[kernel](shape, kernel.has_barriers, seed, given)
        if failed:
            raise BackendError(
                f"{kernel.function} {FAILURES.get(failed, f'died of signal {failed}')}"
            )
        for each in fences:
            each.give_back(kernel.function)

    def constant(self, values: Array) -> Array:
        return np.ascontiguousarray(values)

    def resident(self, array: Array) -> Array:
        return array

    def form_of(self, array: Array, key: Any, make: Callable[[], Array]) -> Array:
        return make()

    def around(self, array: Array) -> AbstractContextManager[Any]:
        return nullcontext()

    def capability(self) -> int:
        return self._capability

    def units(self) -> int:
        return 4

    def cache(self) -> int:
        return 1 << 20

    def product(self, a: Array, b: Array, *, turned: bool = False) -> Array:
        if not (a.flags.c_contiguous and b.flags.c_contiguous):
            raise BackendError(f"a product was given strides {a.strides}, {b.strides}")
        if a.dtype != b.dtype or a.dtype.name not in LETTERS:
            raise BackendError(f"a product was given {a.dtype} and {b.dtype}")
        return np.matmul(a, b.swapaxes(-1, -2) if turned else b)


def _three(sizes: Grid) -> Grid:
    return (*sizes, 1, 1)[:3]


def _address(argument: Any, at_end: bool) -> tuple[int, Any]:
    """Where a kernel finds an argument, and what must live until it has run."""
    if isinstance(argument, np.ndarray) and argument.dtype.names is None:
        fenced = Fenced(argument, at_end)
        return ctypes.addressof(fenced.pointer), fenced
    if argument is None:
        nothing = ctypes.c_void_p(0)
        return ctypes.addressof(nothing), nothing
    value = np.asarray(argument)
    return value.ctypes.data, value


def _compiled(kernel: Kernel) -> Any:
    library = _library(kernel.code, kernel.options)
    function = getattr(library, f"run_{kernel.function}")
    function.restype = ctypes.c_int
    function.argtypes = [
        ctypes.c_void_p,
        ctypes.c_bool,
        ctypes.c_ulonglong,
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
    included = "".join(f'#include "{name}"\n' for name in HEADERS)
    text = f"{included}{code}\n{entries}"
    options = (*OPTIONS, *macros, f"-I{FOLDER}")
    headers = ((FOLDER / name).read_text(encoding="utf-8") for name in HEADERS)
    known = "\0".join((found, text, *headers, *options))
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
