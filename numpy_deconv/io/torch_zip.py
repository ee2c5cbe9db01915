"""PyTorch's zip format: ``<root>/data.pkl`` beside one record per storage."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from io import BufferedReader

import numpy as np
from numpy.typing import NDArray

from .pickle_globals import Refused
from .raw_arrays import ByteOrder, read_bytes
from .restricted_pickle import RestrictedUnpickler
from .torch_globals import TORCH_GLOBALS, Storage, storage_of
from .torch_tensors import Checkpoint

SIGNATURE = b"PK\x03\x04"

_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 1
# All that zipfile raises on a damaged directory.
_DAMAGE = (
    zipfile.BadZipFile,
    struct.error,
    NotImplementedError,
    OSError,
    ValueError,
    OverflowError,
)


class _Records:
    """The members of the archive; read straight from the file, as they are stored."""

    def __init__(self, file: BufferedReader, size: int) -> None:
        self._file = file
        self._size = size
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
        except _DAMAGE as error:
            raise Refused(f"is a truncated or damaged zip: {error}") from error
        self._members = {info.filename: info for info in members}
        if len(self._members) != len(members):
            raise Refused("is damaged or hostile: two records have the same name")
        if sum(info.compress_size for info in members) > size:
            raise Refused("is damaged or hostile: its records overlap")

    def root(self) -> str:
        """What all names begin with: the name of the file when it was saved."""
        names = self._members
        roots = [
            name.removesuffix("data.pkl")
            for name in names
            if re.fullmatch(r"([^/]+/)?data\.pkl", name, re.DOTALL)
        ]
        if len(roots) != 1:
            raise Refused("is a zip file, but torch.save did not write it: no data.pkl")
        if f"{roots[0]}constants.pkl" in names:
            raise Refused(
                "is a TorchScript archive, which holds a program; save "
                "torch.jit.load(path).state_dict() with torch.save instead"
            )
        return roots[0]

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str, size: int | None = None) -> NDArray[np.uint8]:
        """The bytes of one record, which must be ``size`` of them if that is given."""
        info = self._members.get(name)
        if info is None:
            raise Refused(f"is damaged: it has no record {ascii(name)[:80]}")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & _ENCRYPTED:
            raise Refused(
                f"has a compressed or encrypted record {ascii(name)[:80]}, which "
                "torch.save never writes; unpack it and save it again with torch.save"
            )
        if size is not None and info.file_size != size:
            raise Refused(
                f"is damaged: record {ascii(name)[:80]} has {info.file_size} bytes, "
                f"{size} expected"
            )
        self._file.seek(info.header_offset)
        header = self._file.read(_LOCAL_HEADER_BYTES)
        if len(header) < _LOCAL_HEADER_BYTES or not header.startswith(SIGNATURE):
            raise Refused(f"is damaged: record {ascii(name)[:80]} is not where it says")
        name_bytes, extra_bytes = struct.unpack("<HH", header[26:])
        start = info.header_offset + _LOCAL_HEADER_BYTES + name_bytes + extra_bytes
        if start + info.file_size > self._size:
            raise Refused(f"is truncated: record {ascii(name)[:80]} passes its end")
        self._file.seek(start)
        raw = read_bytes(self._file, info.file_size)
        # torch.serialization.set_crc32_options(False) leaves a zero there.
        if info.CRC and zlib.crc32(raw.data) != info.CRC:
            raise Refused(f"is damaged: the checksum of {ascii(name)[:80]} is wrong")
        return raw


def open_zip(file: BufferedReader, size: int) -> Checkpoint:
    """The checkpoint in an opened zip file; storages are read when asked for.

    Raises :class:`Refused` if it is damaged, is TorchScript, or names a global that
    is not on the allow-list.
    """
    records = _Records(file, size)
    root = records.root()
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
