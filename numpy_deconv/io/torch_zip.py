"""PyTorch's zip format: ``<root>/data.pkl`` beside one record per storage."""

from __future__ import annotations

import io
import re
from io import BufferedReader

import numpy as np
from numpy.typing import NDArray

from .pickle_globals import Refused
from .raw_arrays import ByteOrder
from .restricted_pickle import RestrictedUnpickler
from .stored_zip import SIGNATURE, StoredZip
from .torch_globals import TORCH_GLOBALS, Storage, storage_of
from .torch_tensors import Checkpoint

__all__ = ["SIGNATURE", "open_zip"]


def open_zip(file: BufferedReader, size: int) -> Checkpoint:
    """The checkpoint in an opened zip file; storages are read when asked for.

    Raises :class:`Refused` if it is damaged, is TorchScript, or names a global that
    is not on the allow-list.
    """
    records = StoredZip(file, size, "torch.save")
    root = _root(records)
    order: ByteOrder = "<"
    if f"{root}byteorder" in records:
        word = records.read(f"{root}byteorder").tobytes()
        if word not in (b"little", b"big"):
            raise Refused(f"is damaged: its byte order is {ascii(word)[:40]}")
        order = ">" if word == b"big" else "<"
    pickled = records.read(f"{root}data.pkl").tobytes()
    saved = RestrictedUnpickler(
        io.BytesIO(pickled), len(pickled), TORCH_GLOBALS, storage_of
    ).load()

    def read_storage(storage: Storage) -> NDArray[np.uint8]:
        return records.read(f"{root}data/{storage.key}", storage.size)

    return Checkpoint(saved, read_storage, order)


def _root(records: StoredZip) -> str:
    """What all names begin with: the name of the file when it was saved."""
    roots = [
        name.removesuffix("data.pkl")
        for name in records.names
        if re.fullmatch(r"([^/]+/)?data\.pkl", name, re.DOTALL)
    ]
    if len(roots) != 1:
        raise Refused("is a zip file, but torch.save did not write it: no data.pkl")
    if f"{roots[0]}constants.pkl" in records:
        raise Refused(
            "is a TorchScript archive, which holds a program; save "
            "torch.jit.load(path).state_dict() with torch.save instead"
        )
    return roots[0]
