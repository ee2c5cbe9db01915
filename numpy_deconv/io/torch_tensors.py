"""From what a PyTorch file says about its tensors to arrays, checked first."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pickle_globals import Refused
from .raw_arrays import ByteOrder, array_dtype, decode, item_size
from .torch_globals import Storage, TensorSpec

# Views may repeat what a storage holds (an expanded tensor has stride 0), so a small
# file could describe arrays of any size: this bounds the sum, by the file's size.
MAX_EXPANSION = 4
FREE_BYTES = 2**20


@dataclass(frozen=True)
class Checkpoint:
    """An opened file: the object that was saved, and its storages as raw bytes."""

    saved: object
    read_storage: Callable[[Storage], NDArray[np.uint8]]
    byte_order: ByteOrder = "<"


def materialise(
    tensors: Mapping[str, TensorSpec], checkpoint: Checkpoint, file_size: int
) -> dict[str, NDArray[Any]]:
    """Each tensor as a writable C-contiguous array that owns its memory.

    Tensors that are the same view of the same storage (tied weights) become the same
    array. All checks come before the first array, and each storage is read once.
    Raises :class:`Refused` if a tensor reaches outside its storage, or if all of them
    need more than ``4 * file_size + 1 MiB``.
    """
    needed = 0
    by_storage: dict[Storage, list[TensorSpec]] = defaultdict(list)
    # A dict keeps the order of the file, which a set would not.
    for spec, name in {spec: name for name, spec in tensors.items()}.items():
        _check_reach(spec, name)
        needed += math.prod(spec.shape) * array_dtype(spec.code).itemsize
        by_storage[spec.storage].append(spec)
    if needed > MAX_EXPANSION * file_size + FREE_BYTES:
        raise Refused(
            f"describes tensors of {needed} bytes in all, far beyond the file's "
            f"{file_size}; save expanded tensors again after tensor.contiguous()"
        )
    arrays = {}
    for storage, specs in by_storage.items():
        raw = checkpoint.read_storage(storage)
        for spec in specs:
            arrays[spec] = _view(raw, spec, checkpoint.byte_order)
    return {name: arrays[spec] for name, spec in tensors.items()}


def _elements(spec: TensorSpec) -> int:
    """How many elements of the tensor's type its storage view holds."""
    view_bytes = spec.storage.length * item_size(spec.storage.code)
    return view_bytes // item_size(spec.code)


def _check_reach(spec: TensorSpec, name: str) -> None:
    if 0 in spec.shape:
        return
    steps = zip(spec.shape, spec.strides, strict=True)
    last = spec.offset + sum((size - 1) * stride for size, stride in steps)
    if last >= _elements(spec):
        raise Refused(
            f"is damaged or hostile: tensor {ascii(name)[:80]} reaches outside its "
            f"storage of {_elements(spec)} elements"
        )


def _view(raw: NDArray[np.uint8], spec: TensorSpec, order: ByteOrder) -> NDArray[Any]:
    if 0 in spec.shape:
        return np.empty(spec.shape, array_dtype(spec.code))
    start = spec.storage.first * item_size(spec.storage.code)
    values = decode(
        raw[start : start + _elements(spec) * item_size(spec.code)], spec.code, order
    )
    # torch lets an axis of size 1 have any stride, even one NumPy could not hold.
    strides = [
        step * values.itemsize if size > 1 else 0
        for size, step in zip(spec.shape, spec.strides, strict=True)
    ]
    view = np.lib.stride_tricks.as_strided(values[spec.offset :], spec.shape, strides)
    return np.array(view, order="C")
