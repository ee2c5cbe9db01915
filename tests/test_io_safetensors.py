"""safetensors: against the official package in both directions, and against damage."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from numpy_deconv.errors import DTypeError, FileFormatError, OptionError
from numpy_deconv.io.safetensors import (
    read_metadata,
    read_safetensors,
    write_safetensors,
)

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1", "c8"]
IN_ONE_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def by_hand(header: Any, data: bytes = b"") -> bytes:
    """A file with any header, given as text or as what JSON can express."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: Any, shape: Any, begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype.newbyteorder("=")
        assert found[name].shape == array.shape
        # As lists NaN would differ from itself.
        np.testing.assert_array_equal(found[name], array)
        assert found[name].flags.writeable
        assert found[name].flags.c_contiguous


arrays_by_name = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(
        lambda name: name != "__metadata__"
    ),
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: npst.arrays(
            dtype, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
        )
    ),
    max_size=5,
)


@given(arrays_by_name)
@IN_ONE_FOLDER
def test_round_trip(tmp_path: Path, arrays: dict[str, Any]) -> None:
    write_safetensors(tmp_path / "w.safetensors", arrays)
    assert_same(read_safetensors(tmp_path / "w.safetensors"), arrays)


@given(arrays_by_name)
@IN_ONE_FOLDER
def test_the_official_package_reads_what_is_written(
    tmp_path: Path, arrays: dict[str, Any]
) -> None:
    official = pytest.importorskip("safetensors.numpy")
    write_safetensors(tmp_path / "w.safetensors", arrays, {"seed": "0"})
    found = official.load((tmp_path / "w.safetensors").read_bytes())
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].shape == array.shape


@given(arrays_by_name)
@IN_ONE_FOLDER
def test_what_the_official_package_writes_is_read(
    tmp_path: Path, arrays: dict[str, Any]
) -> None:
    official = pytest.importorskip("safetensors.numpy")
    data = official.save(arrays, metadata={"made": "by hand"})
    (tmp_path / "w.safetensors").write_bytes(data)
    assert_same(read_safetensors(tmp_path / "w.safetensors"), arrays)
    assert read_metadata(tmp_path / "w.safetensors") == {"made": "by hand"}


@pytest.mark.parametrize("kind", ["transposed", "reversed", "broadcast", "swapped"])
def test_strides_and_byte_order_do_not_matter(tmp_path: Path, kind: str) -> None:
    weight = np.arange(12, dtype=np.float32).reshape(3, 4)
    array = {
        "transposed": weight.T,
        "reversed": weight[::-1, ::-2],
        "broadcast": np.broadcast_to(weight, (2, 3, 4)),
        "swapped": weight.astype(">f4"),
    }[kind]
    write_safetensors(tmp_path / "w.safetensors", {"w": array})
    assert read_safetensors(tmp_path / "w.safetensors")["w"].tolist() == array.tolist()


def test_bfloat16_is_written_and_comes_back_as_float32(tmp_path: Path) -> None:
    values = np.array([[1.0, -2.5, 3e38]], ml_dtypes.bfloat16)
    write_safetensors(tmp_path / "w.safetensors", {"w": values})
    found = read_safetensors(tmp_path / "w.safetensors")["w"]
    assert found.dtype == np.float32
    assert (found == values.astype(np.float32)).all()


