"""Paddle's ``.pdparams`` files, read without Paddle and without running them.

``paddle.save`` pickles a dict from names to NumPy arrays, or to ``(name, array)``.
What is over a gigabyte it splits, in pickle protocols 2 and 3, and notes the parts
under ``UnpackBigParamInfor@@``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FileFormatError
from .atomic import PathLike
from .paddle_globals import PADDLE_GLOBALS, PickledArray
from .pickle_globals import Refused
from .raw_arrays import array_dtype, decode, item_size
from .regular_file import open_regular_file
from .restricted_pickle import RestrictedUnpickler
from .state_dict import find_state_dict
from .weight_file import WeightFile

SPLIT = "UnpackBigParamInfor@@"
NAMES = "StructuredToParameterName@@"

# A memo lets a small file name one array many times over.
_MAX_EXPANSION = 4
_FREE_BYTES = 2**20
# Paddle's names of batch norm's statistics, and everybody's here.
_STATISTICS = {"_mean": "running_mean", "_variance": "running_var"}

Parts = tuple[PickledArray, ...]


def read_paddle_file(path: PathLike) -> WeightFile:
    """Every parameter by its name, in the order of the file; layout ``"paddle"``.

    Linear weights are (in, out), as Paddle keeps them. ``_mean`` and ``_variance`` of
    batch norm are called ``running_mean`` and ``running_var``; bfloat16, which Paddle
    writes as uint16, comes back as float32, exactly. The parameters may lie under a
    usual key of a checkpoint.

    Nothing in the file is run: see :mod:`numpy_deconv.io.restricted_pickle`.

    Raises :class:`FileFormatError` if the file is damaged, would call anything that
    plain weights do not need, or holds no parameters.

    Example::

        weights = read_paddle_file("vgg16.pdparams").arrays
        weights["classifier.0.weight"].shape  # (25088, 4096)
    """
    file, size = open_regular_file(path)
    with file:
        try:
            saved = RestrictedUnpickler(file, size, PADDLE_GLOBALS).load()
            found = find_state_dict(_joined(saved), _parameters)
            _check_volume(found.weights, size)
            arrays = {
                _renamed(name): _array(parts, shape)
                for name, (parts, shape) in found.weights.items()
            }
        except (Refused, EOFError, OSError) as error:
            raise FileFormatError(f"{path} {error}") from error
    return WeightFile(arrays, "paddle", found.left_out)


def _joined(saved: object) -> object:
    """``saved`` with the parts of each split array put together, by their names."""
    if not isinstance(saved, dict):
        return saved
    whole = {key: value for key, value in saved.items() if key not in (SPLIT, NAMES)}
    split = saved.get(SPLIT)
    for name, entry in split.items() if isinstance(split, dict) else ():
        match entry:
            case {"OriginShape": list(shape) | tuple(shape), "slices": [*parts]}:
                pieces = tuple(
                    whole.pop(part, None) if isinstance(part, str) else None
                    for part in parts
                )
            case _:
                raise Refused(f"is damaged: its note {SPLIT} is not Paddle's")
        if not all(isinstance(piece, PickledArray) for piece in pieces):
            raise Refused(f"is damaged: parts of {ascii(name)[:80]} are missing")
        whole[name] = _Split(pieces, tuple(shape))
    return whole


class _Split:
    """An array in parts, each flat, and its shape."""

    def __init__(self, parts: Any, shape: tuple[Any, ...]) -> None:
        self.parts, self.shape = parts, shape


def _parameters(value: object) -> dict[str, tuple[Parts, tuple[Any, ...] | None]]:
    if not isinstance(value, dict):
        return {}
    found: dict[str, tuple[Parts, tuple[Any, ...] | None]] = {}
    for name, entry in value.items():
        match entry:
            case PickledArray() | (str(), PickledArray()) if isinstance(name, str):
                array = entry[1] if isinstance(entry, tuple) else entry
                found[name] = ((array,), None)
            case _Split(parts=parts, shape=shape) if isinstance(name, str):
                found[name] = (parts, shape)
    return found


def _check_volume(
    found: Mapping[str, tuple[Parts, tuple[Any, ...] | None]], size: int
) -> None:
    needed = 0
    for name, (parts, _) in found.items():
        for part in parts:
            shape, code, _, _, raw = part.described()
            stored = math.prod(shape) * item_size(code)
            if stored != len(raw):
                raise Refused(
                    f"is damaged: {ascii(name)[:80]} of shape {shape} has {len(raw)} "
                    f"bytes, {stored} expected"
                )
            needed += math.prod(shape) * array_dtype(code).itemsize
    if needed > _MAX_EXPANSION * size + _FREE_BYTES:
        raise Refused(
            f"describes arrays of {needed} bytes in all, far beyond the file's {size}"
        )


def _array(parts: Parts, shape: tuple[Any, ...] | None) -> NDArray[Any]:
    arrays = [_one(part) for part in parts]
    if shape is None:
        return arrays[0]
    try:
        flat = np.concatenate([array.reshape(-1) for array in islice(arrays, 2**16)])
        return flat.reshape(shape)
    except (ValueError, TypeError) as error:
        raise Refused(f"is damaged: the parts of a split array: {error}") from error


def _one(part: PickledArray) -> NDArray[Any]:
    shape, code, order, fortran, raw = part.described()
    flat = decode(np.frombuffer(bytearray(raw), np.uint8), code, order)
    return np.asarray(flat.reshape(shape, order="F" if fortran else "C"), order="C")


def _renamed(name: str) -> str:
    layer, dot, parameter = name.rpartition(".")
    return f"{layer}{dot}{_STATISTICS.get(parameter, parameter)}"
