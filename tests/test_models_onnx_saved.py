"""Models out as ONNX and in again; ONNX Runtime computes the same.

With ``NUMPY_DECONV_LARGE`` set every architecture is written, else the small ones.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_models import drawn, model_of_net, saved, small

from numpy_deconv import load_model
from numpy_deconv.errors import FileFormatError, OutputError
from numpy_deconv.io.safetensors import read_safetensors
from numpy_deconv.models import ARCHITECTURES, Model
from numpy_deconv.models.onnx_model import METADATA

SMALL_ONES = ("emoji_zfnet", "squeezenet1_1", "efficientnet_lite0")


def test_a_saved_model_comes_back(tmp_path: Path) -> None:
    model = model_of_net(small())
    path = tmp_path / "small.onnx"
    model.save(path)
    again = load_model(path)
    assert (again.name, again.labels) == ("small", model.labels)
    assert again.preprocess == model.preprocess
    assert again.assumed == () and again.weights_source == str(path)
    x = drawn(3, 3, 12, 12)
    np.testing.assert_array_equal(again.net(x), model.net(x))
    assert list(again.net) == list(model.net)
    assert all(not array.flags.writeable for array in again.net.params.values())


def test_a_shipped_model_comes_back(tmp_path: Path) -> None:
    model = load_model("emoji_zfnet")
    for suffix in ("onnx", "safetensors", "npz"):
        path = tmp_path / f"model.{suffix}"
        model.save(path)
        again = load_model(path)
        assert again.net.params.keys() == model.net.params.keys()
        for name, value in model.net.params.items():
            assert value.tobytes() == again.net.params[name].tobytes()


@pytest.mark.parametrize(
    "name",
    [
        name
        if name in SMALL_ONES
        else pytest.param(
            name,
            marks=pytest.mark.skipif(
                "NUMPY_DECONV_LARGE" not in os.environ,
                reason="up to half a gigabyte of weights: set NUMPY_DECONV_LARGE",
            ),
        )
        for name in ARCHITECTURES
    ],
)
def test_every_architecture_is_computed_by_onnx_runtime(
    name: str, tmp_path: Path
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    model, path = load_model(f"{name}:random"), tmp_path / "net.onnx"
    model.save(path)
    x = drawn(2, 3, *model.preprocess.size)
    y = model.net(x)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {"input": x})
    assert np.abs(theirs - y).max() <= 1e-5 * np.abs(y).max()
    again = load_model(path)
    np.testing.assert_array_equal(again.net(x), y)
    assert list(again.net) == list(model.net) and again.labels == model.labels
    assert again.preprocess == model.preprocess


def test_weights_without_an_architecture_have_the_layers_names(tmp_path: Path) -> None:
    model = model_of_net(small())
    path = tmp_path / "small.safetensors"
    model.save(path)
    assert read_safetensors(path).keys() == model.net.params.keys()
    named = Model(small(), model.preprocess, (), "vgg16", "not really")
    named.save(path)
    assert read_safetensors(path).keys() == model.net.params.keys()


def test_a_suffix_that_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"written as \.onnx, \.safetensors or \.npz"):
        model_of_net(small()).save(tmp_path / "small.pth")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[]", "not what was saved"),
        ('{"labels": 3}', "not what was saved"),
        ('{"preprocess": {"size": 3}}', "metadata about pictures are damaged"),
        ('{"preprocess": 5}', "metadata about pictures are damaged"),
    ],
)
def test_damaged_metadata(tmp_path: Path, text: str, words: str) -> None:
    path = saved(tmp_path, (1, 3, 20, 20), **{METADATA: text})
    with pytest.raises(FileFormatError, match=words):
        load_model(path)


def test_metadata_are_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    model_of_net(small()).save(path)
    props = {each.key: each.value for each in onnx.load(path).metadata_props}
    kept = json.loads(props[METADATA])
    assert kept["labels"] == ["a", "b", "c", "d"]
    assert kept["preprocess"]["size"] == [12, 12]
