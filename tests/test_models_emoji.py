"""The network that comes trained with the library, against its card."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from numpy_deconv.io.weights import read_weights
from numpy_deconv.layers import Conv, Linear, MaxPool
from numpy_deconv.models import ARCHITECTURES, Model, Row, load_model
from numpy_deconv.models.labels import DATA

EMOJI = ARCHITECTURES["emoji_zfnet"]
Card = dict[str, Any]


@pytest.fixture(scope="module")
def card() -> Card:
    text = (DATA / "emoji_zfnet.json").read_text(encoding="utf-8")
    parsed: Card = json.loads(text)
    return parsed


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


def described(row: Row) -> Card:
    """The row in the words of the card."""
    entry: Card = {"name": row.name, "type": row.layer.__name__}
    options = row.options
    if row.layer is Conv:
        out, channels, *kernel = row.shapes["weight"]
        entry |= {"in_channels": channels, "out_channels": out, "kernel": kernel}
        entry |= {"stride": [options["stride"]] * 2}
        entry |= {"padding": [options["padding"]] * 2}
    elif row.layer is Linear:
        out, features = row.shapes["weight"]
        entry |= {"in_features": features, "out_features": out}
    elif row.layer is MaxPool:
        entry |= {"kernel": [options["kernel_size"]] * 2}
        entry |= {"stride": [options["stride"]] * 2}
        entry |= {"padding": [0, 0], "ceil_mode": options["ceil_mode"]}
    return entry


def test_the_table_is_the_network_that_was_trained(card: Card) -> None:
    assert [described(row) for row in EMOJI.rows] == card["layers"]


def test_preprocessing_is_that_of_the_training(card: Card) -> None:
    assert list(EMOJI.preprocess.size) == card["input_size"]
    assert list(EMOJI.preprocess.mean) == card["mean"]
    assert list(EMOJI.preprocess.std) == card["std"]
    assert EMOJI.preprocess.interpolation == "bicubic"
    assert EMOJI.preprocess.resize_short == min(card["input_size"])


def test_it_is_the_default_model_with_its_own_labels(model: Model, card: Card) -> None:
    assert model.name == "emoji_zfnet"
    assert model.weights_source == "shipped: emoji_zfnet.safetensors"
    assert list(model.labels) == card["labels"]
    assert load_model("emoji_zfnet").labels == model.labels


def test_stored_half_precision_becomes_float32(model: Model) -> None:
    stored = read_weights(DATA / "emoji_zfnet.safetensors")
    for row in EMOJI.rows:
        for parameter in row.shapes:
            used = model.net.params[f"{row.name}.{parameter}"]
            assert used.dtype == np.float32
            np.testing.assert_array_equal(used, stored[f"{row.key}.{parameter}"])


def drawing(kind: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A heart or a smiling face, painted from formulas on white."""
    y, x = np.mgrid[1.3:-1.3:96j, -1.3:1.3:96j]
    picture = np.full((96, 96, 3), 255, np.uint8)
    if kind == "heart":
        picture[(x**2 + y**2 - 1) ** 3 < x**2 * y**3] = (221, 46, 68)
    else:
        picture[x**2 + y**2 < 1.2] = (255, 204, 77)
        for side in (-0.4, 0.4):
            picture[(x - side) ** 2 / 0.5 + (y - 0.3) ** 2 < 0.04] = (102, 69, 0)
        mouth = (x**2 + (y + 0.1) ** 2 < 0.36) & (y < -0.2)
        picture[mouth] = (102, 69, 0)
    return picture


@pytest.mark.parametrize("kind", ["heart", "smiley"])
def test_it_names_what_is_drawn(model: Model, kind: str) -> None:
    logits = model.net(model.preprocess(drawing(kind)))[0]
    assert model.label(int(logits.argmax())) == kind
    assert math.isfinite(np.abs(logits).max())
