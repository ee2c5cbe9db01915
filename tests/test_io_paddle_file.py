"""Paddle's files: those it wrote, and by hand those that take gigabytes or lie."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_archives import mapping, name, push
from weight_files import expected, put

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.paddle_file import read_paddle_file

STATISTICS = {"bn._mean": "bn.running_mean", "bn._variance": "bn.running_var"}


def wanted() -> dict[str, Any]:
    arrays = expected("paddle")
    return {STATISTICS.get(k, k): v for k, v in arrays.items() if k not in ("x", "y")}


def write(path: Path, opcodes: bytes) -> Path:
    path.write_bytes(b"\x80\x02" + opcodes + b".")
    return path


def array(
    shape: Any, code: str, raw: bytes, *, order: str = "<", fortran: bool = False
) -> bytes:
    """The opcodes of a NumPy array."""
    made = name("numpy.core.multiarray", "_reconstruct") + b"("
    made += name("numpy", "ndarray") + push((0,)) + push("b") + b"tR"
    kind = name("numpy", "dtype") + push((code, False, True)) + b"R"
    kind += push((3, order, None, None, None, -1, -1, 0)) + b"b"
    data = name("_codecs", "encode") + push((raw.decode("latin-1"), "latin1")) + b"R"
    return made + b"(" + push(1) + push(shape) + kind + push(fortran) + data + b"tb"


def floats(*values: float) -> bytes:
    return np.array(values, "<f4").tobytes()


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_what_paddle_wrote(tmp_path: Path, protocol: int) -> None:
    found = read_paddle_file(put(tmp_path, f"p{protocol}.pdparams"))
    assert found.layout == "paddle"
    assert found.left_out == ()
    arrays = wanted()
    assert list(found.arrays) == list(arrays)
    for key, value in arrays.items():
        np.testing.assert_array_equal(found.arrays[key], value, strict=True)
        assert found.arrays[key].flags.writeable
    assert found.arrays["fc.weight"].shape == (64, 5)


def test_a_checkpoint(tmp_path: Path) -> None:
    found = read_paddle_file(put(tmp_path, "checkpoint.pdparams"))
    assert list(found.arrays) == list(wanted())
    assert found.left_out == ("epoch (int)",)


def test_bfloat16(tmp_path: Path) -> None:
    found = read_paddle_file(put(tmp_path, "bfloat16.pdparams")).arrays
    for key, value in wanted().items():
        assert found[key].dtype == np.float32
        np.testing.assert_allclose(found[key], value, rtol=2**-8)


def test_a_single_tensor_is_no_state_dict(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="holds a single tensor; save a dict"):
        read_paddle_file(put(tmp_path, "single.pdparams"))


def test_numpy_s_own_pickles_of_each_protocol(tmp_path: Path) -> None:
    arrays = {
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(3, dtype=">f4"),
        "half": np.ones((2, 0), "f2"),
        "scalar": np.array(2.5),
        "flags": np.array([True, False]),
    }
    for protocol in range(2, 6):
        path = tmp_path / "w.pdparams"
        path.write_bytes(pickle.dumps(arrays, protocol))
        found = read_paddle_file(path).arrays
        for key, value in arrays.items():
            assert found[key].tolist() == value.tolist()
            assert found[key].dtype == value.dtype.newbyteorder("=")


def test_large_arrays_in_parts(tmp_path: Path) -> None:
    # The parts' form of paddle.save for protocols 2 and 3, here of a few numbers.
    parts = {f"fc.weight@@.{n}": np.arange(4.0) + 4 * n for n in range(3)}
    saved = {
        "conv.weight": np.ones(2),
        **parts,
        "StructuredToParameterName@@": {"fc.weight": "linear_0.w_0"},
        "UnpackBigParamInfor@@": {
            "fc.weight": {"OriginShape": (3, 4), "slices": list(parts)}
        },
    }
    path = tmp_path / "w.pdparams"
    path.write_bytes(pickle.dumps(saved, 2))
    found = read_paddle_file(path)
    assert list(found.arrays) == ["conv.weight", "fc.weight"]
    np.testing.assert_array_equal(
        found.arrays["fc.weight"], np.arange(12.0).reshape(3, 4)
    )
    assert found.left_out == ()


@pytest.mark.parametrize(
    ("note", "message"),
    [
        (
            {"w": {"OriginShape": (3,), "slices": ["a", "b"]}},
            "parts of 'w' are missing",
        ),
        ({"w": {"OriginShape": (5,), "slices": ["a"]}}, "the parts of a split array"),
        ({"w": {"OriginShape": ("x",), "slices": ["a"]}}, "the parts of a split array"),
        ({"w": {"slices": ["a"]}}, "its note UnpackBigParamInfor@@ is not Paddle's"),
        ({"w": 3}, "is not Paddle's"),
    ],
)
def test_parts_that_do_not_fit(tmp_path: Path, note: Any, message: str) -> None:
    saved = {"a": np.ones(4), "UnpackBigParamInfor@@": note}
    path = tmp_path / "w.pdparams"
    path.write_bytes(pickle.dumps(saved, 3))
    with pytest.raises(FileFormatError, match=message):
        read_paddle_file(path)


def test_tensors_as_static_graphs_pickle_them(tmp_path: Path) -> None:
    inner = array((2,), "f4", floats(1, 2))
    called = name("builtins", "eval") + b"("
    called += push("data") + mapping({"data": inner}) + b"tR"
    named = name("builtins", "tuple") + b"((" + push("fc_0.w_0") + inner + b"ttR"
    path = write(tmp_path / "w.pdparams", mapping({"a": called, "b": named}))
    found = read_paddle_file(path).arrays
    assert found["a"].tolist() == found["b"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("opcodes", "message"),
    [
        (
            name("builtins", "eval") + push(("open('ran', 'w')",)) + b"R",
            r"asks to call builtins\.eval, .* nothing in it was run",
        ),
        (
            name("builtins", "eval") + push(("data", {"x": 1})) + b"R",
            r"asks to call builtins\.eval",
        ),
        (
            name("builtins", "eval") + push(("open('ran', 'w')", {"data": 1})) + b"R",
            r"asks to call builtins\.eval",
        ),
        (
            name("os", "system") + push(("touch ran",)) + b"R",
            r"asks to call os\.system",
        ),
        (
            name("numpy", "dtype") + push(("O8", False, True)) + b"R",
            "dtype 'O8', not of numbers",
        ),
        (name("numpy", "dtype") + b")R", "it describes an array wrongly"),
        (
            name("_codecs", "encode") + push(("x", "rot13")) + b"R",
            "it encodes text as pickle never does",
        ),
        (name("builtins", "bytes") + push((3,)) + b"R", "it makes bytes as pickle"),
        (name("builtins", "tuple") + push((1, 2)) + b"R", "a malformed tuple"),
        (array((2**40,), "f4", b""), r"'w' of shape \(1099511627776,\) has 0 bytes"),
        (array((-1,), "f4", b""), "a size that is not an integer from 0"),
        (array((2,), "f4", floats(1)), "has 4 bytes, 8 expected"),
        (array("x", "f4", b""), "it describes an array wrongly"),
        (
            name("numpy._core.numeric", "_frombuffer") + b")R",
            "it describes an array wrongly",
        ),
    ],
)
def test_what_lies_is_refused(tmp_path: Path, opcodes: bytes, message: str) -> None:
    path = write(tmp_path / "w.pdparams", mapping({"w": opcodes}))
    with pytest.raises(FileFormatError, match=message):
        read_paddle_file(path)
    assert list(tmp_path.iterdir()) == [path]


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pdparams"
    path.write_bytes(pickle.dumps({"w": np.array([None, 1])}, 4))
    with pytest.raises(FileFormatError, match="dtype 'O8', not of numbers"):
        read_paddle_file(path)


def test_one_array_under_many_names_is_bounded(tmp_path: Path) -> None:
    stored = array((2**14,), "f4", bytes(2**16))
    body = push("w") + stored + b"q\x63"
    body += b"".join(push(f"w{n}") + b"h\x63" for n in range(100))
    path = write(tmp_path / "w.pdparams", b"}(" + body + b"u")
    with pytest.raises(FileFormatError, match="far beyond the file's"):
        read_paddle_file(path)
