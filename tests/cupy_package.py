"""What of CuPy is used here, read from the package that is installed; no GPU is needed.

Prints lines as cupy_signatures.txt has them. That file is what two versions share::

    python tests/cupy_package.py > older.txt             # where CuPy 13 is installed
    python tests/cupy_package.py older.txt > newer.txt   # where CuPy 14 is
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

CUDA = (
    *(f"cuda.cublas.{t}gemm{s}" for t in "sd" for s in ("", "StridedBatched")),
    *("cuda.cublas.getMathMode", "cuda.cublas.setMathMode"),
    *("cuda.device.get_cublas_handle", "cuda.function.CNumpyArray"),
    *("RawModule", "RawModule.get_function", "RawKernel.max_dynamic_shared_size_bytes"),
    *(f"cuda.runtime.{n}" for n in ("getDevice", "getDeviceCount", "memGetInfo")),
    *(f"cuda.runtime.{n}GetVersion" for n in ("driver", "runtime")),
    *("cuda.runtime.deviceSynchronize", "cuda.runtime.getDeviceProperties"),
    *("cuda.get_current_stream", "cuda.Stream.synchronize", "cuda.set_allocator"),
    *(f"cuda.Device{n}" for n in ("", ".attributes", ".compute_capability")),
    *("cuda.Event", "cuda.Event.record", "cuda.Event.synchronize"),
    *("cuda.get_elapsed_time", "cuda.nvrtc.getVersion", "get_default_memory_pool"),
    *("cuda.MemoryPool.free_all_blocks", "cuda.MemoryPool.free_bytes", "asnumpy"),
)
CONSTANTS = ("CUBLAS_OP_N", "CUBLAS_OP_T", "CUBLAS_DEFAULT_MATH")
ERRORS = {
    "cuda.memory.OutOfMemoryError": MemoryError,
    "cuda.runtime.CUDARuntimeError": RuntimeError,
    "cuda.cublas.CUBLASError": RuntimeError,
    "cuda.driver.CUDADriverError": RuntimeError,
}
_MARKS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_SPACES = ("", "linalg.", "fft.", "lib.stride_tricks.")
_LINE = re.compile(r"([\w.]+)(?:\((.*)\)|: .+)$")

Table = dict[str, str]


def package() -> ModuleType:
    """CuPy, without what it says of paths that are not there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cupy = importlib.import_module("cupy")
    found(cupy, "cuda.cublas")  # raises where CUDA's libraries are missing
    return cupy


def found(root: Any, name: str) -> Any:
    """What a dotted name stands for."""
    for part in name.split("."):
        root = getattr(root, part)
    return root


def _parameters(thing: Any) -> str | None:
    """Names of parameters, from the signature or from Cython's first line of help."""
    try:
        listed = inspect.signature(thing).parameters.values()
        names = [f"{_MARKS.get(p.kind, '')}{p.name}" for p in listed]
    except (TypeError, ValueError):
        lines = (thing.__doc__ or "").strip().splitlines()
        match = re.search(r"\w\((.*?)\)(?: ->.*)?$", lines[0]) if lines else None
        if match is None:
            return None
        words = [p.split("=")[0].split() for p in match[1].split(",")]
        names = [each[-1] for each in words if each]
    return ", ".join(n for n in names if n not in ("self", "/", "*", "\\*"))


def _line(thing: Any) -> str:
    if not callable(thing):
        return ": attribute"
    listed = _parameters(thing)
    return "(*a, **k)" if listed is None else f"({listed})"


def table(cupy: Any) -> Table:
    """Every name and what it takes."""
    return dict(sorted({**dict(_numpy_s(cupy)), **dict(_cuda_s(cupy))}.items()))


def _numpy_s(cupy: Any) -> Iterator[tuple[str, str]]:
    for space in _SPACES:
        theirs = found(np, space[:-1]) if space else np
        ours = found(cupy, space[:-1]) if space else cupy
        for name in dir(theirs):
            function, own = getattr(theirs, name), getattr(ours, name, None)
            usable = callable(function) and not isinstance(function, type)
            if name.startswith("_") or not usable or own is None or own is function:
                continue
            kind = ": ufunc" if isinstance(function, np.ufunc) else _line(own)
            yield space + name, kind
    for name in dir(cupy.ndarray):
        if not name.startswith("_"):
            yield f"ndarray.{name}", _line(getattr(cupy.ndarray, name))


def _cuda_s(cupy: Any) -> Iterator[tuple[str, str]]:
    for name in CUDA:
        yield name, _line(found(cupy, name))
    for name in CONSTANTS:
        yield f"cuda.cublas.{name}", f": {found(cupy, f'cuda.cublas.{name}')}"
    for name, base in ERRORS.items():
        if issubclass(found(cupy, name), base):
            yield name, f": {base.__name__}"


def shared(one: Table, other: Table) -> Table:
    """What both have, with the parameters that both take."""
    both: Table = {}
    for name in one.keys() & other.keys():
        a, b = one[name], other[name]
        if a == b:
            both[name] = a
        elif a[0] == b[0] == "(":
            theirs = b[1:-1].split(", ")
            both[name] = f"({', '.join(p for p in a[1:-1].split(', ') if p in theirs)})"
    return dict(sorted(both.items()))


def read(text: str) -> Table:
    """A table from its lines."""
    lines = [line for line in text.splitlines() if _LINE.match(line)]
    names = [re.match(r"[\w.]+", line) for line in lines]
    return {m[0]: line[m.end() :] for m, line in zip(names, lines, strict=True) if m}


def main() -> None:
    """Print the table of this package, or what it shares with another one's."""
    known = table(package())
    for file in sys.argv[1:]:
        with open(file, encoding="utf-8") as opened:
            known = shared(read(opened.read()), known)
    print(*(name + line for name, line in known.items()), sep="\n")


if __name__ == "__main__":
    main()
