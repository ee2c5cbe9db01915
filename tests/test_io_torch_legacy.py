"""The format before PyTorch 1.6: five pickles and the storages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_archives import legacy_file, mapping, name, push, storage, tensor

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.torch_file import read_torch_file

ONE = tensor(storage("0", 3), (3,), (1,))
SAVED = mapping({"w": ONE})
DATA = np.array([1, 2, 3], "<f4").tobytes()


def read(path: Path, data: bytes) -> Any:
    path.write_bytes(data)
    return read_torch_file(path)


def test_a_file_by_hand(tmp_path: Path) -> None:
    found = read(tmp_path / "w.pth", legacy_file(SAVED, [("0", 3, DATA)]))
    assert found["w"].tolist() == [1, 2, 3]


def test_two_storages_in_the_order_of_the_list(tmp_path: Path) -> None:
    saved = mapping({"w": ONE, "v": tensor(storage("1", 2, "ByteStorage"), (2,), (1,))})
    data = legacy_file(saved, [("1", 2, b"\7\x08"), ("0", 3, DATA)])
    found = read(tmp_path / "w.pth", data)
    assert [found[key].tolist() for key in "wv"] == [[1, 2, 3], [7, 8]]


def test_views_of_storages_as_the_oldest_files_have_them(tmp_path: Path) -> None:
    view = push(("view", 1, 2))
    saved = mapping(
        {
            "part": tensor(storage("0", 3, view=view), (2,), (1,)),
            "whole": tensor(storage("0", 3, view=b"N"), (3,), (1,)),
        }
    )
    found = read(tmp_path / "w.pth", legacy_file(saved, [("0", 3, DATA)]))
    assert [found[key].tolist() for key in ("part", "whole")] == [[2, 3], [1, 2, 3]]
    outside = mapping({"part": tensor(storage("0", 3, view=view), (3,), (1,))})
    with pytest.raises(FileFormatError, match="outside its storage of 2 elements"):
        read(tmp_path / "w.pth", legacy_file(outside, [("0", 3, DATA)]))


def test_what_follows_the_last_storage_is_ignored(tmp_path: Path) -> None:
    data = legacy_file(SAVED, [("0", 3, DATA)]) + b"more"
    assert read(tmp_path / "w.pth", data)["w"].tolist() == [1, 2, 3]


DAMAGED = {
    "magic": (legacy_file(SAVED, magic=push(7)), "its magic number is wrong"),
    "text": (b"N." * 40, "its magic number is wrong"),
    "version": (legacy_file(SAVED, version=push(7)), "protocol is not 1001"),
    "huge version": (legacy_file(SAVED, version=push(10**5000)), "is not 1001"),
    "no list": (legacy_file(SAVED, keys=push(7)), "storages is not a list"),
    "unused": (legacy_file(SAVED, [("9", 3, DATA)]), "a storage that no tensor uses"),
    "bad key": (legacy_file(SAVED, keys=push([0])), "a storage that no tensor uses"),
    "list key": (legacy_file(SAVED, keys=push([[]])), "that no tensor uses"),
    "lacking": (legacy_file(SAVED), "lacks a storage that a tensor uses"),
    "count": (legacy_file(SAVED, [("0", 4, DATA)]), "holds 4 elements instead of 3"),
    "negative": (legacy_file(SAVED, [("0", -1, DATA)]), "holds -1 elements instead"),
    "truncated": (legacy_file(SAVED, [("0", 3, DATA[:-1])]), "last storages are"),
    "two sizes": (
        legacy_file(mapping({"w": ONE, "v": tensor(storage("0", 2), (2,), (1,))})),
        "gives one storage two sizes",
    ),
    "persistent id too early": (
        legacy_file(SAVED, version=storage("0", 3)),
        "does not hold together|refers",
    ),
}


@pytest.mark.parametrize(("data", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damage_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read(tmp_path / "w.pth", data)


def test_a_whole_model_is_refused_by_its_class(tmp_path: Path) -> None:
    identity = b"(" + push("module") + name("zoo", "Net") + b"NNtQ"
    with pytest.raises(FileFormatError, match=r"class zoo\.Net, .*state_dict"):
        read(tmp_path / "w.pth", legacy_file(identity + b")\x81}b"))
