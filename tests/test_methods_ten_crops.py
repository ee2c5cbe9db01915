"""Saliency of ten crops: each where it lies, mirrored back, and their mean."""

from __future__ import annotations

import numpy as np
import pytest
from small_models import small_model, small_net

from numpy_deconv.errors import ShapeError
from numpy_deconv.methods import saliency, ten_crop_saliency
from numpy_deconv.methods.ten_crops import crop_places

SIZE = (20, 24)


def larger(batch: int = 2) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(batch, 3, 23, 30))


def test_crops_of_the_pictures_own_size_are_two() -> None:
    net, x = small_net(), larger()[:, :, :20, :24]
    found = ten_crop_saliency(net, x, 2, size=SIZE)
    straight = saliency(net, x, 2).pixels
    mirrored = saliency(net, x[..., ::-1], 2).pixels[..., ::-1]
    np.testing.assert_allclose(found.pixels, (straight + mirrored) / 2, atol=1e-12)


def test_each_pixel_is_the_mean_of_the_crops_that_hold_it() -> None:
    net, x = small_net(), larger(1)
    found = ten_crop_saliency(net, x, 1, size=SIZE)
    assert found.pixels.shape == (1, 23, 30)
    corner = x[:, :, :20, :24]
    straight = saliency(net, corner, 1).pixels[0, 0, 0]
    mirrored = saliency(net, corner[..., ::-1], 1).pixels[0, 0, -1]
    assert found.pixels[0, 0, 0] == pytest.approx((straight + mirrored) / 2)
    every = [
        saliency(net, crop, 1).pixels[0, 10 - top, column]
        for top, left, flipped in crop_places((23, 30), SIZE)
        for crop in [x[:, :, top : top + 20, left : left + 24][..., :: 1 - 2 * flipped]]
        for column in [(23 - (15 - left)) if flipped else 15 - left]
    ]
    assert found.pixels[0, 10, 15] == pytest.approx(np.mean(every))


def test_the_class_is_that_of_the_mean_score() -> None:
    net, x = small_net(), larger()
    scores = sum(
        net(x[:, :, top : top + 20, left : left + 24][..., :: 1 - 2 * flipped])
        for top, left, flipped in crop_places((23, 30), SIZE)
    )
    found = ten_crop_saliency(net, x, size=SIZE)
    assert found.target == scores.argmax(axis=1).tolist()
    np.testing.assert_allclose(found.scores, scores.max(axis=1) / 10)
    assert found.settings["crops"] == 10 and found.settings["crop"] == SIZE
    assert found.drawn().shape == (23, 30, 3)


def test_a_model_knows_the_size_of_its_crops() -> None:
    model = small_model()
    height, width = model.preprocess.size
    x = np.zeros((1, 3, height + 2, width + 1), np.float32)
    assert ten_crop_saliency(model, x).settings["crop"] == (height, width)


def test_crops_that_do_not_fit() -> None:
    net, x = small_net(), larger()
    with pytest.raises(ShapeError, match="crops of 24 x 24 do not fit into pictures"):
        ten_crop_saliency(net, x, size=24)
    with pytest.raises(ShapeError, match=r"need size=\(height, width\), and pictures"):
        ten_crop_saliency(net, x)
