"""System 4: SqueezeNet's saliency for five pictures at once, and a class drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch_models
from command_line import fails, folder, noise, run
from PIL import Image

from numpy_deconv.io.weights import write_weights
from numpy_deconv.methods import class_visualization, saliency
from numpy_deconv.models import ARCHITECTURES, Model, model_from_weights

__all__ = ["folder"]

KNOWN = ARCHITECTURES["squeezenet1_1"]
TARGETS = [7, 0, 7, 281, 999]


@pytest.fixture(scope="module")
def weights() -> dict[str, Any]:
    return KNOWN.random_weights(seed=4)


@pytest.fixture(scope="module")
def model(weights: dict[str, Any]) -> Model:
    return model_from_weights(weights)


def test_five_pictures_with_a_label_each(model: Model, weights: dict[str, Any]) -> None:
    x = np.random.default_rng(0).normal(size=(5, 3, 65, 65)).astype("f4")
    found = saliency(model, x, TARGETS)
    assert found.pixels.shape == (5, 65, 65)
    assert found.target == TARGETS
    for sample, target in enumerate(TARGETS):
        alone = x[sample : sample + 1]
        (wanted,) = torch_models.saliency("squeezenet1_1", weights, alone, target)
        scale = wanted.max()
        np.testing.assert_allclose(found.pixels[sample], wanted, atol=1e-4 * scale)
        assert found.drawn(sample).shape == (65, 65, 3)


def test_the_command_for_five_pictures(folder: Path, weights: dict[str, Any]) -> None:
    write_weights("net.npz", weights)
    pictures = [noise(folder / f"p{n}.png", seed=n) for n in range(5)]
    words = [word for target in TARGETS for word in ("--target", target)]
    run("saliency", *pictures, *words, "--model", "net.npz", "--out", "out")
    assert {path.name for path in Path("out").iterdir()} == {
        "saliency.png",
        *(f"p{n}-saliency.png" for n in range(5)),
    }
    for number, target in enumerate(TARGETS):
        with Image.open(f"out/p{number}-saliency.png") as opened:
            text = opened.text["numpy_deconv.settings"]
        assert f'"target": {target},' in text
    message = fails("saliency", *pictures, *words[:4], "--model", "net.npz")
    assert "2 targets for a batch of 5: give one, or each" in message


def test_a_class_with_pictures_every_25_steps(model: Model, folder: Path) -> None:
    found = class_visualization(
        model, None, 5, preset="cs231n", steps=4, every=2, seed=2, size=(3, 65, 65)
    )
    assert [step for step, _ in found.snapshots] == [2, 4]
    write_weights("net.npz", KNOWN.weights_of(model.net))
    run(
        *("visualize-class", "--target", "5", "--model", "net.npz", "--steps", "2"),
        *("--preset", "cs231n_tensorflow", "--every", "1", "--out", "out"),
    )
    names = sorted(path.name for path in Path("out").iterdir())
    assert "class-005.png" in names
    assert len(names) >= 2
