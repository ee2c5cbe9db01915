"""HDF5 files as trees of groups and datasets: what files of weights use of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BufferedIOBase

from .hdf5_bytes import SIGNATURE, Blocks, Message
from .hdf5_data import LAYOUT, Dataset, by_kind
from .hdf5_types import read_text
from .pickle_globals import Refused

__all__ = ["SIGNATURE", "Dataset", "Group", "open_hdf5"]

_LINK_INFO, _LINK, _ATTRIBUTE, _ATTRIBUTE_INFO = 0x02, 0x06, 0x0C, 0x15
_SYMBOL_TABLE = 0x11
_SOFT_LINK = 2
_DEEPEST = 32


def open_hdf5(file: BufferedIOBase, size: int) -> Group:
    """The root group of the HDF5 file in ``file``, whose length is ``size``.

    Raises :class:`Refused`, as does all that is read later, if it is no HDF5 file, is
    damaged, links to other files, or uses what only newer libraries write.
    """
    blocks = Blocks(file, size)
    return Group(blocks, tuple(blocks.messages(blocks.root)), (blocks.root,))


@dataclass(frozen=True)
class Group:
    """A folder in the file, its members in the order of their names.

    ``above`` are the addresses of its header and of its parents'.
    """

    blocks: Blocks
    messages: tuple[Message, ...]
    above: tuple[int, ...]

    @cached_property
    def texts(self) -> dict[str, list[str]]:
        """Its attributes that are text, by name; a single one as a list of one."""
        return _texts(self.blocks, self.messages)

    @cached_property
    def _places(self) -> dict[str, int]:
        kinds = by_kind(list(self.messages))
        if _SYMBOL_TABLE in kinds:
            return self._from_table(kinds[_SYMBOL_TABLE])
        if _LINK_INFO in kinds:
            cursor = self.blocks.cursor(kinds[_LINK_INFO])
            flags = cursor.number(2) >> 8
            cursor.take(8 if flags & 1 else 0)
            _refuse_dense(cursor.address())
        links = [m.data for m in self.messages if m.kind == _LINK]
        return dict(sorted(self._link(data) for data in links))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __getitem__(self, path: str) -> Group | Dataset:
        """What is at a path such as ``"conv1/kernel:0"``.

        Raises :class:`Refused` if nothing is.
        """
        found: Group | Dataset = self
        for name in path.strip("/").split("/"):
            if not isinstance(found, Group) or name not in found._places:
                raise Refused(f"is damaged: it has no {ascii(path)[:80]}")
            found = found._member(found._places[name])
        return found

    def _member(self, address: int) -> Group | Dataset:
        if address in self.above or len(self.above) > _DEEPEST:
            raise Refused("is damaged or hostile: its HDF5 groups hold each other")
        messages = self.blocks.messages(address)
        kinds = by_kind(messages)
        if LAYOUT in kinds:
            return Dataset(self.blocks, kinds)
        return Group(self.blocks, tuple(messages), (*self.above, address))

    def _from_table(self, message: bytes) -> dict[str, int]:
        cursor = self.blocks.cursor(message)
        tree, heap = cursor.address(), cursor.address()
        start = self.blocks.up_to(heap, 32)
        start.expect(b"HEAP")
        start.take(4)
        size = start.length()
        start.length()
        names = self.blocks.at(start.address(), size).data
        places: dict[str, int] = {}
        for offset, address in self._entries(tree, 0):
            end = names.find(b"\0", offset)
            if end < 0:
                raise Refused("is damaged: a name in it has no end")
            places[names[offset:end].decode("utf-8", "replace")] = address
        return places

    def _entries(self, address: int | None, depth: int) -> list[tuple[int, int]]:
        """(offset of the name, address of the header) of all members, in order."""
        if depth > _DEEPEST:
            raise Refused("is damaged or hostile: an HDF5 tree is too deep")
        start = self.blocks.up_to(address, 24)
        if start.data[:4] == b"SNOD":
            return self._symbols(address)
        start.expect(b"TREE")
        kind, _, used = start.number(1), start.number(1), start.number(2)
        if kind != 0:
            raise Refused("is damaged: an HDF5 tree of the wrong kind")
        node = self.blocks.up_to(address, 24 + used * 16 + 8)
        node.take(8)
        node.address()
        node.address()
        found = []
        for _ in range(used):
            node.length()
            found += self._entries(node.address(), depth + 1)
        return found

    def _symbols(self, address: int | None) -> list[tuple[int, int]]:
        start = self.blocks.up_to(address, 8)
        start.take(6)
        used = start.number(2)
        node = self.blocks.up_to(address, 8 + used * 40)
        node.take(8)
        found = []
        for _ in range(used):
            offset, place, kind = node.length(), node.address(), node.number(4)
            node.take(20)
            if place is None or kind == _SOFT_LINK:
                raise Refused("has links between its HDF5 groups; Keras writes none")
            found.append((offset, place))
        return found

    def _link(self, data: bytes) -> tuple[str, int]:
        cursor = self.blocks.cursor(data)
        cursor.take(1)
        flags = cursor.number(1)
        kind = cursor.number(1) if flags & 8 else 0
        cursor.take((8 if flags & 4 else 0) + (1 if flags & 0x10 else 0))
        name = cursor.take(cursor.number(1 << (flags & 3))).decode("utf-8", "replace")
        place = cursor.address() if kind == 0 else None
        if place is None:
            raise Refused(
                f"has a link {ascii(name)[:40]} to elsewhere, maybe to another file; "
                "Keras writes none"
            )
        return name, place


def _texts(blocks: Blocks, messages: tuple[Message, ...]) -> dict[str, list[str]]:
    found = {}
    for message in messages:
        if message.kind == _ATTRIBUTE:
            name, strings = read_text(blocks, message.data)
            if strings is not None:
                found[name] = strings
        elif message.kind == _ATTRIBUTE_INFO:
            cursor = blocks.cursor(message.data)
            flags = cursor.number(2) >> 8
            cursor.take(2 if flags & 1 else 0)
            _refuse_dense(cursor.address())
    return found


def _refuse_dense(heap: int | None) -> None:
    if heap is not None:
        raise Refused(
            "is stored as only newer HDF5 does (dense links or attributes); write it "
            "again with h5py's default libver"
        )
