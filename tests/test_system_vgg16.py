"""System 5: what VGG-16's layers put out, before and after their rectifiers, and any
of its weights by its key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import folder, run
from PIL import Image

from numpy_deconv.io.weights import write_weights
from numpy_deconv.methods import feature_maps, filters
from numpy_deconv.models import ARCHITECTURES, Model, model_from_weights

torch = pytest.importorskip("torch")
__all__ = ["folder"]

# VGG-16's convolutions; the classifier is a small one, to be quick.
KNOWN = ARCHITECTURES["vgg16_maxpool"]
LAYERS = {"conv1_1": 0, "conv3_1": 10, "conv5_3": 28}


@pytest.fixture(scope="module")
def model() -> Model:
    return model_from_weights(KNOWN.random_weights(seed=5, classes=3))


@pytest.fixture(scope="module")
def outputs(model: Model) -> dict[int, Any]:
    """Every output of torch's layers, by their number in ``features``."""
    weights = {k: torch.from_numpy(v) for k, v in KNOWN.weights_of(model.net).items()}
    value = torch.from_numpy(picture())
    found = {}
    for number in range(30):
        if f"features.{number}.weight" in weights:
            kernel, bias = (
                weights[f"features.{number}.{w}"] for w in ("weight", "bias")
            )
            value = torch.nn.functional.conv2d(value, kernel, bias, padding=1)
        elif f"features.{number - 1}.weight" in weights:
            value = value.relu()
        else:
            value = torch.nn.functional.max_pool2d(value, 2)
        found[number] = value.numpy()
    return found


def picture() -> Any:
    return np.random.default_rng(3).normal(size=(1, 3, 64, 48)).astype("f4")


@pytest.mark.parametrize(("layer", "number"), LAYERS.items())
def test_activations_before_and_after_the_rectifier(
    model: Model, outputs: dict[int, Any], layer: str, number: int
) -> None:
    before = feature_maps(model, picture(), layer, maps=range(30), columns=5)
    rectifier = layer.replace("conv", "relu")
    after = feature_maps(model, picture(), rectifier, maps=range(30), columns=5)
    for found, wanted in ((before, outputs[number]), (after, outputs[number + 1])):
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(found.pixels, wanted[0, :30], atol=1e-4 * scale)
    assert before.pixels.min() < 0 == after.pixels.min()
    tile = before.tiles[0].shape[1] * max(1, 96 // max(before.tiles[0].shape[:2]))
    assert len(before.tiles) == 30
    assert before.drawn().shape[1] == 5 * tile + 4 * 2
    for picture_of_map in before.tiles:
        assert (picture_of_map == picture_of_map[..., :1]).all()  # grey


@pytest.mark.parametrize("key", ["features.0.weight", "features.28.weight"])
def test_weights_by_their_key(model: Model, key: str) -> None:
    weights = KNOWN.weights_of(model.net)
    np.testing.assert_array_equal(filters(model, key).pixels, weights[key])


def test_the_commands(model: Model, folder: Path) -> None:
    write_weights("cats.npz", KNOWN.weights_of(model.net))
    for layer in ("conv5_3", "relu5_3"):
        run(
            *("maps", "--model", "cats.npz", "--layer", layer, "--out", "out"),
            *("--unit", "0-29", "--columns", "5"),
        )
    key = "features.0.weight"
    run("filters", "--model", "cats.npz", "--layer", key, "--out", "out")
    assert {path.name for path in Path("out").iterdir()} == {
        "cat-conv5_3-maps.png",
        "cat-relu5_3-maps.png",
        "features.0.weight-filters.png",
    }
    with Image.open("out/cat-conv5_3-maps.png") as opened:
        width, height = opened.size
    assert (width + 2) * 6 == (height + 2) * 5  # five to a row
