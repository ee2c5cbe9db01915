"""The numbers of an HDF5 dataset: compact, contiguous or in deflated chunks."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .hdf5_bytes import Blocks, Cursor, Message
from .hdf5_types import Element, read_element, read_shape
from .pickle_globals import Refused
from .raw_arrays import decode

SPACE, TYPE, EXTERNAL, LAYOUT, FILTERS = 0x01, 0x03, 0x07, 0x08, 0x0B
_COMPACT, _CONTIGUOUS, _CHUNKED = 0, 1, 2
_DEFLATE, _SHUFFLE, _FLETCHER32 = 1, 2, 3
_CHECKSUM_BYTES = 4
_DEEPEST = 32


@dataclass(frozen=True)
class Dataset:
    """An array in the file; nothing of it is read until :meth:`read`."""

    blocks: Blocks
    messages: dict[int, bytes]

    def _message(self, kind: int) -> Cursor:
        if kind not in self.messages:
            raise Refused("is damaged: an array in it lacks its HDF5 shape or type")
        return self.blocks.cursor(self.messages[kind])

    @property
    def element(self) -> Element:
        """The type of one element."""
        return read_element(self._message(TYPE))

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes; empty for a single number."""
        return read_shape(self._message(SPACE))

    @property
    def stored_bytes(self) -> int:
        """Bytes of all elements as the file declares them."""
        return math.prod(self.shape) * self.element.size

    def read(self) -> NDArray[Any]:
        """The values, as a fresh array in this machine's byte order.

        Raises :class:`Refused` if they are no numbers, lie outside of the file, or are
        packed by anything but deflate and shuffle.
        """
        element, shape = self.element, self.shape
        if not element.code:
            raise Refused("holds an array of something that is no plain number")
        if EXTERNAL in self.messages:
            raise Refused("keeps an array in another file; save it in one")
        layout = self._message(LAYOUT)
        version, kind = layout.number(1), layout.number(1)
        if version not in (3, 4) or (version == 4 and kind > _CONTIGUOUS):
            raise Refused(
                f"lays out an array as only newer HDF5 does (version {version}, class "
                f"{kind}); write it again with h5py's default libver"
            )
        if kind == _CHUNKED:
            raw = self._chunked(layout, element, shape)
        else:
            raw = self._plain(layout, kind, self.stored_bytes)
        return decode(raw, element.code, element.order).reshape(shape)

    def _plain(self, layout: Cursor, kind: int, count: int) -> NDArray[np.uint8]:
        if kind not in (_COMPACT, _CONTIGUOUS):
            raise Refused(f"is damaged: an HDF5 array of layout class {kind}")
        address = layout.address() if kind == _CONTIGUOUS else None
        size = layout.length() if kind == _CONTIGUOUS else layout.number(2)
        if size < count:
            raise Refused(f"is damaged: an array of {count} bytes has {size}")
        if kind == _COMPACT:
            return np.frombuffer(bytearray(layout.take(count)), np.uint8)
        return self.blocks.array(address, count) if count else np.empty(0, np.uint8)

    def _chunked(
        self, layout: Cursor, element: Element, shape: tuple[int, ...]
    ) -> NDArray[np.uint8]:
        rank = layout.number(1) - 1
        tree = layout.address()
        sizes = tuple(layout.number(4) for _ in range(rank))
        if rank != len(shape) or 0 in sizes or layout.number(4) != element.size:
            raise Refused("is damaged: an HDF5 array and its chunks do not fit")
        count = math.prod(sizes) * element.size
        steps = _filters(self.blocks.cursor(self.messages.get(FILTERS, b"\2\0")))
        whole = np.zeros((*shape, element.size), np.uint8)
        # One chunk may be larger than the array, but not by orders of magnitude.
        if count > 2 * whole.nbytes + 2**20:
            raise Refused(f"is damaged or hostile: chunks of {count} bytes")
        for packed, mask, corner in _chunks(self.blocks, tree, rank, 0):
            raw = _unpacked(packed, steps, mask, element.size, count)
            chunk = np.frombuffer(raw, np.uint8).reshape(*sizes, element.size)
            into = tuple(
                slice(first, min(first + step, length))
                for first, step, length in zip(corner, sizes, shape, strict=True)
            )
            if all(part.start < part.stop for part in into):
                inside = tuple(slice(0, part.stop - part.start) for part in into)
                whole[into] = chunk[inside]
        return whole.reshape(-1)


def by_kind(messages: list[Message]) -> dict[int, bytes]:
    """The message of each kind, the first one where there are several."""
    return {message.kind: message.data for message in reversed(messages)}


def _filters(cursor: Cursor) -> list[int]:
    """The numbers of the filters that chunks went through, in order."""
    version, count = cursor.number(1), cursor.number(1)
    cursor.take(6 if version == 1 else 0)
    found = []
    for _ in range(count):
        number = cursor.number(2)
        named = version == 1 or number >= 256
        name_bytes = cursor.number(2) if named else 0
        cursor.take(2)
        values = cursor.number(2)
        cursor.take(name_bytes + (-name_bytes % 8 if version == 1 else 0) + 4 * values)
        cursor.take(4 if version == 1 and values % 2 else 0)
        found.append(number)
    unknown = set(found) - {_DEFLATE, _SHUFFLE, _FLETCHER32}
    if unknown:
        raise Refused(
            f"packs arrays by HDF5 filter {min(unknown)}; only deflate and shuffle are "
            "read: write it again without"
        )
    return found


def _chunks(
    blocks: Blocks, address: int | None, rank: int, depth: int
) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
    """Each chunk's packed bytes, mask of filters left out, and first corner."""
    if address is None:
        return
    if depth > _DEEPEST:
        raise Refused("is damaged or hostile: an HDF5 tree is too deep")
    start = blocks.up_to(address, 24)
    start.expect(b"TREE")
    kind, level, used = start.number(1), start.number(1), start.number(2)
    if kind != 1:
        raise Refused("is damaged: an HDF5 tree of the wrong kind")
    start.address()
    start.address()
    entry = 8 + 8 * (rank + 1)
    node = blocks.up_to(address, start.at + used * (entry + 8))
    node.take(start.at)
    for _ in range(used):
        size, mask = node.number(4), node.number(4)
        corner = tuple(node.number(8) for _ in range(rank))
        node.number(8)
        child = node.address()
        if level:
            yield from _chunks(blocks, child, rank, depth + 1)
        else:
            yield blocks.at(child, size).data, mask, corner


def _unpacked(
    data: bytes, steps: list[int], mask: int, width: int, count: int
) -> bytes:
    for place, step in reversed(list(enumerate(steps))):
        if mask >> place & 1:
            continue
        if step == _DEFLATE:
            try:
                data = zlib.decompressobj().decompress(data, count + _CHECKSUM_BYTES)
            except zlib.error as error:
                raise Refused(f"is damaged: a chunk of it: {error}") from error
        elif step == _SHUFFLE:
            planes = np.frombuffer(data[: count // width * width], np.uint8)
            data = planes.reshape(width, -1).T.tobytes() + data[planes.size :]
        else:
            data = data[:-_CHECKSUM_BYTES]
    if len(data) != count:
        raise Refused(f"is damaged: a chunk of {count} bytes has {len(data)}")
    return data
