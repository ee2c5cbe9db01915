"""Inversion: the layer takes what is found for what it was shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_models import small_batch, small_model, small_net

from numpy_deconv.errors import NetError, OptionError
from numpy_deconv.layers import Conv, ReLU
from numpy_deconv.methods import INVERSIONS, invert
from numpy_deconv.methods.ascent import Momentum, Power
from numpy_deconv.net import Sequential


def photograph() -> np.ndarray:
    """A smooth picture, as the small model sees it."""
    rows, columns = np.mgrid[0:20, 0:24] / 20
    waves = [np.sin(4 * rows + k) * np.cos(5 * columns - k) for k in range(3)]
    levels = np.rint(127.5 + 120 * np.stack(waves, axis=2)).astype(np.uint8)
    return small_model().preprocess(levels)


def test_an_early_layer_gives_the_picture_back() -> None:
    x = photograph()
    result = invert(small_model(), x, "conv1", steps=150, rates=())
    assert result.settings["error"] < 0.15
    assert np.corrcoef(result.pixels.ravel(), x.ravel())[0, 1] > 0.95
    assert result.history[-1] > result.history[0]


def test_the_error_is_the_relative_distance() -> None:
    model, x = small_model(), photograph()
    result = invert(model, x, "conv2", steps=5)
    wanted = model.net.run(x)["conv2"]
    apart = model.net.run(result.pixels)["conv2"] - wanted
    error = np.linalg.norm(apart) / np.linalg.norm(wanted)
    assert result.settings["error"] == pytest.approx(error, rel=1e-5)


def test_published_settings() -> None:
    recipe = INVERSIONS["mahendran"].recipe
    assert recipe.optimiser == Momentum(0.004)
    assert (recipe.steps, recipe.rates) == (400, ((101, 4e-4), (301, 4e-5)))
    assert recipe.regularisers == (Power(4e-10, exponent=6),)


@pytest.mark.parametrize(
    ("layer", "weight"), [("conv1", 0.5), ("relu1", 0.5), ("conv2", 5.0), ("fc", 50.0)]
)
def test_deeper_layers_are_smoothed_more(layer: str, weight: float) -> None:
    result = invert(small_model(), photograph(), layer, steps=1)
    assert result.settings["smoothness"] == weight
    given = invert(small_model(), photograph(), layer, steps=1, smoothness=2)
    assert given.settings["smoothness"] == 2
    assert "TotalVariation(weight=2" in given.settings["regularisers"][1]


def test_the_rate_is_lowered_and_the_momentum_forgotten() -> None:
    options: dict[str, Any] = {"seed": 1, "every": 1}
    model, x = small_model(), photograph()
    rates = ((3, 1e-30),)
    result = invert(model, x, "conv1", steps=4, rates=rates, **options)
    _, second, third, _ = (pixels for _, pixels in result.snapshots)
    np.testing.assert_array_equal(second, third)
    restarted = invert(model, x, "conv1", steps=3, rates=((3, 0.004),), **options)
    carried = invert(model, x, "conv1", steps=3, rates=(), **options)
    pairs = zip(restarted.snapshots, carried.snapshots, strict=True)
    same = [np.array_equal(mine, other) for (_, mine), (_, other) in pairs]
    assert same == [True, True, False]


def test_seeded_to_the_bit() -> None:
    model, x = small_model(), photograph()
    first, again, other = (
        invert(model, x, "conv2", steps=3, seed=seed).pixels for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_interruption_returns_the_best_so_far() -> None:
    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    result = invert(small_model(), photograph(), "conv2", progress=stop)
    assert result.settings["interrupted_at"] == 4
    assert np.isfinite(result.settings["error"])


@pytest.mark.parametrize("channels", [1, 5])
def test_any_number_of_channels(channels: int) -> None:
    net, x = small_net(channels=channels), small_batch(channels=channels)
    result = invert(net, x, "conv2", steps=3)
    assert result.pixels.shape == x.shape
    assert result.image().size == (24, 20)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"preset": "none"}, OptionError, "preset 'none' is not known"),
        ({"layer": "relu9"}, NetError, "there is no layer 'relu9'"),
        ({"smoothness": -1}, OptionError, "weight of TotalVariation must not be neg"),
        ({"x": small_batch(2)}, OptionError, "one picture is climbed, but x has 2"),
    ],
)
def test_wrong_options(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    options = {"x": small_batch(), "layer": "conv2", **options}
    with pytest.raises(error, match=message):
        invert(small_net(), **options)


def test_a_dead_layer_cannot_be_inverted() -> None:
    net = Sequential({"conv": Conv(-np.ones((1, 1, 3, 3))), "relu": ReLU()})
    with pytest.raises(OptionError, match="'relu' is 0 for this picture: nothing to"):
        invert(net, np.ones((1, 1, 5, 5)), "relu")
