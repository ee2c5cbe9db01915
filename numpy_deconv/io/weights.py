"""Weights by the suffix of the file: one door in, one door out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FileFormatError, OutputError
from .atomic import PathLike
from .npz import read_npz, write_npz
from .safetensors import read_safetensors, write_safetensors
from .torch_file import read_torch_file

_READERS: dict[str, Callable[[PathLike], dict[str, NDArray[Any]]]] = {
    ".safetensors": read_safetensors,
    ".npz": read_npz,
    ".pt": read_torch_file,
    ".pth": read_torch_file,
}
_WRITERS: dict[str, Callable[[PathLike, Mapping[str, ArrayLike]], None]] = {
    ".safetensors": write_safetensors,
    ".npz": write_npz,
}


def read_weights(path: PathLike) -> dict[str, NDArray[Any]]:
    """The arrays of a weight file by name; the suffix chooses the format.

    ``.safetensors``, ``.npz``, and PyTorch's ``.pt`` and ``.pth`` (read without torch
    and without running anything that is in them).

    Raises :class:`FileFormatError` for another suffix and for a file that is missing,
    a folder, unreadable, empty, or not in that format.

    Example::

        weights = read_weights("vgg16.pth")
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _READERS:
        raise FileFormatError(
            f"{path} has the suffix {suffix!r}; readable are {', '.join(_READERS)}"
        )
    return _READERS[suffix](path)


def write_weights(path: PathLike, arrays: Mapping[str, ArrayLike]) -> None:
    """Write ``arrays`` to a ``.safetensors`` or ``.npz`` file, complete or not at all.

    Raises :class:`OutputError` for another suffix or if the file cannot be written,
    :class:`DTypeError` for a dtype that the format does not have.

    Example::

        write_weights("vgg16.safetensors", read_weights("vgg16.pth"))
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITERS:
        raise OutputError(
            f"cannot write {path}: its suffix is {suffix!r}; "
            f"writable are {', '.join(_WRITERS)}"
        )
    _WRITERS[suffix](path, arrays)


def find_non_finite(arrays: Mapping[str, ArrayLike]) -> list[str]:
    """Names of the arrays that hold a NaN or an infinity, in order.

    Example::

        find_non_finite({"a": [1.0, 2.0], "b": [np.nan]})  # ["b"]
    """
    plain = {name: np.asarray(value) for name, value in arrays.items()}
    return [
        name
        for name, array in plain.items()
        if array.dtype.kind not in "biu" and not np.isfinite(array).all()
    ]
