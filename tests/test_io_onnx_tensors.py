"""Tensors of ONNX files: every element type, and data in a file beside the model."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_nets import one_operator

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.onnx import parse_onnx, read_onnx

IMAGE = (1, 3, 4, 4)


def beside(model: onnx.ModelProto, **entries: str) -> onnx.ModelProto:
    """The model with its first constant stored in another file."""
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return model


def test_external_data(tmp_path: Path) -> None:
    bias = np.arange(4, dtype="f4")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "data.bin").write_bytes(b"\x00" * 8 + bias.tobytes())
    model = one_operator("Add", IMAGE, {"b": bias})
    place = {"location": "sub/data.bin", "offset": "8", "length": "16"}
    onnx.save(beside(model, **place), tmp_path / "net.onnx")
    content = read_onnx(tmp_path / "net.onnx")
    np.testing.assert_array_equal(content.constants["b"], bias)
    with pytest.raises(FileFormatError, match="beside the model: load it from its"):
        parse_onnx(model.SerializeToString())


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"location": "../secret"}, "not in the folder of the model"),
        ({"location": "/etc/passwd"}, "not in the folder of the model"),
        ({"location": "link"}, "not in the folder of the model"),
        ({"location": "..\\secret"}, "not in the folder of the model"),
        ({"location": "a\0b"}, "does not exist"),
        ({}, "not in the folder of the model"),
        ({"location": "."}, "not in the folder of the model"),
        ({"location": "nowhere"}, "does not exist"),
        ({"location": "data", "offset": "1"}, "which has only 16: it is incomplete"),
        ({"location": "data", "offset": "-1"}, "says that it has 16 from -1 on"),
        ({"location": "data", "length": "8"}, "says that it has 8 from 0 on"),
        ({"location": "data", "offset": "first"}, "something else than numbers"),
    ],
)
def test_external_data_that_are_refused(
    tmp_path: Path, entries: dict[str, str], words: str
) -> None:
    (tmp_path / "secret").write_bytes(b"\x00" * 16)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "data").write_bytes(b"\x00" * 16)
    (folder / "link").symlink_to(tmp_path / "secret")
    model = beside(one_operator("Add", IMAGE, {"b": np.ones(4, "f4")}), **entries)
    onnx.save(model, folder / "net.onnx")
    with pytest.raises(FileFormatError, match=re.escape(words)):
        read_onnx(folder / "net.onnx")


@pytest.mark.parametrize("kind", ["f4", "f8", "f2", "i1", "u2", "i4", "i8", "u4", "u8"])
def test_every_element_type_both_ways(kind: str) -> None:
    array = np.array([0, 1, 2, 100], kind)
    model = one_operator("Relu", IMAGE, inputs=("x",))
    raw = numpy_helper.from_array(array, "raw")
    typed = helper.make_tensor(
        "typed", helper.np_dtype_to_tensor_dtype(array.dtype), [4], array.tolist()
    )
    model.graph.initializer.extend([raw, typed])
    constants = parse_onnx(model.SerializeToString()).constants
    for name in ("raw", "typed"):
        assert constants[name].dtype == array.dtype
        np.testing.assert_array_equal(constants[name], array)
