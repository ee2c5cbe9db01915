"""Models in and out as ONNX: what a file says, what is assumed, what methods see.

With ``NUMPY_DECONV_LARGE`` set every architecture is written, else the small ones.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_nets import model_of

from numpy_deconv import layers, load_model
from numpy_deconv.cli.inputs import open_model
from numpy_deconv.errors import FileFormatError, OptionError, OutputError
from numpy_deconv.io.onnx import write_onnx
from numpy_deconv.io.safetensors import read_safetensors
from numpy_deconv.methods import (
    class_visualization,
    deconvnet,
    guided_backprop,
    occlusion,
    saliency,
)
from numpy_deconv.models import ARCHITECTURES, Model, Preprocess, imagenet_labels
from numpy_deconv.models.onnx_model import METADATA
from numpy_deconv.models.pixels import PIXELS, pixel_preset
from numpy_deconv.net import Sequential
from numpy_deconv.rules import DECONVNET, DECONVNET_RELU6

Array = npt.NDArray[Any]
RNG = np.random.default_rng(0)
SMALL_ONES = ("emoji_zfnet", "squeezenet1_1", "efficientnet_lite0")


def drawn(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def small(classes: int = 4, size: int = 12) -> Sequential:
    return Sequential(
        {
            "conv1": layers.Conv(drawn(6, 3, 3, 3), drawn(6), padding=1),
            "relu1": layers.ReLU(),
            "pool1": layers.MaxPool(2),
            "flatten": layers.Flatten(),
            "fc": layers.Linear(drawn(classes, 6 * (size // 2) ** 2), drawn(classes)),
        }
    )


def model_of_net(net: Sequential, **options: Any) -> Model:
    prepared = pixel_preset("unit", (12, 12))
    return Model(net, prepared, ("a", "b", "c", "d"), "small", "drawn", **options)


def saved(tmp_path: Path, shape: tuple[Any, ...], **meta: str) -> Path:
    """A file of others: a pooled sum of its input, of this declared shape."""
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["m"], keepdims=0, name="mean"),
        helper.make_node("MatMul", ["m", "w"], ["y"], name="scores"),
    ]
    last = shape[-1] in (1, 3) and shape[1] not in (1, 3)
    channels = shape[-1] if last else shape[1]
    constants = {
        "axes": np.array([1, 2] if last else [2, 3]),
        "w": drawn(channels if isinstance(channels, int) else 3, 5),
    }
    model = model_of(nodes, shape, constants)
    helper.set_model_props(model, meta)
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    return path


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


def test_weights_that_are_not_finite(tmp_path: Path) -> None:
    net = small()
    net.params["fc.bias"][1] = np.nan
    path = tmp_path / "net.onnx"
    write_onnx(path, net, (1, 3, 12, 12))
    with pytest.raises(FileFormatError, match=r"NaN or infinity in fc\.bias"):
        load_model(path)


def test_metadata_are_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    model_of_net(small()).save(path)
    props = {each.key: each.value for each in onnx.load(path).metadata_props}
    kept = json.loads(props[METADATA])
    assert kept["labels"] == ["a", "b", "c", "d"]
    assert kept["preprocess"]["size"] == [12, 12]


def of_operators(seed: int = 5) -> onnx.ModelProto:
    """A residual net with everything that a picture method has to come through."""
    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> Array:
        return rng.normal(size=shape).astype(np.float32)

    constants = {
        "w1": drawn(8, 3, 3, 3),
        "w2": drawn(8, 8, 3, 3) / 4,
        "mean": np.array([0.5, 0.4, 0.3], "f4").reshape(1, 3, 1, 1),
        "scale": np.array([2, 3, 4], "f4").reshape(3, 1, 1),
        "zero": np.array(0, "f4"),
        "six": np.array(6, "f4"),
        "shape": np.array([0, 2, 4, 12, 12]),
        "back": np.array([0, 8, 12, 12]),
        "axes": np.array([2, 3]),
        "fc": drawn(8, 4),
        "fcb": drawn(4),
    }
    steps = [
        ("Sub", ["x", "mean"], "centred"),
        ("Div", ["centred", "scale"], "scaled"),
        ("Conv", ["scaled", "w1"], "conv1", {"pads": [1] * 4, "strides": [2, 2]}),
        ("Clip", ["conv1", "zero", "six"], "relu6"),
        ("Reshape", ["relu6", "shape"], "groups"),
        ("Transpose", ["groups"], "shuffled", {"perm": [0, 2, 1, 3, 4]}),
        ("Reshape", ["shuffled", "back"], "joined"),
        ("Conv", ["joined", "w2"], "conv2", {"pads": [1] * 4}),
        ("Relu", ["conv2"], "relu2"),
        ("Add", ["relu2", "joined"], "sum"),
        ("ReduceMean", ["sum", "axes"], "pooled", {"keepdims": 0}),
        ("Gemm", ["pooled", "fc", "fcb"], "logits"),
        ("Softmax", ["logits"], "y"),
    ]
    nodes = [
        helper.make_node(kind, inputs, [out], name=out, **(more[0] if more else {}))
        for kind, inputs, out, *more in steps
    ]
    return model_of(nodes, ("N", 3, 24, 24), constants)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    onnx.save(of_operators(), path)
    return load_model(f"{path}:unit")


def test_methods_work_on_what_was_imported(imported: Model) -> None:
    x = RNG.uniform(0, 1, (2, 3, 24, 24)).astype(np.float32)
    assert saliency(imported, x).pixels.any()
    rules = DECONVNET.replace({layers.Clip: DECONVNET_RELU6[layers.Clip]})
    found = deconvnet(imported, x[:1], "relu2", top=3, rules=rules)
    assert len(found.units) == 3 and found.pixels.any()
    assert guided_backprop(imported, x).pixels.any()
    seen = occlusion(imported, x[:1], size=8, stride=8)
    assert seen.pixels.shape[-2:] == (3, 3)
    drawn_ = class_visualization(imported, None, target=1, steps=3, seed=1)
    assert np.isfinite(drawn_.pixels).all()


def test_its_gradient_is_onnx_runtimes_slope(imported: Model) -> None:
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    raw = of_operators().SerializeToString()
    session = runtime.InferenceSession(raw, providers=["CPUExecutionProvider"])
    x = RNG.uniform(0, 1, (1, 3, 24, 24)).astype(np.float32)
    (want,) = session.run(None, {"x": x})
    np.testing.assert_allclose(imported.net(x), want, atol=1e-6)
    tape = imported.net.run(x)
    signal = np.array([[1.0, 0, 0, 0]], "f4")
    grad = tape.project(signal, start="y")
    step = 1e-3 * grad / np.abs(grad).max()
    ends = [session.run(None, {"x": x + s * step})[0][0, 0] for s in (1, -1)]
    slope = float((grad * step).sum())
    np.testing.assert_allclose((ends[0] - ends[1]) / 2, slope, rtol=0.05)


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
