"""Models from ONNX files of others: what a file says, and what is assumed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import drawn, of_operators, saved, small
from onnx_nets import model_of
from PIL import Image

from numpy_deconv import load_model
from numpy_deconv.cli.inputs import open_model
from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.io.onnx import write_onnx
from numpy_deconv.methods import saliency
from numpy_deconv.models import Preprocess, imagenet_labels
from numpy_deconv.models.pixels import PIXELS, pixel_preset


def test_what_is_assumed_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path, ("N", "C", "H", "W"))
    model = load_model(path)
    assert model.assumed == (
        "3 channels",
        "an input of 224 x 224",
        "pixels 'imagenet'",
    )
    assert model.weights_source.endswith("224 x 224; pixels 'imagenet')")
    assert model.preprocess == pixel_preset("imagenet", (224, 224))
    assert model.preprocess.resize_short == 256
    assert (model.name, model.labels) == ("net", ())


def test_what_was_asked_for_is_not_assumed(tmp_path: Path) -> None:
    path = saved(tmp_path, ("N", 3, "H", "W"))
    model = load_model(f"{path}:caffe:40x30")
    assert model.assumed == ()
    assert model.preprocess == pixel_preset("caffe", (40, 30))
    assert load_model(f"{path}:unit:64").preprocess.size == (64, 64)
    mine = Preprocess((20, 24), (0.5,) * 3, (0.5,) * 3)
    assert load_model(path, preprocess=mine).preprocess == mine
    assert load_model(path, preprocess=mine).assumed == ()


def test_what_the_file_says_of_pixels(tmp_path: Path) -> None:
    props = {
        "Image.NominalPixelRange": "NominalRange_0_255",
        "Image.BitmapPixelFormat": "Bgr8",
    }
    model = load_model(saved(tmp_path, (1, 3, 20, 20), **props))
    assert model.assumed == ()
    assert model.preprocess.value_range == (0, 255)
    assert model.preprocess.channels == "BGR"


@pytest.mark.parametrize("name", PIXELS)
def test_presets_map_black_and_white_as_they_say(name: str) -> None:
    prepared = pixel_preset(name, (2, 2))
    ends = np.array([0, 255], np.uint8).repeat(3).reshape(1, 1, 2, 3)
    low, high = prepared.encode(ends)[0, :, 0].T
    wanted = {
        "imagenet": ([-2.1179, -2.0357, -1.8044], [2.2489, 2.4286, 2.64]),
        "unit": ([0, 0, 0], [1, 1, 1]),
        "signed": ([-1, -1, -1], [1, 1, 1]),
        "bytes": ([0, 0, 0], [255, 255, 255]),
        "lite": ([-127 / 128] * 3, [1, 1, 1]),
        "caffe": ([-103.939, -116.779, -123.68], [151.061, 138.221, 131.32]),
    }[name]
    np.testing.assert_allclose(low, wanted[0], atol=1e-4)
    np.testing.assert_allclose(high, wanted[1], atol=1e-4)


def test_channels_last_inputs_are_turned(tmp_path: Path) -> None:
    path = saved(tmp_path, ("N", 10, 14, 3))
    model = load_model(path)
    assert "channels last" in model.assumed and model.preprocess.size == (10, 14)
    assert next(iter(model.net)) == "channels_last"
    x = drawn(2, 3, 10, 14)
    weight = numpy_helper.to_array(onnx.load(path).graph.initializer[1])
    want = x.mean((2, 3)) @ weight
    np.testing.assert_allclose(model.net(x), want, atol=1e-5)


def test_grey_nets_see_grey(tmp_path: Path) -> None:
    model = load_model(saved(tmp_path, (1, 1, 10, 10)))
    assert model.assumed == ("pixels 'unit', grey of 3 colours",)
    x = drawn(2, 3, 10, 10)
    grey = np.tensordot(np.array([0.299, 0.587, 0.114], "f4"), x, (0, 1))[:, None]
    np.testing.assert_allclose(model.net.run(x)["grey"], grey, atol=1e-6)
    assert saliency(model, x).pixels.shape == (2, 10, 10)


def test_labels_go_by_number(tmp_path: Path) -> None:
    shape = (1, 3, 12, 12)
    for classes, want in (
        (1000, imagenet_labels()),
        (1001, ("background", *imagenet_labels())),
        (7, ()),
    ):
        path = tmp_path / "net.onnx"
        write_onnx(path, small(classes), shape)
        assert load_model(path).labels == want
    assert load_model(path, labels=list("abcdefg")).labels == tuple("abcdefg")
    with pytest.raises(OptionError, match="2 labels were given, but the model has 7"):
        load_model(path, labels=["a", "b"])


def test_batches_of_any_size_where_the_file_says_one(tmp_path: Path) -> None:
    """A reshape to a fixed shape is one of each sample."""
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["r"]),
        helper.make_node("MatMul", ["r", "w"], ["y"]),
    ]
    constants = {"shape": np.array([1, 48]), "w": drawn(48, 2)}
    path = tmp_path / "net.onnx"
    onnx.save(model_of(nodes, (1, 3, 4, 4), constants), path)
    net = load_model(path).net
    x = drawn(5, 3, 4, 4)
    np.testing.assert_allclose(net(x)[3:4], net(x[3:4]), atol=1e-5)


def test_a_batch_axis_that_is_dropped_at_the_end(tmp_path: Path) -> None:
    """Of one sample it may go; the scores before are what is looked into."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["p"]),
        helper.make_node("Softmax", ["p"], ["s"], axis=1),
        helper.make_node("Squeeze", ["s"], ["y"]),
    ]
    path = tmp_path / "net.onnx"
    onnx.save(model_of(nodes, (1, 3, 4, 4)), path)
    assert load_model(path).net(drawn(2, 3, 4, 4)).shape == (2, 3, 1, 1)
    nodes[-1] = helper.make_node("ReduceSum", ["s"], ["y"], keepdims=0)
    onnx.save(model_of(nodes, (1, 3, 4, 4)), path)
    with pytest.raises(FileFormatError, match=r"'y' of shape \(\) has no scores of"):
        load_model(path)


