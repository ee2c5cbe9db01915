"""Zip archives whose members are stored as they are: read straight from the file.

PyTorch and Keras write such archives, so that weights need not be unpacked.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from io import BufferedReader

import numpy as np
from numpy.typing import NDArray

from .pickle_globals import Refused
from .raw_arrays import read_bytes

SIGNATURE = b"PK\x03\x04"

_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 1
_PIECE = 2**20
# All that zipfile raises on a damaged directory.
_DAMAGE = (
    zipfile.BadZipFile,
    struct.error,
    NotImplementedError,
    OSError,
    ValueError,
    OverflowError,
)


class StoredZip:
    """The members of an opened archive by name; ``writer`` is who writes such files.

    Raises :class:`Refused` if its directory is damaged, or names a member twice.
    """

    def __init__(self, file: BufferedReader, size: int, writer: str) -> None:
        self._file = file
        self._size = size
        self._writer = writer
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
        except _DAMAGE as error:
            reason = ascii(str(error))[1:-1][:200]
            raise Refused(f"is a truncated or damaged zip: {reason}") from error
        self._members = {info.filename: info for info in members}
        if len(self._members) != len(members):
            raise Refused("is damaged or hostile: two records have the same name")
        if sum(info.compress_size for info in members) > size:
            raise Refused("is damaged or hostile: its records overlap")

    @property
    def names(self) -> list[str]:
        """The members' names, as the archive spells them."""
        return list(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def size(self, name: str) -> int:
        """Bytes of one member."""
        return self._member(name).file_size

    def _member(self, name: str) -> zipfile.ZipInfo:
        info = self._members.get(name)
        if info is None:
            raise Refused(f"is damaged: it has no record {ascii(name)[:80]}")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & _ENCRYPTED:
            raise Refused(
                f"has a compressed or encrypted record {ascii(name)[:80]}, which "
                f"{self._writer} never writes; unpack it and save it again with "
                f"{self._writer}"
            )
        return info

    def start(self, name: str) -> int:
        """Where in the file a member's bytes begin; all of them are inside of it."""
        info = self._member(name)
        self._file.seek(info.header_offset)
        header = self._file.read(_LOCAL_HEADER_BYTES)
        if len(header) < _LOCAL_HEADER_BYTES or not header.startswith(SIGNATURE):
            raise Refused(f"is damaged: record {ascii(name)[:80]} is not where it says")
        name_bytes, extra_bytes = struct.unpack("<HH", header[26:])
        start = info.header_offset + _LOCAL_HEADER_BYTES + name_bytes + extra_bytes
        if start + info.file_size > self._size:
            raise Refused(f"is truncated: record {ascii(name)[:80]} passes its end")
        return start

    def read(self, name: str, size: int | None = None) -> NDArray[np.uint8]:
        """The bytes of one member, which must be ``size`` of them if that is given."""
        info = self._member(name)
        if size is not None and info.file_size != size:
            raise Refused(
                f"is damaged: record {ascii(name)[:80]} has {info.file_size} bytes, "
                f"{size} expected"
            )
        self._file.seek(self.start(name))
        raw = read_bytes(self._file, info.file_size)
        self._check_sum(info, zlib.crc32(raw.data))
        return raw

    def check(self, name: str) -> None:
        """Read a member through; raises :class:`Refused` if its checksum is wrong."""
        info = self._member(name)
        self._file.seek(self.start(name))
        total, left = 0, info.file_size
        while left > 0 and (piece := self._file.read(min(left, _PIECE))):
            total, left = zlib.crc32(piece, total), left - len(piece)
        self._check_sum(info, total)

    def _check_sum(self, info: zipfile.ZipInfo, found: int) -> None:
        # torch.serialization.set_crc32_options(False) leaves a zero there.
        if info.CRC and found != info.CRC:
            name = ascii(info.filename)[:80]
            raise Refused(f"is damaged: the checksum of {name} is wrong")
