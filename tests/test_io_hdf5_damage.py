"""Every sentence that the HDF5 reader says against a file, from the smallest cause."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from weight_files import data_of

from numpy_deconv.io.hdf5_bytes import SIGNATURE, Blocks, Cursor, Message
from numpy_deconv.io.hdf5_data import Dataset, by_kind
from numpy_deconv.io.hdf5_file import Group, open_hdf5
from numpy_deconv.io.hdf5_types import Element, read_element, read_shape, read_text
from numpy_deconv.io.pickle_globals import Refused

NOWHERE = b"\xff" * 8
FLOAT = (
    b"\x11"
    + b"\x20\x1f\0"
    + struct.pack("<I", 4)
    + b"\0\0\x20\0\x17\x08\0\x17"
    + bytes(4)
)
TEXT = b"\x13\0\0\0" + struct.pack("<I", 2)


def address(place: int) -> bytes:
    return struct.pack("<Q", place)


def space(*sizes: int) -> bytes:
    return bytes([2, len(sizes), 0, 1]) + b"".join(map(address, sizes))


def blocks(data: bytes = b"", *, root: int = 48) -> Blocks:
    """A file with a superblock of version 2, and ``data`` from byte 48 on."""
    start = SIGNATURE + b"\x02\x08\x08\0" + address(0) + NOWHERE + NOWHERE
    whole = start + address(root) + bytes(4) + data
    return Blocks(io.BytesIO(whole), len(whole))


def header(*messages: tuple[int, bytes], flags: int = 0) -> bytes:
    """An object header of version 1."""
    body = b"".join(
        struct.pack("<HHB3x", kind, len(data), flags) + data for kind, data in messages
    )
    return struct.pack("<BxHII4x", 1, len(messages), 1, len(body)) + body


def dataset(file: Blocks | None = None, **messages: bytes) -> Dataset:
    kinds = {"space": 1, "kind": 3, "external": 7, "layout": 8, "filters": 11}
    plain = {"space": space(3), "kind": FLOAT} | messages
    return Dataset(file or blocks(), {kinds[name]: m for name, m in plain.items()})


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (8, b"\x09", "superblock version 9; 0 to 3 are read"),
        (13, b"\x03", r"damaged or exotic: HDF5 addresses of \(3, 8\) bytes"),
        (24, b"\x01", "HDF5 inside another file"),
        (64, NOWHERE, "its HDF5 superblock names no root group"),
        (64, address(2**40), "an HDF5 block lies past its end"),
        (64, address(8), "no HDF5 object header where one should be"),
    ],
)
def test_superblocks(place: int, value: bytes, message: str) -> None:
    data = bytearray(data_of("bare.weights.h5"))
    data[place : place + len(value)] = value
    with pytest.raises(Refused, match=message):
        open_hdf5(io.BytesIO(data), len(data))


def test_too_many_blocks_and_too_much_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numpy_deconv.io.hdf5_bytes.MOST_BLOCKS", 9)
    file = blocks()
    with pytest.raises(Refused, match="over 9 HDF5 blocks"):
        for _ in range(9):
            file.at(0, 1)
    monkeypatch.undo()
    monkeypatch.setattr("numpy_deconv.io.hdf5_bytes.FREE_BYTES", 0)
    file = blocks()
    with pytest.raises(Refused, match="its HDF5 blocks lie over each other"):
        for _ in range(9):
            file.at(0, 48)


def test_headers() -> None:
    back = header((0x10, address(64) + address(24)))
    with pytest.raises(Refused, match="an HDF5 header continues in a circle"):
        blocks(back).messages(48)
    with pytest.raises(Refused, match="continues in a circle"):
        blocks(header((0x10, NOWHERE + address(1)))).messages(48)
    with pytest.raises(Refused, match="shares HDF5 header messages between objects"):
        blocks(header((3, FLOAT), flags=2)).messages(48)
    long = struct.pack("<BxHII4xHHB3x", 1, 1, 1, 12, 3, 99, 0) + b"only"
    with pytest.raises(Refused, match="an HDF5 structure in it is cut short"):
        blocks(long).messages(48)
    newer = b"OHDR\x02\0" + bytes([20]) + struct.pack("<BHB", 0x10, 16, 0)
    newer += address(75) + address(20) + b"nope" + bytes(30)
    with pytest.raises(Refused, match="no OCHK block where one is"):
        blocks(newer).messages(48)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (b"\x05\x01\0\0", "an HDF5 dataspace of version 5"),
        (space(*[1] * 40), "declares 40 axes"),
        (space(2**60), "an integer from 0 to"),
        (b"\x02\x02\0\x01" + address(3), "cut short"),
    ],
)
def test_shapes(message: bytes, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        read_shape(Cursor(message))


def test_elements() -> None:
    assert read_element(Cursor(FLOAT)) == Element(4, "f4")
    assert read_element(Cursor(TEXT)) == Element(2, text=True)
    odd = bytearray(FLOAT)
    odd[13] = 9  # bits of the exponent
    assert read_element(Cursor(bytes(odd))).code == ""
    compound = b"\x16\0\0\0" + struct.pack("<I", 8)
    assert read_element(Cursor(compound)) == Element(8)


def attribute(kind: bytes, shape: bytes, data: bytes, version: int = 3) -> bytes:
    sizes = struct.pack("<HHH", 2, len(kind), len(shape))
    return (
        bytes([version, 0])
        + sizes
        + b"\0" * (version == 3)
        + b"n\0"
        + kind
        + shape
        + data
    )


def test_texts() -> None:
    assert read_text(blocks(), attribute(TEXT, space(2), b"a\0bc")) == (
        "n",
        ["a", "bc"],
    )
    assert read_text(blocks(), attribute(TEXT, space(), b"ab", 2)) == ("n", ["ab"])
    assert read_text(blocks(), attribute(FLOAT, space(), bytes(4))) == ("n", None)
    with pytest.raises(Refused, match="an HDF5 attribute of version 7"):
        read_text(blocks(), attribute(TEXT, space(), b"ab", 7))
    with pytest.raises(Refused, match="an HDF5 attribute is cut short"):
        read_text(blocks(), attribute(TEXT, space(3), b"ab"))
    kind = b"\x19\x01\0\0" + struct.pack("<I", 16) + TEXT
    heap = (
        b"GCOL\x01\0\0\0"
        + address(48)
        + struct.pack("<HH4xQ", 1, 1, 3)
        + b"abc"
        + bytes(5)
    )
    for index, found in ((1, "ab"), (0, "")):
        data = struct.pack("<IQI", 2, 48, index)
        assert read_text(blocks(heap), attribute(kind, space(), data)) == ("n", [found])
    data = struct.pack("<IQI", 2, 48, 9)
    with pytest.raises(Refused, match="an HDF5 text is not where it should be"):
        read_text(blocks(heap), attribute(kind, space(), data))
    with pytest.raises(Refused, match="no GCOL block where one is"):
        read_text(blocks(b"\0" * 64), attribute(kind, space(), data))


def contiguous(place: bytes, size: int) -> bytes:
    return b"\x03\x01" + place + address(size)


def chunked(tree: bytes, *sizes: int) -> bytes:
    numbers = b"".join(struct.pack("<I", size) for size in sizes)
    return bytes([3, 2, len(sizes)]) + tree + numbers


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ({"layout": b"\x03\x09"}, "an HDF5 array of layout class 9"),
        ({"layout": b"\x02\x01"}, r"as only newer HDF5 does \(version 2, class 1\)"),
        ({"layout": b"\x04\x02"}, r"\(version 4, class 2\)"),
        ({"layout": contiguous(NOWHERE, 4)}, "an array of 12 bytes has 4"),
        ({"layout": contiguous(NOWHERE, 12)}, "an array in it passes its end"),
        ({"layout": contiguous(address(60), 12)}, "passes its end"),
        ({"layout": b"\x03\x00\x04\0abcd"}, "an array of 12 bytes has 4"),
        ({"layout": b"\x03\x00\x0c\0abcd"}, "cut short"),
        ({}, "an array in it lacks its HDF5 shape or type"),
        ({"external": b"x", "layout": b"\x03\x01"}, "keeps an array in another file"),
        ({"kind": TEXT, "layout": b"\x03\x01"}, "something that is no plain number"),
        (
            {"layout": chunked(NOWHERE, 3, 3, 4)},
            "an HDF5 array and its chunks do not fit",
        ),
        ({"layout": chunked(NOWHERE, 0, 4)}, "and its chunks do not fit"),
        ({"layout": chunked(NOWHERE, 3, 8)}, "and its chunks do not fit"),
        ({"layout": chunked(NOWHERE, 2**31, 4)}, "hostile: chunks of 8589934592 bytes"),
        ({"layout": chunked(address(48), 3, 4)}, "no TREE block where one is"),
    ],
)
def test_arrays(messages: dict[str, bytes], sentence: str) -> None:
    file = blocks(b"\0" * 20)
    with pytest.raises(Refused, match=sentence):
        dataset(file, **messages).read()


def tree(kind: int, level: int, child: int, size: int = 0) -> bytes:
    start = b"TREE" + bytes([kind, level]) + struct.pack("<H", 1) + NOWHERE * 2
    return start + struct.pack("<IIQQ", size, 0, 0, 0) + address(child) + bytes(32)


def test_chunks() -> None:
    layout = chunked(address(48), 3, 4)
    with pytest.raises(Refused, match="an HDF5 tree of the wrong kind"):
        dataset(blocks(tree(0, 0, 0)), layout=layout).read()
    with pytest.raises(Refused, match="an HDF5 tree is too deep"):
        dataset(blocks(tree(1, 1, 48)), layout=layout).read()
    with pytest.raises(Refused, match="a chunk of 12 bytes has 5"):
        dataset(blocks(tree(1, 0, 48, 5)), layout=layout).read()
    deflate = b"\x02\x01" + struct.pack("<HHH", 1, 0, 0)
    with pytest.raises(Refused, match="a chunk of it: Error"):
        dataset(blocks(tree(1, 0, 48, 5)), layout=layout, filters=deflate).read()
    bomb = zlib.compress(bytes(10**6))
    file = blocks(tree(1, 0, 48 + len(tree(1, 0, 0)), len(bomb)) + bomb)
    with pytest.raises(Refused, match="a chunk of 12 bytes has 16"):
        dataset(file, layout=layout, filters=deflate).read()


def test_a_chunk_may_have_skipped_a_filter() -> None:
    values = np.arange(3, dtype="<f4")
    place = 48 + len(tree(1, 0, 0))
    deflate = b"\x02\x01" + struct.pack("<HHH", 1, 0, 0)
    for mask, raw in ((0, zlib.compress(values.tobytes())), (1, values.tobytes())):
        node = bytearray(tree(1, 0, place, len(raw)))
        node[28] = mask  # behind TREE's 24 bytes and the chunk's size
        found = dataset(
            blocks(bytes(node) + raw),
            layout=chunked(address(48), 3, 4),
            filters=deflate,
        ).read()
        assert found.tolist() == [0, 1, 2]


def group(file: Blocks, *messages: tuple[int, bytes]) -> Group:
    return Group(file, tuple(Message(kind, data) for kind, data in messages), (0,))


def test_groups() -> None:
    table = (0x11, address(48) + address(48 + 100))
    heap = b"HEAP\0\0\0\0" + address(4) + NOWHERE + address(48) + b"name"
    with pytest.raises(Refused, match="no HEAP block where one is"):
        list(group(blocks(bytes(200)), table))
    leaf = b"SNOD\x01\0" + struct.pack("<H", 1) + address(0) + address(48) + bytes(24)
    with pytest.raises(Refused, match="a name in it has no end"):
        list(group(blocks(leaf.ljust(100, b"x") + heap), table))
    wrong = b"TREE\x01\0" + struct.pack("<H", 1) + bytes(100)
    with pytest.raises(Refused, match="an HDF5 tree of the wrong kind"):
        list(group(blocks(wrong[:100] + heap), table))
    node = b"TREE\0\x01" + struct.pack("<H", 1) + NOWHERE * 2 + address(0) + address(48)
    with pytest.raises(Refused, match="an HDF5 tree is too deep"):
        list(group(blocks(node.ljust(100, b"\0") + heap), table))


def test_the_first_message_of_a_kind_counts() -> None:
    found: Any = by_kind([Message(1, b"a"), Message(2, b"b"), Message(1, b"c")])
    assert found == {1: b"a", 2: b"b"}
