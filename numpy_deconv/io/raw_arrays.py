"""From a file's raw bytes to arrays; sizes are checked before memory is asked for."""

from __future__ import annotations

import math
from io import BufferedIOBase
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

# Half of what NumPy can hold; no weight comes near it.
MAX_RANK = 32
_MAX_BYTES = 2**60

# Element codes: NumPy's own, and "bf16", which NumPy does not have.
BFLOAT16 = "bf16"
BOOL = "b1"

ByteOrder = Literal["<", ">"]


def item_size(code: str) -> int:
    """Bytes per element as stored in the file."""
    return 2 if code == BFLOAT16 else np.dtype(code).itemsize


def array_dtype(code: str) -> np.dtype[Any]:
    """The dtype of the array that is made of such elements: float32 for bf16."""
    return np.dtype(np.float32 if code == BFLOAT16 else code)


def checked_shape(shape: object) -> tuple[int, ...]:
    """``shape`` as a tuple of sizes that NumPy can hold.

    Raises :class:`ValueError`, worded as the end of a sentence about the file, if a
    size is no integer, is negative, or if rank or volume pass what can be addressed.
    """
    if not isinstance(shape, list | tuple):
        # The file is wrong here, not a caller's type.
        raise ValueError("declares a shape that is not a list")  # noqa: TRY004
    if len(shape) > MAX_RANK:
        raise ValueError(f"declares {len(shape)} axes, more than {MAX_RANK}")
    # A bool is an int to Python, and so is a number of a million digits.
    if any(type(size) is not int or not 0 <= size < _MAX_BYTES for size in shape):
        raise ValueError("declares a size that is not an integer from 0 to 2**60")
    # NumPy multiplies the other axes even where one is empty.
    if math.prod(size for size in shape if size) >= _MAX_BYTES // 16:
        raise ValueError(f"declares the impossible shape {tuple(shape)}")
    return tuple(shape)


def read_bytes(file: BufferedIOBase, count: int) -> NDArray[np.uint8]:
    """Exactly ``count`` bytes from where ``file`` stands, in a fresh array.

    The caller has compared ``count`` with the size of the file. Raises
    :class:`EOFError` if the file has become shorter since.
    """
    raw = np.empty(count, np.uint8)
    got = file.readinto(raw.data) if count else 0
    if got != count:
        raise EOFError(f"{count} bytes expected, {got} found")
    return raw


def decode(raw: NDArray[np.uint8], code: str, order: ByteOrder = "<") -> NDArray[Any]:
    """The elements in ``raw`` as a flat array in this machine's byte order.

    ``order`` is the byte order of the file. bfloat16 becomes float32, which is exact:
    a bfloat16 is the upper half of a float32. A bool is true for any non-zero byte,
    since NumPy goes wrong on a bool that is neither 0 nor 1.
    """
    if code == BOOL:
        return raw != 0
    if code == BFLOAT16:
        return widen_bfloat16(raw.view(np.dtype(f"{order}u2")))
    stored = raw.view(np.dtype(code).newbyteorder(order))
    return stored.astype(np.dtype(code), copy=False)


def widen_bfloat16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """float32 array whose upper 16 bits are ``bits``; any shape."""
    wide = bits.astype(np.uint32)
    np.left_shift(wide, 16, out=wide)
    return wide.view(np.float32)
