from __future__ import annotations

import json

import pytest
from PIL import Image
from small_models import small_batch, small_model

import numpy_deconv as nd
from numpy_deconv.errors import OptionError
from numpy_deconv.methods import deconvnet, saliency


def test_settings_travel_in_the_png(tmp_path):
    result = deconvnet(small_model(), small_batch(dtype="float32"), "relu1", top=2)
    result.save(tmp_path / "new" / "relu1.png")
    with Image.open(tmp_path / "new" / "relu1.png") as image:
        settings = json.loads(image.text["numpy_deconv.settings"])
        assert nd.__version__ in image.text["Software"]
    assert settings["method"] == "deconvnet"
    assert settings["layer"] == "relu1"
    assert settings["backend"] == "numpy"
    assert settings["rule.ReLU"] == "rectify_signal"
    assert settings["rule.MaxPool"] == "scatter(sum)"
    assert settings["start"] == "activation"
    assert [u[1] for u in settings["units"]] == [u.map for u in result.units]


def test_only_png(tmp_path):
    result = saliency(small_model(), small_batch(dtype="float32"))
    with pytest.raises(OptionError, match=r"give it the suffix \.png"):
        result.save(tmp_path / "saliency.jpg")
    assert not list(tmp_path.iterdir())
