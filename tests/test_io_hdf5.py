"""The HDF5 reader against h5py, and on files that are broken or go elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from weight_files import data_of

from numpy_deconv.io.hdf5_file import Dataset, Group, open_hdf5
from numpy_deconv.io.pickle_globals import Refused

h5py = pytest.importorskip("h5py")
CODES = (
    "f2",
    "f4",
    "f8",
    ">f4",
    ">f8",
    "i1",
    "i2",
    ">i4",
    "i8",
    "u1",
    "u4",
    ">u8",
    "?",
)
RNG = np.random.default_rng(0)


def written(fill: Callable[[Any], None], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        fill(file)
    return buffer.getvalue()


def opened(data: bytes) -> Group:
    return open_hdf5(io.BytesIO(data), len(data))


def texts_of(attributes: Any) -> dict[str, list[str]]:
    found = {}
    for key, value in attributes.items():
        if isinstance(value, str):
            found[key] = [value]
        elif getattr(value, "dtype", np.dtype("f4")).kind in "OS":
            words = [v.decode() if isinstance(v, bytes) else v for v in value]
            found[key] = words
    return found


def assert_same(ours: Group, theirs: Any) -> int:
    assert list(ours) == list(theirs)
    assert ours.texts == texts_of(theirs.attrs)
    count = 0
    for name in ours:
        member, other = ours[name], theirs[name]
        if isinstance(member, Group):
            count += assert_same(member, other)
            continue
        values, wanted = member.read(), other[()]
        assert values.shape == member.shape == wanted.shape
        if wanted.dtype.kind == "V":  # Keras's bfloat16
            assert values.dtype == np.float32
            assert (values.view("u4") >> 16).tolist() == wanted.view("u2").tolist()
        else:
            assert values.tolist() == wanted.tolist()
            if wanted.dtype != bool:
                assert values.dtype == wanted.dtype.newbyteorder("=")
        count += 1
    return count


def check(data: bytes) -> int:
    with h5py.File(io.BytesIO(data)) as theirs:
        return assert_same(opened(data), theirs)


@pytest.mark.parametrize(
    ("name", "arrays"),
    [("whole.h5", 15), ("bare.weights.h5", 15), ("nested.h5", 17), ("bfloat16.h5", 4)],
)
def test_keras_s_files(name: str, arrays: int) -> None:
    assert check(data_of(name)) >= arrays


def test_every_kind_of_number_and_text() -> None:
    def fill(file: Any) -> None:
        file.attrs["fixed"] = np.array([b"conv1", b"dense_22"])
        file.attrs["one"] = "a text"
        file.attrs["words"] = np.array(["a", "", "grün"], dtype=object)
        file.attrs["numbers"] = np.arange(4)
        group = file.create_group("a/b")
        for code in CODES:
            group[code] = RNG.integers(0, 2, (3, 2)).astype(code)
        group["scalar"] = np.float32(3)
        group["empty"] = np.zeros((0, 3), "f4")
        group["nothing"] = h5py.Empty("f4")

    data = written(fill)
    ours = opened(data)
    nothing = ours["a/b/nothing"]
    assert isinstance(nothing, Dataset)
    assert nothing.shape == (0,)
    with h5py.File(io.BytesIO(data), "r+") as theirs:
        del theirs["a/b/nothing"]
        assert ours.texts == texts_of(theirs.attrs)


@pytest.mark.parametrize("options", [{}, {"libver": "latest"}, {"libver": "v108"}])
def test_older_and_newer_groups(options: dict[str, Any]) -> None:
    def fill(file: Any) -> None:
        for name in ("b", "a", "c"):
            file[f"group/{name}"] = RNG.random((2, 3))
        file["group"].attrs["one"] = "x"

    assert check(written(fill, **options)) == 3


def test_many_members_are_a_deep_tree() -> None:
    def fill(file: Any) -> None:
        for number in range(700):
            file[f"many/{number}"] = np.arange(number % 5)

    assert check(written(fill)) == 700


@pytest.mark.parametrize(
    "packing",
    [
        {"chunks": (8, 5)},
        {"chunks": (8, 5), "compression": "gzip"},
        {"chunks": (40, 7), "compression": "gzip", "shuffle": True},
        {"chunks": (3, 21), "shuffle": True, "fletcher32": True},
        {"chunks": (1, 1), "compression": 9, "shuffle": True, "fletcher32": True},
    ],
)
@pytest.mark.parametrize("code", ["f4", "f8", "f2"])
def test_chunks(packing: dict[str, Any], code: str) -> None:
    def fill(file: Any) -> None:
        values = RNG.random((37, 21)).astype(code)
        file.create_dataset("x", data=values, maxshape=(None, 21), **packing)
        if "compression" not in packing:
            # Chunks that nobody wrote are zeros.
            file.create_dataset("y", (20, 30), code, chunks=(5, 7))[3, 4] = 1

    assert check(written(fill)) >= 1


def link(kind: Any) -> Callable[[Any], None]:
    return lambda file: file.__setitem__("x", kind)


def made(name: str, *shape: Any, **options: Any) -> Callable[[Any], None]:
    return lambda file: file.create_dataset(name, *shape, **options)


def read_all(data: bytes) -> None:
    root = opened(data)
    for name in root:
        member = root[name]
        if isinstance(member, Dataset):
            member.read()


OUTSIDE: list[tuple[Callable[[Any], None], dict[str, Any], str]] = [
    (link(h5py.ExternalLink("/etc/passwd", "/")), {}, "link 'x' to elsewhere"),
    (link(h5py.SoftLink("/y")), {}, "has links between its HDF5 groups"),
    (link(h5py.SoftLink("/y")), {"libver": "latest"}, "link 'x' to elsewhere"),
    (
        made("x", (3,), "u1", external=[("/etc/passwd", 0, 3)]),
        {},
        "keeps an array in another file",
    ),
    (made("x", data=np.ones((9, 9)), compression="lzf"), {}, "by HDF5 filter 32000"),
    (
        made("x", data=np.array(["a"], object), dtype=h5py.string_dtype()),
        {},
        "no plain",
    ),
    (
        made("x", (9, 9), "f4", chunks=(3, 3)),
        {"libver": "latest"},
        "as only newer HDF5 does",
    ),
    (made("x", (3,), "f4"), {}, "past its end|truncated"),
    (lambda file: None, {"userblock_size": 512}, "is not an HDF5 file"),
    (
        lambda file: [file.create_group(str(n)) for n in range(9)],
        {"libver": "latest"},
        "dense links",
    ),
    (
        lambda file: [file.attrs.__setitem__(str(n), "x") for n in range(9)],
        {"libver": "latest"},
        "dense links or attributes",
    ),
]


@pytest.mark.parametrize(("fill", "options", "message"), OUTSIDE)
def test_what_is_refused(
    fill: Callable[[Any], None], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        root = opened(written(fill, **options))
        assert root.texts == {}
        read_all(written(fill, **options))


def test_a_path_that_is_not_there() -> None:
    root = opened(written(made("x", data=np.ones(3))))
    for path in ("y", "x/y"):
        with pytest.raises(Refused, match=f"it has no '{path}'"):
            root[path]


def test_groups_that_hold_each_other() -> None:
    def fill(file: Any) -> None:
        inner = file.create_group("a/b")
        inner["back"] = file["a"]

    group = opened(written(fill))["a/b"]
    assert isinstance(group, Group)
    with pytest.raises(Refused, match="groups hold each other"):
        group["back"]


def test_every_prefix_is_refused(tmp_path: Path) -> None:
    data = written(made("x", data=np.arange(100.0)))
    for length in range(0, len(data), 7):
        with pytest.raises(Refused):
            read_all(data[:length])
