"""Architectures as data: parameter tables, checks, random weights, built nets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch_models

from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.layers import LocalResponseNorm
from numpy_deconv.models import ARCHITECTURES, Architecture

PARAMETER_COUNTS = {
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "vgg11_bn": 132_868_840,
    "vgg13_bn": 133_053_736,
    "vgg16_bn": 138_365_992,
    "vgg19_bn": 143_678_248,
    "squeezenet1_0": 1_248_424,
    "squeezenet1_1": 1_235_496,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "mobilenet_v2": 3_504_872,
    "efficientnet_lite0": 4_652_008,
    "efficientnet_lite1": 5_416_680,
    "efficientnet_lite2": 6_092_072,
    "efficientnet_lite3": 8_197_096,
    "efficientnet_lite4": 13_006_568,
}
"""Trainable parameters as published with the trained weights."""

BATCH_STATISTICS = (".running_mean", ".running_var")


def relative_error(actual: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> float:
    return float(np.abs(actual - wanted).max() / np.abs(wanted).max())


def shuffled_statistics(
    architecture: Architecture, classes: int
) -> dict[str, np.ndarray[Any, Any]]:
    """Random weights whose biases and batch norms are not the identity either."""
    rng = np.random.default_rng(5)
    weights: dict[str, np.ndarray[Any, Any]] = dict(
        architecture.random_weights(seed=1, classes=classes)
    )
    for key, array in weights.items():
        if array.ndim == 1:
            low, high = (0.5, 1.5) if array.any() else (-0.2, 0.2)
            weights[key] = rng.uniform(low, high, array.shape).astype(np.float32)
    return weights


@pytest.mark.parametrize("name", torch_models.TWINS)
def test_keys_and_shapes_are_those_of_the_torch_module(name: str) -> None:
    shapes = torch_models.parameter_shapes(name)
    assert list(ARCHITECTURES[name].parameters().items()) == list(shapes.items())


@pytest.mark.parametrize("name", PARAMETER_COUNTS)
def test_number_of_parameters_is_the_published_one(name: str) -> None:
    count = sum(
        math.prod(shape)
        for key, shape in ARCHITECTURES[name].parameters().items()
        if not key.endswith(BATCH_STATISTICS)
    )
    assert count == PARAMETER_COUNTS[name]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("alexnet", (224, 224)),
        ("vgg16", (64, 96)),
        ("vgg11_bn", (45, 32)),
        ("squeezenet1_0", (101, 131)),
        ("squeezenet1_1", (97, 131)),
        ("resnet18", (65, 98)),
        ("resnet50", (64, 75)),
        ("mobilenet_v2", (97, 66)),
        ("efficientnet_lite0", (97, 130)),
        ("efficientnet_lite2", (65, 98)),
    ],
)
def test_output_equals_torch(name: str, size: tuple[int, int]) -> None:
    architecture = ARCHITECTURES[name]
    weights = shuffled_statistics(architecture, classes=7)
    x = np.random.default_rng(2).standard_normal((2, 3, *size), dtype=np.float32)
    y = architecture.build(weights).run(x).output
    assert y.dtype == np.float32
    assert relative_error(y, torch_models.logits(name, weights, x)) < 1e-4


def test_zfnet_has_the_planes_of_figure_3() -> None:
    zfnet = ARCHITECTURES["zfnet"]
    net = zfnet.build(zfnet.random_weights(classes=3))
    tape = net.run(np.zeros((1, 3, 224, 224), np.float32))
    names = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5")
    planes = [tape[name].shape[1:] for name in names]
    assert planes == [
        (96, 110, 110),
        (96, 55, 55),
        (256, 26, 26),
        (256, 13, 13),
        (384, 13, 13),
        (384, 13, 13),
        (256, 13, 13),
        (256, 6, 6),
    ]
    assert tape["fc6"].shape == tape["fc7"].shape == (1, 4096)
    assert tape.output.shape == (1, 3)
    assert tape["norm1"].shape == tape["pool1"].shape


def test_zfnet_normalises_with_the_constants_it_states() -> None:
    rows = [
        row for row in ARCHITECTURES["zfnet"].rows if row.layer is LocalResponseNorm
    ]
    assert [row.name for row in rows] == ["norm1", "norm2"]
    for row in rows:
        assert row.options == {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 2.0}


def test_alexnet_227_has_the_planes_of_the_paper() -> None:
    alexnet = ARCHITECTURES["alexnet_227"]
    weights = alexnet.random_weights()
    x = np.random.default_rng(0).standard_normal((1, 3, 227, 227), dtype=np.float32)
    tape = alexnet.build(weights).run(x)
    planes = [tape[name].shape[1:] for name in ("conv1", "pool1", "pool2", "pool5")]
    assert planes == [(96, 55, 55), (96, 27, 27), (256, 13, 13), (256, 6, 6)]
    assert tape.output.shape == (1, 5)
    # A padding of 1 would give planes of the same size.
    corner = np.tensordot(weights["features.0.weight"], x[0, :, :11, :11], 3)
    np.testing.assert_allclose(tape["conv1"][0, :, 0, 0], corner, rtol=1e-4, atol=1e-4)


def test_vgg16_maxpool_ends_in_one_number_per_channel() -> None:
    vgg = ARCHITECTURES["vgg16_maxpool"]
    tape = vgg.build(vgg.random_weights()).run(np.ones((2, 3, 32, 48), np.float32))
    assert tape["conv5_3"].shape == (2, 512, 2, 3)
    highest = tape["relu5_3"].max(axis=(2, 3))
    np.testing.assert_array_equal(tape["pool5"].reshape(2, 512), highest)
    assert tape.output.shape == (2, 12)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_every_table_holds_together(architecture: Architecture) -> None:
    names = [row.name for row in architecture.rows]
    assert len(set(names)) == len(names)
    seen = {"input"}
    for row in architecture.rows:
        assert set(row.inputs) <= seen, row.name
        assert bool(row.key) == bool(row.shapes), row.name
        seen.add(row.name)
    assert architecture.classifier.shapes["weight"][0] == architecture.classes


def test_nodes_have_the_names_people_use() -> None:
    def names(name: str) -> list[str]:
        return [row.name for row in ARCHITECTURES[name].rows]

    assert {"conv1", "relu1", "pool1", "conv5", "fc6", "relu6"} <= {*names("alexnet")}
    assert names("vgg16")[:5] == ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1"]
    assert names("vgg11_bn")[:3] == ["conv1_1", "bn1_1", "relu1_1"]
    assert names("squeezenet1_0")[3:10] == [
        "fire2/squeeze1x1",
        "fire2/relu_squeeze1x1",
        "fire2/expand1x1",
        "fire2/relu_expand1x1",
        "fire2/expand3x3",
        "fire2/relu_expand3x3",
        "fire2/concat",
    ]
    residual = {"layer1.0/conv1", "layer2.0/downsample", "layer4.1/relu", "fc"}
    assert residual <= {*names("resnet18")}
    lite = {"stem", "block0/depthwise", "block3/expand", "block4/add", "head", "fc"}
    assert lite <= {*names("efficientnet_lite0")}


def test_check_lists_everything_that_is_wrong_at_once() -> None:
    alexnet = ARCHITECTURES["squeezenet1_1"]
    weights: dict[str, np.ndarray[Any, Any]] = dict(alexnet.random_weights())
    weights["head.weight"] = weights.pop("features.0.weight")
    del weights["features.3.squeeze.weight"], weights["features.3.squeeze.bias"]
    weights["features.4.expand1x1.bias"] = np.zeros((3, 2), np.float32)
    with pytest.raises(FileFormatError) as caught:
        alexnet.check(weights)
    assert str(caught.value).splitlines() == [
        "these weights are not squeezenet1_1's (48 of its 52 parameters fit):",
        "  missing: features.0.weight, features.3.squeeze.{weight, bias}",
        "  not part of it: head.weight",
        "  wrong shape: features.4.expand1x1.bias is (3, 2), needs (64,)",
    ]
    with pytest.raises(FileFormatError, match="these weights are not squeezenet1_1's"):
        alexnet.build(weights)


def test_another_number_of_classes_fits_if_it_is_consistent() -> None:
    squeezenet = ARCHITECTURES["squeezenet1_1"]
    weights: dict[str, np.ndarray[Any, Any]] = dict(
        squeezenet.random_weights(classes=5)
    )
    squeezenet.check(weights)
    weights["classifier.1.bias"] = np.zeros(1000, np.float32)
    with pytest.raises(FileFormatError, match=r"1\.bias is \(1000,\), needs \(5,\)"):
        squeezenet.check(weights)
    weights["classifier.1.weight"] = np.array(1.0)
    with pytest.raises(FileFormatError, match=r"1\.weight is \(\), needs \(1000, 512"):
        squeezenet.check(weights)


def test_random_weights_are_he_normal_and_reproducible() -> None:
    architecture = ARCHITECTURES["efficientnet_lite0"]
    weights = architecture.random_weights(seed=4)
    again = architecture.random_weights(seed=4)
    other = architecture.random_weights(seed=5)
    assert {key: array.shape for key, array in weights.items()} == (
        architecture.parameters()
    )
    for key, array in weights.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, again[key])
        if array.ndim > 1:
            assert (array != other[key]).mean() > 0.99
            wanted = math.sqrt(2 / math.prod(array.shape[1:]))
            assert abs(array.std() / wanted - 1) < 5 / math.sqrt(2 * array.size)
            assert abs(array.mean()) < 5 * wanted / math.sqrt(array.size)
        else:
            scale = key.endswith((".running_var", ".weight"))
            np.testing.assert_array_equal(array, float(scale))


def test_layers_of_one_shape_have_different_random_weights() -> None:
    weights = ARCHITECTURES["squeezenet1_1"].random_weights()
    one, other = (weights[f"features.{index}.expand3x3.weight"] for index in (3, 4))
    assert one.shape == other.shape
    assert (one != other).mean() > 0.99


def test_classes_change_nothing_but_the_classifier() -> None:
    architecture = ARCHITECTURES["squeezenet1_0"]
    five = architecture.random_weights(seed=4, classes=5)
    for key, array in architecture.random_weights(seed=4).items():
        if key.startswith("classifier."):
            assert five[key].shape == (5, *array.shape[1:])
        else:
            np.testing.assert_array_equal(five[key], array)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed is -1, but must be 0 or more"),
        ({"classes": 0}, "classes is 0, but must be 1 or more"),
    ],
)
def test_random_weights_refuse(options: dict[str, int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ARCHITECTURES["alexnet"].random_weights(**options)
