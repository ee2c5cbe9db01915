"""The zip format: records, byte order, and archives that lie."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_archives import mapping, storage, tensor, zip_file

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.torch_file import read_torch_file

SAVED = mapping({"w": tensor(storage("0", 3), (3,), (1,))})
DATA = np.array([1, 2, 3], "<f4").tobytes()


def read(path: Path, data: bytes) -> Any:
    path.write_bytes(data)
    return read_torch_file(path)


@pytest.mark.parametrize("root", ["archive/", "Größe 1/", "w/", ""])
def test_any_root(tmp_path: Path, root: str) -> None:
    found = read(tmp_path / "w.pt", zip_file(SAVED, {"0": DATA}, root=root))
    assert found["w"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("kind", ["FloatStorage", "BFloat16Storage", "BoolStorage"])
def test_big_endian(tmp_path: Path, kind: str) -> None:
    saved = mapping({"w": tensor(storage("0", 2, kind), (2,), (1,))})
    data = {
        "FloatStorage": np.array([1, 0.5], ">f4").tobytes(),
        "BFloat16Storage": b"\x3f\x80\x3f\x00",
        "BoolStorage": b"\1\0",
    }[kind]
    found = read(
        tmp_path / "w.pt", zip_file(saved, {"0": data}, records={"byteorder": b"big"})
    )
    assert found["w"].tolist() == [1, 0 if kind == "BoolStorage" else 0.5]
    assert found["w"].dtype.isnative


def flag_encrypted(data: bytes) -> bytes:
    """Sets the flag of every entry of the directory."""
    flagged = bytearray(data)
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        flagged[at + 8] |= 1
        at = data.find(b"PK\x01\x02", at + 1)
    return bytes(flagged)


def point_elsewhere(data: bytes) -> bytes:
    """The first entry of the directory says that its record begins at byte 7."""
    at = data.index(b"PK\x01\x02") + 42
    return data[:at] + struct.pack("<I", 7) + data[at + 4 :]


def longer_name(data: bytes) -> bytes:
    """The first record's own header claims a name of 60000 bytes."""
    return data[:26] + struct.pack("<H", 60_000) + data[28:]


def one_storage_twice() -> bytes:
    """Both entries of the directory for one storage count towards the size."""
    data = zip_file(mapping({}), {"0": bytes(500), "1": bytes(500)})
    second = data.index(b"PK\x03\x04", data.index(b"data/0"))
    directory, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    tail = bytearray(data[end:])
    tail[16:20] = struct.pack("<I", second)
    return data[:second] + data[directory:end] + bytes(tail)


DAMAGED = {
    "no directory": (b"PK\x03\x04" + bytes(500), "truncated or damaged zip"),
    "no data.pkl": (zip_file(SAVED, root="a/b/"), "torch.save did not write it"),
    "order": (zip_file(SAVED, records={"byteorder": b"odd"}), "byte order is b'odd'"),
    "missing": (zip_file(SAVED), "no record 'archive/data/0'"),
    "short": (zip_file(SAVED, {"0": DATA[:8]}), "has 8 bytes, 12 expected"),
    "long": (zip_file(SAVED, {"0": DATA + DATA}), "has 24 bytes, 12 expected"),
    "compressed": (
        zip_file(SAVED, {"0": DATA}, compression=zipfile.ZIP_DEFLATED),
        r"compressed or encrypted record 'archive/data\.pkl'",
    ),
    "encrypted": (flag_encrypted(zip_file(SAVED, {"0": DATA})), "or encrypted"),
    "elsewhere": (point_elsewhere(zip_file(SAVED, {"0": DATA})), "not where it says"),
    "name": (longer_name(zip_file(SAVED, {"0": DATA})), "passes its end"),
    "checksum": (
        zip_file(SAVED, {"0": DATA}).replace(DATA, DATA[::-1]),
        "checksum of 'archive/data/0' is wrong",
    ),
    "overlap": (one_storage_twice(), "its records overlap"),
    "torchscript": (
        zip_file(SAVED, {"0": DATA}, records={"constants.pkl": b"."}),
        r"TorchScript archive, .* save torch\.jit\.load\(path\)\.state_dict\(\)",
    ),
}


@pytest.mark.parametrize(("data", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damage_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read(tmp_path / "w.pt", data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice(tmp_path: Path) -> None:
    buffer = io.BytesIO(zip_file(SAVED, {"0": DATA}))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("archive/data/0", DATA)
    with pytest.raises(FileFormatError, match="same name"):
        read(tmp_path / "w.pt", buffer.getvalue())
