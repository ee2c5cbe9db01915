"""PyTorch's format before 1.6: five pickles in a row, then the raw storages.

``magic | protocol version | system | saved object | storage keys``, and for each key
``int64 element count | elements``, always little-endian.
"""

from __future__ import annotations

from io import BufferedReader

import numpy as np
from numpy.typing import NDArray

from .pickle_globals import Foreign, Refused
from .raw_arrays import read_bytes
from .restricted_pickle import RestrictedUnpickler
from .torch_globals import TORCH_GLOBALS, Storage, storage_of
from .torch_tensors import Checkpoint

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001

_COUNT_BYTES = 8


def open_legacy(file: BufferedReader, size: int) -> Checkpoint:
    """The checkpoint in an opened file; storages are read when asked for.

    Raises :class:`Refused` if it is not of this format, is damaged, or names a
    global that is not on the allow-list.
    """
    storages: dict[str, Storage] = {}

    def remember_storage(persistent_id: object) -> Storage | Foreign:
        storage = storage_of(persistent_id)
        if isinstance(storage, Foreign):
            return storage
        first = storages.setdefault(storage.key, storage)
        if first.size != storage.size:
            raise Refused("is damaged: it gives one storage two sizes")
        return storage

    if _load(file, size) != MAGIC:
        raise Refused("is not a file that torch.save wrote: its magic number is wrong")
    version = _load(file, size)
    if version != PROTOCOL_VERSION:
        raise Refused(f"is damaged: its protocol is not {PROTOCOL_VERSION}")
    _load(file, size)  # sizes of C types on the system that saved it
    unpickler = RestrictedUnpickler(file, size, TORCH_GLOBALS, remember_storage)
    saved = unpickler.load()
    keys = _load(file, size)
    if not isinstance(keys, list):
        raise Refused("is damaged: its list of storages is not a list")
    starts: dict[str, int] = {}
    position = file.tell()
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        if storage is None:
            raise Refused("is damaged: it lists a storage that no tensor uses")
        file.seek(position)
        count = int.from_bytes(file.read(_COUNT_BYTES), "little", signed=True)
        starts[storage.key] = position + _COUNT_BYTES
        position = starts[storage.key] + storage.size
        if position > size:
            raise Refused("is truncated: its last storages are missing")
        if count != storage.numel:
            raise Refused(
                f"is damaged: a storage holds {count} elements instead of "
                f"{storage.numel}"
            )

    def read_storage(storage: Storage) -> NDArray[np.uint8]:
        if storage.key not in starts:
            raise Refused("is damaged: it lacks a storage that a tensor uses")
        file.seek(starts[storage.key])
        return read_bytes(file, storage.size)

    return Checkpoint(saved, read_storage)


def _load(file: BufferedReader, size: int) -> object:
    return RestrictedUnpickler(file, size, TORCH_GLOBALS).load()