def test_wide_arrays_come_first_and_all_are_aligned(tmp_path: Path) -> None:
    arrays = {"a": np.zeros(3, "u1"), "b": np.zeros(3, "f8"), "c": np.zeros(3, "f4")}
    write_safetensors(tmp_path / "w.safetensors", arrays)
    data = (tmp_path / "w.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert length % 8 == 0
    assert [header[name]["data_offsets"][0] for name in "bca"] == [0, 24, 36]


def test_metadata(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {}, {"Name": "Größe 1"})
    assert read_metadata(path) == {"Name": "Größe 1"}
    write_safetensors(path, {"w": np.zeros(2)})
    assert read_metadata(path) == {}


@pytest.mark.parametrize(
    ("arrays", "metadata", "error", "message"),
    [
        ({"w": np.array(["text"])}, None, DTypeError, "array 'w' is <U4"),
        ({"w": np.zeros(1, object)}, None, DTypeError, "array 'w' is object"),
        ({"w": np.zeros(1, "c16")}, None, DTypeError, "does not have; convert it"),
        ({"__metadata__": np.zeros(1)}, None, OptionError, "cannot be the name"),
        ({1: np.zeros(1)}, None, OptionError, "1 cannot be the name"),
        ({"\ud800": np.zeros(1)}, None, OptionError, "not valid text"),
        ({}, {"seed": 0}, OptionError, "metadata 'seed': 0 must be text"),
    ],
)
def test_what_cannot_be_written(
    tmp_path: Path, arrays: Any, metadata: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        write_safetensors(tmp_path / "w.safetensors", arrays, metadata)
    assert list(tmp_path.iterdir()) == []


F4 = entry("F32", [2], 0, 8)
DAMAGED = {
    "short": (b"1234567", "not a safetensors file, or is truncated"),
    "long header": (b"\xff" * 16, "header would be 18446744073709551615 bytes"),
    "list": (by_hand(b"[1, 2, 3]"), "not a JSON object"),
    "not JSON": (by_hand(b"{'a': 1}"), "not valid JSON"),
    "not UTF-8": (by_hand(b'{"\xff": 1}'), "not valid JSON"),
    "deep": (by_hand(b'{"a":' + b"[" * 200_000), "not valid JSON"),
    "twice": (by_hand(b'{"a": 1, "a": 2}'), "a key appears twice"),
    "metadata": (by_hand({"__metadata__": {"a": 1}}), "not text to text"),
    "metadata list": (by_hand({"__metadata__": ["a"]}), "not text to text"),
    "no entry": (by_hand({"a": 3}), "by something else"),
    "extra key": (by_hand({"a": F4 | {"x": 1}}, bytes(8)), "by something else"),
    "dtype": (by_hand({"a": entry("F8_E4M3", [2], 0, 2)}, b"12"), "as 'F8_E4M3'"),
    "dtype list": (by_hand({"a": entry(["F32"], [2], 0, 8)}, bytes(8)), "F32"),
    "shape": (by_hand({"a": entry("F32", [-2], 0, 8)}, bytes(8)), "not an integer"),
    "shape bool": (by_hand({"a": entry("F32", [True], 0, 4)}, bytes(4)), "integer"),
    "size": (by_hand({"a": entry("F32", [3], 0, 8)}, bytes(8)), "needs 12"),
    "backwards": (by_hand({"a": entry("F32", [2], 8, 0)}, bytes(8)), "data_offsets"),
    "offsets": (by_hand({"a": F4 | {"data_offsets": 8}}, bytes(8)), "data_offsets"),
    "hole": (by_hand({"a": entry("F32", [2], 8, 16)}, bytes(16)), "at byte 8"),
    "overlap": (by_hand({"a": F4, "b": F4}, bytes(8)), "overlap before array 'b'"),
    "truncated": (by_hand({"a": F4}, bytes(7)), "take 8 bytes, the file holds 7"),
    "extra": (by_hand({"a": F4}, bytes(9)), "take 8 bytes, the file holds 9"),
}


@pytest.mark.parametrize(("data", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damage_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "w.safetensors").write_bytes(data)
    with pytest.raises(FileFormatError, match=message):
        read_safetensors(tmp_path / "w.safetensors")


def test_metadata_of_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(by_hand(b"[1, 2, 3]"))
    with pytest.raises(FileFormatError, match="not a JSON object"):
        read_metadata(tmp_path / "w.safetensors")


def test_a_header_over_100_megabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with open(path, "wb") as file:
        file.write((100_000_001).to_bytes(8, "little"))
        file.truncate(100_000_100)  # a hole on disk, so it costs nothing
    tracemalloc.start()
    with pytest.raises(FileFormatError, match="header of 100000001 bytes"):
        read_safetensors(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_small_file_gets_no_large_memory(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(by_hand({"a": entry("F32", [2**28], 0, 2**30)}, bytes(64)))
    tracemalloc.start()
    with pytest.raises(FileFormatError, match="truncated"):
        read_safetensors(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_offsets_of_large_files_are_no_shape(tmp_path: Path) -> None:
    # The product of begin and end must not matter.
    path = tmp_path / "w.safetensors"
    size = 2**30
    header = {"a": entry("U8", [size], 0, size), "b": entry("U8", [size], size, 2**31)}
    path.write_bytes(by_hand(header))
    with pytest.raises(FileFormatError, match=f"take {2 * size} bytes, the file"):
        read_safetensors(path)


def test_every_prefix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {"a": np.zeros(3, "f4"), "b": np.zeros(0, "u1")})
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(FileFormatError):
            read_safetensors(path)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 7)), min_size=1))
@IN_ONE_FOLDER
def test_flipped_bits_are_an_error_of_ours_or_nothing(
    tmp_path: Path, flips: list[tuple[int, int]]
) -> None:
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {"a": np.zeros(3, "f4"), "b": np.ones((2, 2), "b1")})
    data = bytearray(path.read_bytes())
    for position, bit in flips:
        data[position % len(data)] ^= 1 << bit
    path.write_bytes(data)
    try:
        found = read_safetensors(path)
    except FileFormatError:
        return
    assert sum(array.nbytes for array in found.values()) <= 2 * len(data)
