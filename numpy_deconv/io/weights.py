"""Weights by the suffix of the file: one door in, one door out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FileFormatError, OutputError
from .atomic import PathLike
from .elsewhere import other_door
from .npz import read_npz, write_npz
from .safetensors import read_safetensors, write_safetensors
from .weight_file import WeightFile


def _torch(path: PathLike) -> WeightFile:
    from .torch_file import read_torch_checkpoint

    return read_torch_checkpoint(path)


def _paddle(path: PathLike) -> WeightFile:
    from .paddle_file import read_paddle_file

    return read_paddle_file(path)


def _keras(path: PathLike) -> WeightFile:
    from .keras_file import read_keras_file

    return read_keras_file(path)


_READERS: dict[str, Callable[[PathLike], WeightFile]] = {
    ".safetensors": lambda path: WeightFile(read_safetensors(path)),
    ".npz": lambda path: WeightFile(read_npz(path)),
    ".pt": _torch,
    ".pth": _torch,
    ".ckpt": _torch,
    ".bin": _torch,
    ".pdparams": _paddle,
    ".h5": _keras,
    ".hdf5": _keras,
    ".keras": _keras,
}
_WRITERS: dict[str, Callable[[PathLike, Mapping[str, ArrayLike]], None]] = {
    ".safetensors": write_safetensors,
    ".npz": write_npz,
}


def read_weights(path: PathLike) -> dict[str, NDArray[Any]]:
    """The arrays of a weight file by name; the suffix chooses the format.

    ``.safetensors``, ``.npz``, PyTorch's ``.pt``, ``.pth``, ``.ckpt`` (Lightning's) and
    ``.bin``, Paddle's ``.pdparams``,
    Keras's ``.h5`` and ``.keras`` (all read without their frameworks and without
    running anything that is in them). Arrays come as they lie in the file.

    Raises :class:`FileFormatError` for another suffix and for a file that is missing,
    a folder, unreadable, empty, or not in that format.

    Example::

        weights = read_weights("vgg16.pth")
    """
    return dict(read_weight_file(path).arrays)


def read_weight_file(path: PathLike) -> WeightFile:
    """:func:`read_weights`, with the layout of the arrays and what was left out.

    Example::

        read_weight_file("vgg16.pdparams").layout  # "paddle"
    """
    if remedy := other_door(Path(path)):
        raise FileFormatError(f"{path} {remedy}")
    suffix = _suffix(path)
    if Path(path).is_dir():
        folder = os.fspath(path)
        raise FileFormatError(f"{folder!r} is a folder; name a file of weights in it")
    if suffix not in _READERS:
        raise FileFormatError(
            f"{path} has the suffix {suffix!r}; readable are {', '.join(_READERS)}"
        )
    return _READERS[suffix](path)


def is_weight_file(path: PathLike) -> bool:
    """Whether the suffix is one that :func:`read_weights` reads."""
    return _suffix(path) in _READERS


def _suffix(path: PathLike) -> str:
    # Training scripts of PyTorch like model_best.pth.tar, which is no archive.
    return Path(os.fspath(path).lower().removesuffix(".tar")).suffix


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
