"""npz: against NumPy in both directions, against objects, bombs and damage."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from numpy_deconv.errors import DTypeError, FileFormatError, OptionError
from numpy_deconv.io.npz import read_npz, write_npz

DTYPES = [
    "f8",
    "f4",
    "f2",
    ">f4",
    "i8",
    ">i8",
    "i4",
    "i2",
    "i1",
    "u8",
    "u4",
    "u2",
    "u1",
    "b1",
    "c8",
    "c16",
]
IN_ONE_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)

arrays_by_name = st.dictionaries(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0\\"),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: npst.arrays(
            dtype, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
        )
    ),
    max_size=5,
)


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def npy(descr: str, shape: str, data: bytes = b"", order: str = "False") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"
    length = len(header).to_bytes(2, "little")
    return b"\x93NUMPY\x01\x00" + length + header.encode() + data


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype.newbyteorder("=")
        assert found[name].dtype.isnative
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)
        assert found[name].flags.writeable
        assert found[name].flags.c_contiguous


@given(arrays_by_name)
@IN_ONE_FOLDER
def test_round_trip(tmp_path: Path, arrays: dict[str, Any]) -> None:
    write_npz(tmp_path / "w.npz", arrays)
    assert_same(read_npz(tmp_path / "w.npz"), arrays)
    with np.load(tmp_path / "w.npz") as loaded:
        for name, array in arrays.items():
            np.testing.assert_array_equal(loaded[name], array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(tmp_path: Path, save: Any) -> None:
    arrays = {
        "weight": np.random.default_rng(0).normal(size=(2, 3, 4)),
        "fortran": np.asfortranarray(np.arange(12, dtype="f4").reshape(3, 4)),
        "count": np.array(7),
        "empty": np.zeros((0, 3), "i2"),
    }
    save(tmp_path / "w.npz", **arrays)
    assert_same(read_npz(tmp_path / "w.npz"), arrays)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_header_versions(tmp_path: Path, version: tuple[int, int]) -> None:
    member = io.BytesIO()
    np.lib.format.write_array(member, np.arange(3), version)
    (tmp_path / "w.npz").write_bytes(archive({"w.npy": member.getvalue()}))
    assert read_npz(tmp_path / "w.npz")["w"].tolist() == [0, 1, 2]


def test_sizes_as_python_2_wrote_them(tmp_path: Path) -> None:
    member = npy("'<i2'", "(1L, 2L)", b"\1\0\2\0")
    (tmp_path / "w.npz").write_bytes(archive({"w.npy": member}))
    assert read_npz(tmp_path / "w.npz")["w"].tolist() == [[1, 2]]


def test_equal_arrays_give_equal_files(tmp_path: Path) -> None:
    arrays = {"w": np.arange(12).reshape(3, 4).T}
    write_npz(tmp_path / "a.npz", arrays)
    write_npz(tmp_path / "b.npz", arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ({"w": np.zeros(1, object)}, DTypeError, "array 'w' is object"),
        ({"w": np.zeros(1, ml_dtypes.bfloat16)}, DTypeError, "is bfloat16"),
        ({"w": np.array(["a"])}, DTypeError, "convert it to a plain number type"),
        ({"": np.zeros(1)}, OptionError, "'' cannot be the name"),
        ({"a\0b": np.zeros(1)}, OptionError, "cannot be the name"),
        ({3: np.zeros(1)}, OptionError, "3 cannot be the name"),
    ],
)
def test_what_cannot_be_written(
    tmp_path: Path, arrays: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        write_npz(tmp_path / "w.npz", arrays)
    assert list(tmp_path.iterdir()) == []


def test_an_array_of_objects_is_refused_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", fine=np.zeros(2), labels=np.array([{}, []], object))
    with pytest.raises(FileFormatError, match="array 'labels' holds Python objects"):
        read_npz(tmp_path / "w.npz")


def test_a_header_is_never_evaluated(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    shape = f"(__import__('pathlib').Path({str(marker)!r}).touch(),)"
    (tmp_path / "w.npz").write_bytes(archive({"w.npy": npy("'<f4'", shape)}))
    with pytest.raises(FileFormatError, match="header that cannot be read"):
        read_npz(tmp_path / "w.npz")
    assert not marker.exists()


GOOD = npy("'<f4'", "(2,)", bytes(8))
DAMAGED = {
    "text": (b"no zip at all", "not a sound .npz"),
    "other member": (archive({"readme.txt": b"hello"}), "'readme.txt' is not an array"),
    "not npy": (archive({"w.npy": b"hello, hello"}), "'w' is not an array"),
    "version": (archive({"w.npy": b"\x93NUMPY\x09\x00"}), "'w' is not an array"),
    "short": (archive({"w.npy": npy("'<f4'", "(3,)", bytes(8))}), "needs 12 bytes"),
    "long": (archive({"w.npy": npy("'<f4'", "(1,)", bytes(8))}), "the file has 8"),
    "structured": (
        archive({"w.npy": npy("[('a', '<f4')]", "(2,)")}),
        "is structured, not",
    ),
    "text array": (archive({"w.npy": npy("'<U4'", "(2,)")}), "'w' is U4, not plain"),
    "bfloat16": (archive({"w.npy": npy("'<V2'", "(2,)")}), "'w' is V2, not plain"),
    "no shape": (archive({"w.npy": npy("'<f4'", "[2]")}), "header that cannot be"),
    "rank": (archive({"w.npy": npy("'<f4'", "(" + "1," * 33 + ")")}), "33 axes"),
    "digits": (archive({"w.npy": npy("'<f4'", f"({'9' * 5000},)")}), "not a sound"),
    "header": (
        archive({"w.npy": b"\x93NUMPY\x02\x00" + (10**6).to_bytes(4, "little")}),
        "header of 1000000 bytes",
    ),
    "bzip2": (archive({"w.npy": GOOD}, zipfile.ZIP_BZIP2), "neither stored nor"),
}


@pytest.mark.parametrize(("data", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damage_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "w.npz").write_bytes(data)
    with pytest.raises(FileFormatError, match=message):
        read_npz(tmp_path / "w.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("shape", [(100,), (0,)])
def test_a_wrong_checksum_is_found(tmp_path: Path, save: Any, shape: Any) -> None:
    save(tmp_path / "w.npz", w=np.zeros(shape))
    data = bytearray((tmp_path / "w.npz").read_bytes())
    data[data.index(b"PK\x01\x02") + 16] ^= 1
    (tmp_path / "w.npz").write_bytes(data)
    with pytest.raises(FileFormatError, match="Bad CRC-32"):
        read_npz(tmp_path / "w.npz")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as file:
        file.writestr("w.npy", GOOD)
        file.writestr("w.npy", GOOD)
    with pytest.raises(FileFormatError, match="same name"):
        read_npz(tmp_path / "w.npz")


def test_members_that_overlap(tmp_path: Path) -> None:
    # Two entries of the directory for one run of bytes.
    data = archive({"a.npy": GOOD * 30, "b.npy": GOOD * 30})
    second = data.index(b"PK\x03\x04", 4)
    directory = data.index(b"PK\x01\x02")
    end = bytearray(data[data.index(b"PK\x05\x06") :])
    end[16:20] = second.to_bytes(4, "little")
    entries = bytearray(data[directory : data.index(b"PK\x05\x06")])
    entries[-5 - 4 : -5] = bytes(4)
    (tmp_path / "w.npz").write_bytes(data[:second] + entries + end)
    with pytest.raises(FileFormatError, match="its members overlap"):
        read_npz(tmp_path / "w.npz")


def test_a_zip_bomb_is_refused_before_it_expands(tmp_path: Path) -> None:
    zeros = npy("'|u1'", f"({80 * 2**20},)", bytes(80 * 2**20))
    data = archive({"w.npy": zeros}, zipfile.ZIP_DEFLATED)
    assert len(data) < 2**20
    (tmp_path / "w.npz").write_bytes(data)
    del zeros
    tracemalloc.start()
    with pytest.raises(FileFormatError, match="would expand to 8388"):
        read_npz(tmp_path / "w.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_shape_far_beyond_the_file_gets_no_memory(tmp_path: Path) -> None:
    member = npy("'<f4'", "(100000, 100000)", bytes(16))
    (tmp_path / "w.npz").write_bytes(archive({"w.npy": member}))
    tracemalloc.start()
    with pytest.raises(FileFormatError, match="needs 40000000000 bytes"):
        read_npz(tmp_path / "w.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_every_prefix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez_compressed(path, a=np.arange(50.0), b=np.zeros(3, "u1"))
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(FileFormatError):
            read_npz(path)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 7)), min_size=1))
@IN_ONE_FOLDER
def test_flipped_bits_are_an_error_of_ours_or_nothing(
    tmp_path: Path, flips: list[tuple[int, int]]
) -> None:
    path = tmp_path / "w.npz"
    np.savez_compressed(path, a=np.arange(50.0), b=np.zeros((3, 2), ">u2"))
    data = bytearray(path.read_bytes())
    for position, bit in flips:
        data[position % len(data)] ^= 1 << bit
    path.write_bytes(data)
    try:
        read_npz(path)
    except FileFormatError:
        return
