"""An HDF5 file as bytes: bounded reading, the superblock, object headers.

The format is The HDF Group's, "HDF5 File Format Specification", version 3.0. The
official library is C code which, given damaged files, was seen to crash and to hang;
here every address is compared with the end of the file before it is followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase

import numpy as np
from numpy.typing import NDArray

from .pickle_globals import Refused
from .raw_arrays import read_bytes

SIGNATURE = b"\x89HDF\r\n\x1a\n"

# Real files of weights have a few blocks per layer.
MOST_BLOCKS = 200_000
# Blocks are read about twice; more than that, and they lie over each other.
MAX_REREADING = 8
FREE_BYTES = 32 * 2**20
_CONTINUATION = 0x10
_SHARED = 2


class Cursor:
    """Little-endian numbers read one after the other out of a piece of the file."""

    def __init__(self, data: bytes, address_bytes: int = 8, length_bytes: int = 8):
        self.data = data
        self.at = 0
        self._address_bytes = address_bytes
        self._length_bytes = length_bytes

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        piece = self.data[self.at : self.at + count]
        if len(piece) != count:
            raise Refused("is damaged: an HDF5 structure in it is cut short")
        self.at += count
        return piece

    def number(self, count: int) -> int:
        """The next ``count`` bytes as an integer from 0."""
        return int.from_bytes(self.take(count), "little")

    def address(self) -> int | None:
        """A place in the file; None where there is none."""
        raw = self.take(self._address_bytes)
        return None if raw == b"\xff" * len(raw) else int.from_bytes(raw, "little")

    def length(self) -> int:
        """A size in bytes or elements."""
        return self.number(self._length_bytes)

    def expect(self, word: bytes) -> None:
        """Pass over a signature that has to be here."""
        if self.take(len(word)) != word:
            raise Refused(f"is damaged: no {word.decode('latin-1')} block where one is")

    def align(self) -> None:
        """Pass over what fills up to a multiple of eight."""
        self.at += -self.at % 8

    @property
    def left(self) -> int:
        """How many bytes are still to be read."""
        return max(0, len(self.data) - self.at)


@dataclass(frozen=True)
class Message:
    """One entry of an object's header."""

    kind: int
    data: bytes


