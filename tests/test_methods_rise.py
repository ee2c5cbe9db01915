"""RISE: masks as the paper draws them, and what they find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_models import CLASSES, small_batch, small_model, small_net

from numpy_deconv import Sequential, softmax
from numpy_deconv.errors import OptionError
from numpy_deconv.layers import Conv, Flatten, GlobalAvgPool, Linear
from numpy_deconv.methods import rise
from numpy_deconv.methods.rise import _mask


def test_it_is_the_weighted_mean_of_its_masks() -> None:
    net, x = small_net(), small_batch(2)
    got = rise(net, x, [1, 4], masks=30, cells=5, seen=0.3, value=[1, 2, 3], seed=8)
    rng = np.random.default_rng(8)
    masks = [_mask(rng, (20, 24), 5, 0.3) for _ in range(30)]
    hidden = np.array([1.0, 2.0, 3.0])[:, None, None]
    for n, target in enumerate([1, 4]):
        total = np.zeros((20, 24))
        for mask in masks:
            scores = net(x[n : n + 1] * mask + hidden * (1 - mask))
            total += softmax(scores)[0, target] * mask
        np.testing.assert_allclose(got.pixels[n], total / 30 / 0.3, rtol=1e-12)
    assert got.masks == 30


def test_masks_are_smooth_and_as_dense_as_asked() -> None:
    rng = np.random.default_rng(0)
    masks = np.array([_mask(rng, (40, 30), 7, 0.25) for _ in range(500)])
    assert masks.shape == (500, 40, 30)
    assert masks.min() >= 0
    assert masks.max() <= 1
    np.testing.assert_allclose(masks.mean(axis=0), 0.25, atol=0.07)
    steps = np.abs(np.diff(masks, axis=1)).max(), np.abs(np.diff(masks, axis=2)).max()
    assert max(steps) < 8 / 30 + 0.1  # never from hidden to seen in one pixel


def test_it_finds_the_place_that_decides() -> None:
    """A net whose class 1 is the brightness of one corner."""
    corner = np.zeros((1, 1, 12, 12))
    corner[..., 8:, :4] = 1
    net = Sequential(
        {
            "look": Conv(corner),
            "flat": Flatten(),
            "fc": Linear(np.array([[0.0], [0.25]])),
        }
    )
    got = rise(net, np.ones((1, 1, 12, 12)), 1, masks=600, cells=3).pixels[0]
    inside = got[8:, :4].mean()
    assert inside > got[:4, 8:].mean() + 0.05
    assert got.argmax() in np.arange(144).reshape(12, 12)[6:, :6]


def test_memory_and_the_batch_change_nothing() -> None:
    net, x = small_net(), small_batch(2)
    want = rise(net, x, masks=20)
    np.testing.assert_allclose(rise(net, x, masks=20, memory=1).pixels, want.pixels)
    alone = rise(net, x[1:], masks=20)
    np.testing.assert_allclose(alone.pixels, want.pixels[1:])
    other = rise(net, x, masks=20, seed=1)
    assert np.abs(other.pixels - want.pixels).max() > 1e-3


def test_interruption_uses_the_masks_so_far() -> None:
    def stop(done: int, total: int) -> None:
        assert total == 40
        if done == 25:
            raise KeyboardInterrupt

    net, x = small_net(), small_batch(2)
    got = rise(net, x, masks=20, memory=1, progress=stop)
    assert got.settings["interrupted_at"] == 25
    assert got.masks == 5
    np.testing.assert_allclose(got.pixels[1], rise(net, x[1:], masks=5).pixels[0])


@pytest.mark.parametrize("size", [(11,), (9, 7), (5, 6, 4)])
def test_any_number_of_axes(size: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    net = Sequential(
        {
            "conv": Conv(rng.normal(size=(2, 3, *[2] * len(size)))),
            "mean": GlobalAvgPool(),
            "flat": Flatten(),
        }
    )
    got = rise(net, rng.normal(size=(1, 3, *size)), masks=3, cells=2)
    assert got.pixels.shape == (1, *size)


def test_the_picture() -> None:
    model, x = small_model(), small_batch(dtype="float32")
    got = rise(model, x, masks=4)
    assert got.image().size == (24, 20)
    assert got.settings["method"] == "rise"
    assert got.settings["value"] == [0.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"masks": 0}, "masks must be a whole number of at least 1, got 0"),
        ({"cells": 0}, "cells must be a whole number of at least 1, got 0"),
        ({"seen": 0}, "seen must be between 0 and 1, got 0"),
        ({"seen": 1.0}, "seen must be between 0 and 1, got 1.0"),
        ({"value": (1, 2)}, "value has 2 numbers for 3 channels"),
        ({"seed": -3}, "seed must be a whole number of at least 0, got -3"),
        ({"target": CLASSES}, "class 6 does not exist"),
    ],
)
def test_wrong_options(options: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        rise(small_net(), small_batch(), **options)
