"""Weights of other frameworks in this library's nets give the frameworks' outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from weight_files import expected, put

from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.io.weights import read_weight_file, write_weights
from numpy_deconv.layers import AdaptiveAvgPool, AdaptiveMaxPool, Concat, Conv
from numpy_deconv.models import ARCHITECTURES, Architecture, Preprocess, load_model
from numpy_deconv.models.layouts import by_layer, turned
from numpy_deconv.models.mapping import BY_NAME, BY_SHAPE, map_weights
from numpy_deconv.models.planes import planes
from numpy_deconv.models.row import (
    Row,
    batch_norm,
    conv,
    flatten,
    linear,
    max_pool,
    relu,
)

ALEXNET = ARCHITECTURES["alexnet_227"]
SQUEEZENET = ARCHITECTURES["squeezenet1_1"]


def tiny(size: tuple[int, int], *rows: Row) -> Architecture:
    plain = Preprocess(size=size, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return Architecture("tiny", rows, plain, "these tests")


def depthwise(name: str, key: str, channels: int, out: int, *, bias: bool) -> Row:
    return conv(name, key, channels, out, 3, padding="same", groups=channels, bias=bias)


PADDLE = tiny(
    (8, 8),
    conv("conv", "conv", 3, 4, 3, padding=1),
    batch_norm("bn", "bn", 4),
    relu("relu"),
    max_pool("pool", 2, 2),
    flatten(),
    linear("fc", "fc", 64, 5),
)
# As make_weight_files.py builds it; its planes are not square when flattened.
KERAS = tiny(
    (9, 11),
    Row(
        "conv1",
        Conv,
        key="c1",
        shapes={"weight": (4, 3, 3, 2), "bias": (4,)},
        options={"padding": "same"},
    ),
    batch_norm("bn1", "b1", 4, eps=1e-3),
    relu("relu1"),
    depthwise("depth2", "c2", 4, 8, bias=True),
    conv("conv3", "c3", 8, 6, 1, bias=False),
    max_pool("pool3", 2, 2),
    depthwise("depth4", "c4", 6, 6, bias=False),
    conv("point4", "c5", 6, 5, 1),
    flatten(),
    linear("fc6", "f6", 100, 7),
    relu("relu6"),
    linear("fc7", "f7", 7, 1000),
)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_paddle_s_outputs(tmp_path: Path, protocol: int) -> None:
    file = read_weight_file(put(tmp_path, f"p{protocol}.pdparams"))
    mapped = map_weights(file.arrays, layout=file.layout, architecture=PADDLE)
    assert mapped.how == BY_NAME
    assert mapped.sources["fc.weight"] == "fc.weight"
    arrays = expected("paddle")
    found = PADDLE.build(mapped.weights)(arrays["x"])
    np.testing.assert_allclose(found, arrays["y"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["whole.h5", "whole.keras", "bare.weights.h5"])
def test_keras_s_outputs(tmp_path: Path, name: str) -> None:
    file = read_weight_file(put(tmp_path, name))
    mapped = map_weights(file.arrays, layout=file.layout, architecture=KERAS)
    assert mapped.how == BY_SHAPE
    assert mapped.sources["c1.weight"] == "first.kernel"
    assert mapped.sources["c4.weight"] == "separable_conv2d.depthwise_kernel"
    assert mapped.sources["b1.running_var"] == "batch_normalization.moving_variance"
    assert set(mapped.sources.values()) == set(file.arrays)
    assert mapped.sources.keys() == mapped.weights.keys()
    arrays = expected("keras")
    found = KERAS.build(mapped.weights)(arrays["x"].transpose(0, 3, 1, 2))
    np.testing.assert_allclose(found, arrays["y"], rtol=1e-5, atol=1e-6)
    assert all(array.flags.c_contiguous for array in mapped.weights.values())


def test_planes_from_the_table_are_those_of_a_run() -> None:
    for architecture in ARCHITECTURES.values():
        if architecture.name in ("alexnet", "squeezenet1_0", "emoji_zfnet"):
            net = architecture.build(architecture.random_weights(classes=3))
            size = architecture.preprocess.size
            tape = net.run(np.zeros((1, 3, *size), np.float32), keep=())
            sizes = planes(architecture)
            assert {name: tape.shape(name)[2:] for name in net} == {
                name: sizes[name] for name in net
            }


def test_planes_of_pools_to_a_size() -> None:
    rows = [
        Row("a", AdaptiveAvgPool, options={"output_size": (3, 2)}),
        Row("b", AdaptiveMaxPool, options={"output_size": 2}),
        Row("c", Concat, ("b", "b")),
    ]
    sizes = planes(tiny((9, 8), *rows))
    assert sizes == {"input": (9, 8), "a": (3, 2), "b": (2, 2), "c": (2, 2)}


def renamed(weights: dict[str, Any], change: Any) -> dict[str, Any]:
    return {change(key): array for key, array in weights.items()}


def test_prefixes_that_all_share() -> None:
    weights = SQUEEZENET.random_weights(classes=3)
    for prefix in ("module.", "backbone.body.", "a.b.c."):
        mapped = map_weights(renamed(weights, lambda key, p=prefix: p + key))
        assert mapped.architecture is SQUEEZENET
        assert mapped.how == BY_NAME
        assert mapped.sources["features.0.bias"] == f"{prefix}features.0.bias"
    half = renamed(weights, lambda key: f"a.{key}" if "bias" in key else key)
    with pytest.raises(FileFormatError, match="nearest is squeezenet1_1"):
        map_weights(half)


def other_classifier(key: str) -> str:
    """Keys of an AlexNet whose dropout comes first in the classifier."""
    numbers = {"classifier.0": "head.1", "classifier.3": "head.4"}
    layer, _, word = key.rpartition(".")
    return f"{numbers.get(layer, layer.replace('classifier.5', 'head.6'))}.{word}"


def test_other_names_need_the_architecture_s(tmp_path: Path) -> None:
    weights = renamed(SQUEEZENET.random_weights(classes=4), lambda key: f"x_{key}")
    message = "shapes of squeezenet1_1 in its order, but other names .*say so with"
    with pytest.raises(FileFormatError, match=message):
        map_weights(weights)
    path = tmp_path / "mine.npz"
    write_weights(path, weights)
    with pytest.raises(
        FileFormatError, match=r"mine\.npz: these .* squeezenet1_1:FILE"
    ):
        load_model(path)
    for model in (
        load_model(f"squeezenet1_1:{path}"),
        load_model(path, architecture="squeezenet1_1"),
    ):
        assert model.weights_source == f"{path} (matched by shape and order)"
        found = model.net.params["fire4/expand3x3.weight"]
        assert (found == weights["x_features.6.expand3x3.weight"]).all()
        assert not found.flags.writeable
    with pytest.raises(OptionError, match="or squeezenet1_1:FILE for a file of its"):
        load_model("squeezenet1_1:not_there.npz")


def test_shapes_that_do_not_all_fit(tmp_path: Path) -> None:
    file = read_weight_file(put(tmp_path, "whole.keras"))
    arrays = dict(file.arrays) | {"more.kernel": np.zeros((2, 2), "f4")}
    del arrays["conv2d.kernel"]
    with pytest.raises(FileFormatError) as caught:
        map_weights(arrays, layout="keras", architecture=KERAS)
    assert str(caught.value).splitlines() == [
        "these weights are not tiny's (7 of its 8 layers find one of their shape):",
        "  missing: conv3 (6, 8, 1, 1)",
        "  not part of it: more.weight",
    ]


def test_nothing_to_map() -> None:
    with pytest.raises(FileFormatError, match="there are no arrays in these weights"):
        map_weights({}, architecture=ALEXNET)
    with pytest.raises(FileFormatError, match="there are no arrays in these weights"):
        map_weights({"bn.num_batches_tracked": np.array(3)})


def test_a_separable_convolution_is_two_layers_in_its_place() -> None:
    arrays = {
        "a.kernel": np.zeros(1),
        "s.depthwise_kernel": np.zeros(2),
        "s.pointwise_kernel": np.zeros(3),
        "s.bias": np.zeros(4),
        "d.depthwise_kernel": np.zeros(5),
        "z.gamma": np.zeros(6),
    }
    layers = by_layer(arrays)
    words = {layer: list(held) for layer, held in layers.items()}
    assert list(words.items()) == [
        ("a", ["weight"]),
        ("s.depthwise", ["weight"]),
        ("s.pointwise", ["weight", "bias"]),
        ("d", ["weight"]),
        ("z", ["weight"]),
    ]


def test_arrays_of_the_wrong_rank_are_left_as_they_are() -> None:
    row = linear("fc", "fc", 12, 5)
    cube = np.zeros((2, 3, 4))
    assert turned(cube, row, "weight", "paddle", ()) is cube
    flat = np.zeros((13, 5))
    assert turned(flat, row, "weight", "keras", (2, 3)) is flat
    assert turned(flat, row, "bias", "keras", (2, 3)) is flat
    kernel = np.zeros((4, 3, 2, 2))
    assert turned(kernel, conv("c", "c", 3, 4, 2), "weight", "paddle", ()) is kernel