class Blocks:
    """Pieces of an opened HDF5 file by address, never past its end."""

    def __init__(self, file: BufferedIOBase, size: int) -> None:
        self._file = file
        self._size = size
        self._blocks_read = self._bytes_read = 0
        self._heaps: dict[int, dict[int, bytes]] = {}
        self._address_bytes = self._length_bytes = 8
        self._base = 0
        self.root = self._superblock()

    def _superblock(self) -> int:
        start = self.up_to(0, 96)
        if not start.data.startswith(SIGNATURE):
            raise Refused("is not an HDF5 file")
        start.take(len(SIGNATURE))
        version = start.number(1)
        if version < 2:
            start.take(4)
            self._set_widths(start)
            start.take(1 + 2 + 2 + 4 + (4 if version == 1 else 0))
        elif version < 4:
            self._set_widths(start)
            start.take(1)
        else:
            raise Refused(f"is HDF5 with superblock version {version}; 0 to 3 are read")
        start, at = self.up_to(0, 96), start.at
        start.take(at)
        self._base = start.address() or 0
        if self._base:
            raise Refused("is HDF5 inside another file (it has a user block)")
        start.address()
        start.address()
        if version < 2:
            start.address()  # driver information
            start.length()  # the root's link has no name
        root = start.address()
        if root is None:
            raise Refused("is damaged: its HDF5 superblock names no root group")
        return root

    def _set_widths(self, start: Cursor) -> None:
        widths = start.number(1), start.number(1)
        if not set(widths) <= {4, 8}:
            raise Refused(f"is damaged or exotic: HDF5 addresses of {widths} bytes")
        self._address_bytes, self._length_bytes = widths

    def cursor(self, data: bytes) -> Cursor:
        """``data`` with this file's widths of addresses and lengths."""
        return Cursor(data, self._address_bytes, self._length_bytes)

    def at(self, address: int | None, count: int) -> Cursor:
        """``count`` bytes from an address on."""
        self._blocks_read += 1
        self._bytes_read += count
        if self._blocks_read > MOST_BLOCKS:
            raise Refused(f"is damaged or hostile: over {MOST_BLOCKS} HDF5 blocks")
        if self._bytes_read > MAX_REREADING * self._size + FREE_BYTES:
            raise Refused("is damaged or hostile: its HDF5 blocks lie over each other")
        if address is None or address + count > self._size:
            raise Refused("is truncated or damaged: an HDF5 block lies past its end")
        self._file.seek(address)
        return self.cursor(self._file.read(count))

    def array(self, address: int | None, count: int) -> NDArray[np.uint8]:
        """``count`` bytes from an address on, in an array of their own."""
        if address is None or address + count > self._size:
            raise Refused("is truncated: an array in it passes its end")
        self.at(address, 0)
        return read_bytes(self._file, count)

    def up_to(self, address: int | None, count: int) -> Cursor:
        """As :meth:`at`, but what the file has of it if it ends sooner."""
        start = address or 0
        return self.at(address, min(count, max(0, self._size - start)))

    def heap(self, address: int) -> dict[int, bytes]:
        """The objects of the global heap collection there, by their numbers."""
        if address not in self._heaps:
            start = self.up_to(address, 16)
            start.expect(b"GCOL")
            start.take(4)
            self._heaps[address] = dict(_objects(self.up_to(address, start.length())))
        return self._heaps[address]

    def messages(self, address: int) -> list[Message]:
        """All messages of the object header there, in either version of it."""
        start = self.up_to(address, 16)
        if start.data[:4] == b"OHDR":
            return list(self._messages_2(address))
        if start.number(1) != 1:
            raise Refused("is damaged: no HDF5 object header where one should be")
        start.take(7)
        return list(self._messages_1(address + 16, start.number(4)))

    def _messages_1(self, address: int, count: int) -> Iterator[Message]:
        pending = [(address, count)]
        for place, length in pending:
            block = self.at(place, length)
            while block.left >= 8:
                kind, size, flags = block.number(2), block.number(2), block.number(1)
                block.take(3)
                body = block.take(size)
                if kind == _CONTINUATION:
                    pending.append(self._continued(body, pending))
                else:
                    yield self._message(kind, flags, body)

    def _messages_2(self, address: int) -> Iterator[Message]:
        start = self.up_to(address, 64)
        start.take(5)
        flags = start.number(1)
        start.take((16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0))
        count = start.number(1 << (flags & 3))
        pending = [(address + start.at, count)]
        for place, length in pending:
            block = self.at(place, length)
            if place != address + start.at:
                block.expect(b"OCHK")
                block.data = block.data[:-4]  # its checksum
            while block.left >= 4:
                kind, size, marks = block.number(1), block.number(2), block.number(1)
                block.take(2 if flags & 4 else 0)
                body = block.take(size)
                if kind == _CONTINUATION:
                    pending.append(self._continued(body, pending))
                else:
                    yield self._message(kind, marks, body)

    def _continued(self, body: bytes, known: list[tuple[int, int]]) -> tuple[int, int]:
        cursor = self.cursor(body)
        place = cursor.address()
        if place is None or any(place == other for other, _ in known):
            raise Refused("is damaged or hostile: an HDF5 header continues in a circle")
        return place, cursor.length()

    @staticmethod
    def _message(kind: int, flags: int, body: bytes) -> Message:
        if flags & _SHARED:
            raise Refused(
                "shares HDF5 header messages between objects, which Keras never does"
            )
        return Message(kind, body)


def _objects(heap: Cursor) -> Iterator[tuple[int, bytes]]:
    heap.take(16)
    while heap.left >= 16:
        number = heap.number(2)
        heap.take(6)
        size = heap.length()
        if number == 0 or size > heap.left:
            return
        yield number, heap.take(size)
        heap.align()