def test_halves_are_computed_in_float32(tmp_path: Path) -> None:
    model = of_operators()
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32:
            half = numpy_helper.from_array(array.astype("f2"), tensor.name)
            tensor.CopyFrom(half)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    y = load_model(path).net(np.full((1, 3, 24, 24), 0.5, np.float32))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.sum(), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (":sepia", "'sepia' is no way to prepare pixels: there are imagenet, unit"),
        (":unit:30", "declared as 20 x 20, not 30: leave the size out"),
    ],
)
def test_variants_that_there_are_not(tmp_path: Path, source: str, words: str) -> None:
    path = saved(tmp_path, (1, 3, 20, 20))
    with pytest.raises(OptionError, match=words):
        load_model(f"{path}{source}")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 3, 4), "has 3 axes, which is no picture"),
        ((1, 7, 4, 4), "has 7 channels, and pictures have 1 or 3"),
    ],
)
def test_inputs_that_are_no_pictures(
    tmp_path: Path, shape: tuple[int, ...], words: str
) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    path = tmp_path / "net.onnx"
    onnx.save(model_of([node], shape), path)
    with pytest.raises(FileFormatError, match=words):
        load_model(path)


def test_a_preprocess_of_another_size(tmp_path: Path) -> None:
    path = saved(tmp_path, (1, 3, 20, 20))
    with pytest.raises(OptionError, match="declared as 20 x 20"):
        load_model(path, preprocess=pixel_preset("unit", (30, 30)))


def test_a_name_is_no_file() -> None:
    with pytest.raises(OptionError, match="is neither a file nor a model's name"):
        load_model("nowhere.onnx")
    with pytest.raises(OptionError, match="is neither a file nor a model's name"):
        load_model("nowhere.onnx:unit")


def test_weights_that_are_not_finite(tmp_path: Path) -> None:
    net = small()
    net.params["fc.bias"][1] = np.nan
    path = tmp_path / "net.onnx"
    write_onnx(path, net, (1, 3, 12, 12))
    with pytest.raises(FileFormatError, match=r"NaN or infinity in fc\.bias"):
        load_model(path)


def test_an_input_of_integers_is_no_picture(tmp_path: Path) -> None:
    model = of_operators()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    with pytest.raises(FileFormatError, match=re.escape("input 'x' has element type")):
        load_model(path)


def test_the_command_line_says_what_it_assumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path, ("N", 3, 20, 20))
    open_model(str(path), None)
    assert capsys.readouterr().err == f"{path}: assumed pixels 'imagenet'\n"
    open_model(f"{path}:unit", None)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", ["ArgMax", "TopK"])
def test_a_decision_at_the_end_is_left_out(tmp_path: Path, kind: str) -> None:
    """What is looked into are the scores that it was made by."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["p"]),
        helper.make_node("Flatten", ["p"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["best"], axis=1, name="best"),
    ]
    if kind == "TopK":
        nodes[-1] = helper.make_node("TopK", ["scores", "k"], ["high", "best"])
    nodes.append(helper.make_node("Cast", ["best"], ["y"], to=TensorProto.FLOAT))
    path = tmp_path / "net.onnx"
    onnx.save(model_of(nodes, (1, 3, 4, 4), {"k": np.array([1])}), path)
    x = drawn(2, 3, 4, 4)
    np.testing.assert_allclose(
        load_model(path).net(x), x.mean(axis=(2, 3)), rtol=1e-5, atol=1e-6
    )


def test_inputs_of_bytes_are_given_bytes(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f", "axes"], ["m"], keepdims=0),
        helper.make_node("MatMul", ["m", "w"], ["y"]),
    ]
    constants = {"axes": np.array([2, 3]), "w": np.eye(3, dtype=np.float32)}
    model = model_of(nodes, (-1, 3, 6, 6), constants)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    opened = load_model(path)
    assert opened.assumed == ("pixels 'bytes'",)
    x = opened.preprocess(Image.new("RGB", (6, 6), (255, 0, 51)))
    np.testing.assert_allclose(opened.net(x), [[255, 0, 51]])


def test_a_size_that_had_to_be_assumed_is_told_with_what_went_wrong(
    tmp_path: Path,
) -> None:
    flat = helper.make_node("Reshape", ["x", "s"], ["y"], name="flat")
    model = model_of([flat], ("N", 3, 48, "wide"), {"s": np.array([-1, 4320])})
    path = tmp_path / "line.onnx"
    onnx.save(model, path)
    words = "the file says 48 x wide, 224 was taken for what is open: say another"
    with pytest.raises(FileFormatError, match=words):
        load_model(path)
    assert (
        load_model(f"{path}:unit:48x30").net(np.zeros((2, 3, 48, 30), "f4")).any() == 0
    )
    with pytest.raises(FileFormatError, match=r"cannot become \[-1, 4320\]$"):
        load_model(f"{path}:unit:48x31")
