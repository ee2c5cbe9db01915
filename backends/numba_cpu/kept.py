"""Compiled code on disk: where it lies, and when it still is what would be made now.

A file is one kernel's code for one kind of arguments. Its folder is that of a machine
and of the versions of what compiles; its head says from which source files it was
made. Anything that is not so is as if it were not there, and is written anew.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import llvmlite
from llvmlite import binding

from .arguments import FIELDS, Kinds, spelled
from .native import Code

SOURCES = Path(__file__).parent
SUFFIX = ".kernel"


def name_of(kernel: str, form: str, kinds: Kinds) -> str:
    """The file name of a kernel's code for such arguments."""
    digest = blake2b(f"{form} {spelled(kinds)}".encode(), digest_size=8).hexdigest()
    return f"{kernel}-{digest}{SUFFIX}"


def load(name: str) -> Code | None:
    """What is kept under that name, if it was made from these sources, whole."""
    for folder in _folders():
        try:
            data = (folder / name).read_bytes()
            head, object_code = data.split(b"\n", 1)
            facts = json.loads(head)
            if facts["sources"] == _sources() and facts["crc"] == zlib.crc32(
                object_code
            ):
                return Code(object_code, tuple(facts["externals"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def store(name: str, code: Code) -> None:
    """Keep code for the next process, in the first folder that can be written to."""
    facts = {
        "sources": _sources(),
        "crc": zlib.crc32(code.object_code),
        "externals": list(code.externals),
    }
    data = json.dumps(facts).encode() + b"\n" + code.object_code
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _replace(folder / name, data)
        except OSError:  # a read-only home, a full disk: compiled again next time
            continue
        return


def _replace(file: Path, data: bytes) -> None:
    number, temporary = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=SUFFIX)
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(data)
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise


@cache
def _sources() -> str:
    """Name, time and size of every source file that kernels are built from."""
    stats = ((f.name, f.stat()) for f in sorted(SOURCES.glob("*.py")))
    return _digest((name, s.st_mtime_ns, s.st_size) for name, s in stats)


@cache
def _folders() -> tuple[Path, ...]:
    """Where to look and to write, the first choice first."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    roots = [Path(chosen)] if chosen else [SOURCES / "__pycache__", *_home()]
    return tuple(root / "numpy_deconv" / _environment() for root in roots)


def _home() -> Iterator[Path]:
    """The user's folder for what can be made again, where there is one."""
    named = {"win32": "LOCALAPPDATA"}.get(sys.platform, "XDG_CACHE_HOME")
    if os.environ.get(named):
        yield Path(os.environ[named])
        return
    try:
        home = Path.home()
    except RuntimeError:  # nobody in particular
        return
    yield home / ("Library/Caches" if sys.platform == "darwin" else ".cache")


def _environment() -> str:
    """The machine, and the versions of what compiles for it."""
    numba = find_spec("numba")
    origin = (
        Path(numba.origin).with_name("_version.py") if numba and numba.origin else None
    )
    stamp = origin.stat() if origin is not None and origin.exists() else None
    options = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("NUMBA_") and name not in _HARMLESS
    }
    facts: tuple[Any, ...] = (
        binding.get_process_triple(),
        binding.get_host_cpu_name(),
        binding.get_host_cpu_features().flatten(),
        llvmlite.__version__,
        (stamp.st_mtime_ns, stamp.st_size) if stamp else None,
        sorted(options.items()),
        FIELDS,
    )
    return _digest(facts)


#: Settings of Numba's that change nothing in what it makes.
_HARMLESS = ("NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR", "NUMBA_THREADING_LAYER")


def _digest(facts: Any) -> str:
    return blake2b(repr(list(facts)).encode(), digest_size=8).hexdigest()
