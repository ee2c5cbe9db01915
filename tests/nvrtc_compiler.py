"""NVIDIA's run-time compiler from PyPI, called without a device."""

from __future__ import annotations

import ctypes
import importlib.util
from functools import lru_cache
from pathlib import Path

ARCHITECTURES = ("sm_70", "sm_80", "sm_90")


@lru_cache
def _library() -> ctypes.CDLL | None:
    """The library of nvidia-cuda-nvrtc-cu12; None where it is not installed."""
    try:
        spec = importlib.util.find_spec("nvidia.cuda_nvrtc")
    except ModuleNotFoundError:
        return None
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(folder, "lib").glob("libnvrtc.so.*")):
            return ctypes.CDLL(str(file))
    return None


def available() -> bool:
    """Whether there is a compiler here."""
    return _library() is not None


def compiled(code: str, options: tuple[str, ...]) -> tuple[bytes, str]:
    """The machine code and the compiler's log; no code where it does not compile."""
    nvrtc = _library()
    if nvrtc is None:
        raise RuntimeError("nvidia-cuda-nvrtc-cu12 is not installed")
    program = ctypes.c_void_p()
    made = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), code.encode(), b"kernel.cu", 0, None, None
    )
    if made != 0:
        raise RuntimeError(f"nvrtcCreateProgram failed with {made}")
    given = (ctypes.c_char_p * len(options))(*(o.encode() for o in options))
    status = nvrtc.nvrtcCompileProgram(program, len(options), given)
    log = _text(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program)
    binary = b""
    if status == 0:
        binary = _text(nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN, program)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return binary, log.rstrip(b"\0").decode(errors="replace").strip()


def _text(
    size_of: ctypes._FuncPointer, read: ctypes._FuncPointer, program: ctypes.c_void_p
) -> bytes:
    size = ctypes.c_size_t()
    size_of(program, ctypes.byref(size))
    room = ctypes.create_string_buffer(size.value)
    read(program, room)
    return room.raw
