"""Shapes, strides and offsets that a file must not get away with."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_archives import legacy_file, mapping, storage, tensor, zip_file

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.pickle_globals import Refused
from numpy_deconv.io.torch_file import read_torch_file
from numpy_deconv.io.torch_globals import Storage, TensorSpec
from numpy_deconv.io.torch_tensors import Checkpoint, materialise

SIX = np.arange(6, dtype="<f4").tobytes()


def read_one(path: Path, is_zip: bool, opcodes: bytes) -> Any:
    saved = mapping({"w": opcodes})
    data = (
        zip_file(saved, {"0": SIX}) if is_zip else legacy_file(saved, [("0", 6, SIX)])
    )
    path.write_bytes(data)
    return read_torch_file(path)["w"]


BOTH = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
REBUILDS = pytest.mark.parametrize("rebuild", ["_rebuild_tensor", "_rebuild_tensor_v2"])


@BOTH
@REBUILDS
@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((2, 3), (3, 1), 0),
        ((3, 2), (1, 3), 0),
        ((2, 2), (2, 1), 2),
        ((2,), (5,), 0),
        ((4,), (0,), 5),
        ((3, 3), (1, 1), 1),
        ((), (), 5),
        ((1, 1), (10**30, 2**80), 5),
        ((0, 7), (1, 1), 10**9),
    ],
)
def test_strides_and_offsets_are_honoured(
    tmp_path: Path, is_zip: bool, rebuild: str, shape: Any, strides: Any, offset: int
) -> None:
    opcodes = tensor(storage("0", 6), shape, strides, offset, rebuild=rebuild)
    found = read_one(tmp_path / "w.pth", is_zip, opcodes)
    expected = np.empty(shape)
    for index in np.ndindex(*shape):
        expected[index] = offset + sum(
            i * s for i, s in zip(index, strides, strict=True)
        )
    assert found.shape == shape
    assert found.tolist() == expected.tolist()


@BOTH
@REBUILDS
@pytest.mark.parametrize(
    ("shape", "strides", "offset", "message"),
    [
        ((7,), (1,), 0, "reaches outside its storage of 6 elements"),
        ((6,), (1,), 1, "reaches outside"),
        ((2,), (6,), 0, "reaches outside"),
        ((2, 2), (4, 2), 0, "reaches outside"),
        ((), (), 6, "reaches outside"),
        ((2,), (2**62,), 0, "reaches outside"),
        ((2**40,), (1,), 0, "reaches outside"),
        ((2,), (2**64,), 0, "reaches outside"),
        ((1,), (1,), 2**64, "reaches outside"),
        ((2,), (1,), -1, "describes a tensor wrongly"),
        ((2,), (-1,), 5, "describes a tensor wrongly"),
        ((2,), (1, 1), 0, "describes a tensor wrongly"),
        ((2,), (1.0,), 0, "describes a tensor wrongly"),
        ((2,), (True,), 0, "describes a tensor wrongly"),
        ((2,), 1, 0, "describes a tensor wrongly"),
        ((2,), (1,), "0", "describes a tensor wrongly"),
        ((-2,), (1,), 0, "not an integer from 0"),
        ((2.0,), (1,), 0, "not an integer from 0"),
        ((2**70,), (0,), 0, "not an integer from 0"),
        ((2**40, 2**40), (0, 0), 0, "impossible shape"),
        ((1,) * 33, (1,) * 33, 0, "33 axes"),
        (6, (1,), 0, "not a list"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path,
    is_zip: bool,
    rebuild: str,
    shape: Any,
    strides: Any,
    offset: Any,
    message: str,
) -> None:
    opcodes = tensor(storage("0", 6), shape, strides, offset, rebuild=rebuild)
    with pytest.raises(FileFormatError, match=message):
        read_one(tmp_path / "w.pth", is_zip, opcodes)


@BOTH
@pytest.mark.parametrize(
    ("shape", "strides"), [((2**28,), (0,)), ((2**14, 2**14), (0, 0))]
)
def test_an_expanded_tensor_of_a_gigabyte_gets_no_memory(
    tmp_path: Path, is_zip: bool, shape: Any, strides: Any
) -> None:
    opcodes = tensor(storage("0", 6), shape, strides)
    tracemalloc.start()
    with pytest.raises(FileFormatError, match="tensors of 1073741824 bytes in all"):
        read_one(tmp_path / "w.pth", is_zip, opcodes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_many_views_that_add_up_are_refused(tmp_path: Path) -> None:
    data = bytes(4 * 1000)
    views = {
        f"w{i}": tensor(storage("0", 1000), (1000 - i,), (1,), i) for i in range(900)
    }
    (tmp_path / "w.pth").write_bytes(zip_file(mapping(views), {"0": data}))
    with pytest.raises(FileFormatError, match=r"save expanded .*contiguous\(\)"):
        read_torch_file(tmp_path / "w.pth")


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_storage_that_claims_to_be_large_gets_no_memory(
    tmp_path: Path, is_zip: bool
) -> None:
    opcodes = tensor(storage("0", 2**28), (2**28,), (1,))
    tracemalloc.start()
    with pytest.raises(FileFormatError):
        read_one(tmp_path / "w.pth", is_zip, opcodes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@given(
    shape=st.lists(st.integers(0, 4), max_size=4),
    data=st.data(),
    offset=st.integers(0, 30),
    first=st.integers(0, 10),
    length=st.integers(0, 30),
)
@settings(deadline=None, max_examples=300)
def test_every_element_is_the_one_it_should_be_or_all_is_refused(
    shape: list[int], data: st.DataObject, offset: int, first: int, length: int
) -> None:
    strides = data.draw(
        st.lists(st.integers(0, 12), min_size=len(shape), max_size=len(shape))
    )
    numel = first + length
    stored = np.arange(numel, dtype="<i4")
    spec = TensorSpec(
        Storage("0", "i4", numel, first, length),
        "i4",
        offset,
        tuple(shape),
        tuple(strides),
    )
    positions = [
        offset + sum(i * s for i, s in zip(index, strides, strict=True))
        for index in np.ndindex(*shape)
    ]
    checkpoint = Checkpoint(None, lambda _: stored.view(np.uint8))
    if any(position >= length for position in positions):
        with pytest.raises(Refused, match="reaches outside"):
            materialise({"w": spec}, checkpoint, 4 * numel)
        return
    found = materialise({"w": spec}, checkpoint, 4 * numel)["w"]
    assert found.shape == tuple(shape)
    assert found.ravel().tolist() == [first + position for position in positions]


def test_each_storage_is_read_once() -> None:
    read: list[str] = []

    def read_storage(storage: Storage) -> Any:
        read.append(storage.key)
        return np.zeros(8, np.uint8)

    specs = {
        f"{key}{size}": TensorSpec(Storage(key, "f4", 2, 0, 2), "f4", 0, (size,), (1,))
        for size in (1, 2)
        for key in "ab"
    }
    found = materialise(specs, Checkpoint(None, read_storage), 1000)
    assert read == ["a", "b"]
    assert list(found) == ["a1", "b1", "a2", "b2"]
