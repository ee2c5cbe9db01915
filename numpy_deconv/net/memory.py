"""How much memory a method may take."""

from __future__ import annotations

import os
from typing import Any

from ..errors import OptionError
from ..functional.options import whole

UNKNOWN = 8 * 2**30  # taken for the machine's memory where it does not say


def memory_limit(memory: Any = None) -> int:
    """``memory`` in bytes; None is a quarter of the machine's."""
    if memory is None:
        return machine_memory() // 4
    try:
        return whole(memory, "memory", 1)
    except OptionError as error:
        raise OptionError(
            f"memory must be a whole number of bytes above 0, or None, got {memory!r}"
        ) from error


def machine_memory() -> int:
    """Bytes of physical memory."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return UNKNOWN
