"""SmoothGrad: the statistics of gradients over noisy copies, against Captum's."""

from __future__ import annotations

from typing import Any

import captum_peer
import numpy as np
import pytest
import small_nets
from agreement import assert_agrees
from small_models import small_batch, small_model, small_net

from numpy_deconv.errors import OptionError
from numpy_deconv.methods import guided_backprop, saliency, smoothgrad
from numpy_deconv.rules import GUIDED

CAPTUM = {"mean": "smoothgrad", "squared": "smoothgrad_sq", "variance": "vargrad"}


def noise_of(x: Any, samples: int, share: float, seed: int) -> Any:
    """The same draw for every sample, scaled by the range of each."""
    drawn = np.random.default_rng(seed).standard_normal((samples, *x.shape[1:]))
    ranges = [share * (one.max() - one.min()) for one in x]
    return np.stack([(sigma * drawn).astype(x.dtype) for sigma in ranges])


@pytest.mark.parametrize("statistic", CAPTUM)
@pytest.mark.parametrize("name", small_nets.CLASSIFIERS)
def test_it_is_captum_s(name: str, statistic: str) -> None:
    net, x = (
        small_nets.make(name, 1),
        small_nets.images(2, count=2) * [[[[1]]], [[[3]]]],
    )
    noise = noise_of(x, 7, 0.3, seed=5)
    want = captum_peer.smoothgrad(net, x, noise, [3, 1], CAPTUM[statistic])
    got = smoothgrad(net, x, [3, 1], samples=7, noise=0.3, statistic=statistic, seed=5)
    assert want.any()
    assert_agrees(got.pixels / np.abs(want).max(), want / np.abs(want).max(), 1e-10)
    assert got.sigma == pytest.approx([0.3 * np.ptp(one) for one in x])


def test_in_float32_too() -> None:
    net, x = small_net(dtype="float32"), small_batch(2, "float32")
    noise = noise_of(x, 25, 0.15, seed=0)
    want = captum_peer.smoothgrad(net, x, noise, [0, 5], "smoothgrad")
    got = smoothgrad(net, x, [0, 5])
    assert got.pixels.dtype == np.float32
    assert np.abs(got.pixels - want).max() < 1e-5 * np.abs(want).max()


def test_without_noise_it_is_the_gradient() -> None:
    net, x = small_net(), small_batch(2)
    got = smoothgrad(net, x, 2, noise=0, samples=3)
    np.testing.assert_allclose(
        np.abs(got.pixels).max(axis=1), saliency(net, x, 2).pixels, atol=1e-14
    )
    spread = smoothgrad(net, x, 2, noise=0, samples=3, statistic="variance")
    assert np.abs(spread.pixels).max() < 1e-14


def test_other_rules_are_smoothed_too() -> None:
    net, x = small_net(), small_batch()
    got = smoothgrad(net, x, 2, noise=0, samples=1, rules=GUIDED)
    np.testing.assert_array_equal(got.pixels, guided_backprop(net, x, 2).pixels)
    assert got.settings["rule.ReLU"] == "rectify_both"


def test_neither_memory_nor_the_batch_changes_the_noise() -> None:
    net, x = small_net(), small_batch(3)
    want = smoothgrad(net, x, 1, samples=20)
    small = smoothgrad(net, x, 1, samples=20, memory=1)
    alone = smoothgrad(net, x[2:], 1, samples=20)
    np.testing.assert_allclose(small.pixels, want.pixels, atol=1e-14)
    np.testing.assert_allclose(alone.pixels, want.pixels[2:], atol=1e-14)
    other = smoothgrad(net, x, 1, samples=20, seed=1)
    assert np.abs(other.pixels - want.pixels).max() > 1e-3


def test_interruption_uses_the_copies_so_far() -> None:
    def stop(done: int, total: int) -> None:
        assert total == 40
        if done == 26:
            raise KeyboardInterrupt

    net, x = small_net(), small_batch(2)
    got = smoothgrad(net, x, 1, samples=20, memory=1, progress=stop)
    assert got.settings["interrupted_at"] == 26
    assert len(got.pixels) == len(got.sigma) == 2
    six = smoothgrad(net, x[1:], 1, samples=6)
    np.testing.assert_allclose(got.pixels[1:], six.pixels, atol=1e-14)

    def at_once(done: int, total: int) -> None:
        raise KeyboardInterrupt

    assert len(smoothgrad(net, x, 1, progress=at_once, memory=1).pixels) == 1


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(channels: int) -> None:
    net, x = small_net(channels=channels), small_batch(channels=channels)
    got = smoothgrad(net, x, samples=2)
    assert got.pixels.shape == x.shape
    assert got.image().size == (24, 20)


def test_the_picture_is_hot_where_the_gradient_is_large() -> None:
    got = smoothgrad(small_model(), small_batch(dtype="float32"), samples=2)
    plane = np.abs(got.pixels[0]).max(axis=0)
    picture = got.drawn().astype(int).sum(axis=2)
    assert picture.flat[plane.argmax()] == 3 * 255
    assert picture.flat[plane.argmin()] < 60


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "samples must be a whole number of at least 1, got 0"),
        ({"noise": -0.1}, "noise must be finite and not negative, got -0.1"),
        ({"noise": np.inf}, "noise must be finite and not negative, got inf"),
        ({"noise": np.nan}, "noise must be a number, got NaN"),
        ({"noise": "much"}, "noise must be a real number, got 'much'"),
        ({"statistic": "median"}, "statistic='median' is not known: use one of"),
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
    ],
)
def test_wrong_options(options: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        smoothgrad(small_net(), small_batch(), **options)
