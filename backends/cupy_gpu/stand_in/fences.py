"""Arrays as kernels get them: in pages of their own, between bytes of ones and pages
that nobody may touch."""

from __future__ import annotations

import ctypes
import mmap
from functools import lru_cache
from typing import Any

import numpy as np

from ....errors import BackendError

Array = np.ndarray[Any, Any]

ALIGNMENT = 16  # bytes that an array starts at a multiple of: the widest loads'
NO_ACCESS = 0  # mprotect's PROT_NONE


@lru_cache
def _protect() -> Any:
    """The C library's ``mprotect``; None on a system without it."""
    try:
        return ctypes.CDLL(None).mprotect
    except (AttributeError, OSError, TypeError):
        return None


class Fenced:
    """A copy of an array, one end of it against a page that must not be touched.

    Reading beside that end ends the launch; beside the other one it reads ones, NaN.
    Writing there is seen when the values are given back.
    """

    def __init__(self, array: Array, at_end: bool):
        if not array.flags.c_contiguous:
            raise BackendError(f"a kernel was given strides {array.strides}")
        self.array = array
        page = mmap.PAGESIZE
        pages = max(1, -(-array.nbytes // page))
        room = np.frombuffer(mmap.mmap(-1, (pages + 2) * page), np.uint8)
        first = room.ctypes.data
        self.inner = room[page:-page]
        self.inner[...] = 255
        slack = len(self.inner) - array.nbytes
        self.start = slack // ALIGNMENT * ALIGNMENT if at_end else 0
        self.stop = self.start + array.nbytes
        self.inside = self.inner[self.start : self.stop].view(array.dtype)
        self.inside[...] = array.reshape(-1)
        self.pointer = ctypes.c_void_p(first + page + self.start)
        protect = _protect()
        if protect is not None:
            for guard in (first, first + (pages + 1) * page):
                protect(ctypes.c_void_p(guard), ctypes.c_size_t(page), NO_ACCESS)

    def give_back(self, function: str) -> None:
        """Write the values to where they came from."""
        beside = self.inner[: self.start], self.inner[self.stop :]
        if min(int(each.min(initial=255)) for each in beside) != 255:
            raise BackendError(f"{function} wrote beside an array of its arguments")
        if self.array.flags.writeable:
            self.array.reshape(-1)[...] = self.inside
