"""DeepDream: octaves, the detail that is carried, seeds, interruption."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import zoom
from small_models import small_batch, small_model, small_net

from numpy_deconv.errors import NetError, OptionError, ShapeError
from numpy_deconv.methods import DREAMS, deepdream
from numpy_deconv.methods.ascent import Channel, LayerEnergy
from numpy_deconv.methods.ascent.slope import Slope

QUICK: dict[str, Any] = {"steps": 3, "octaves": 3, "scale": 1.2}


def batch() -> np.ndarray:
    return small_batch(dtype="float32")


def test_the_layer_sees_more() -> None:
    model, x = small_model(), batch()
    result = deepdream(model, x, "conv2", **QUICK)
    slope = Slope(model.net, LayerEnergy("conv2"))
    assert slope(result.pixels)[0] > 1.2 * slope(model.preprocess.clip(x))[0]
    assert len(result.history) == 9
    assert result.pixels.shape == x.shape
    assert result.settings["octaves"] == 3
    assert result.settings["scale"] == 1.2
    low, high = model.preprocess.bounds
    assert ((result.pixels > low - 1e-5) & (result.pixels < high + 1e-5)).all()


def test_published_settings() -> None:
    dream = DREAMS["deepdream"]
    assert (dream.octaves, dream.scale, dream.recipe.steps) == (4, 1.4, 10)
    assert dream.recipe.optimiser.rate == 1.5
    assert deepdream(small_model(), batch(), "conv2", octaves=1, steps=1).settings[
        "transforms"
    ] == ["Roll(pixels=32, both_ways=True)"]


def test_octaves_by_hand() -> None:
    """One octave at a time, with the resizing of scipy, gives the same."""
    net, x = small_net(), small_batch()
    options: dict[str, Any] = {"steps": 2, "jitter": 0}
    found = deepdream(net, x, "conv2", octaves=2, scale=1.25, **options)
    small = zoom(x, (1, 1, 1 / 1.25, 1 / 1.25), order=1)
    assert small.shape[2:] == (16, 19)
    detail = deepdream(net, small, "conv2", octaves=1, **options).pixels - small
    grown = zoom(detail, (1, 1, 20 / 16, 24 / 19), order=1)
    expected = deepdream(net, x + grown, "conv2", octaves=1, **options).pixels
    np.testing.assert_allclose(found.pixels, expected, atol=1e-9)


def test_seeded_to_the_bit() -> None:
    model, x = small_model(), batch()
    first, again, other = (
        deepdream(model, x, "conv2", seed=seed, **QUICK).pixels for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_another_objective_and_another_size() -> None:
    x = np.random.default_rng(1).normal(size=(1, 3, 31, 17)).astype(np.float32)
    result = deepdream(small_model(), x, Channel("conv2", 3), **QUICK)
    assert result.pixels.shape == x.shape
    assert result.history[-1] > result.history[0]


def test_progress_and_pictures_over_all_octaves() -> None:
    seen: list[tuple[int, int]] = []
    result = deepdream(
        small_model(),
        batch(),
        "conv2",
        progress=lambda *how_far: seen.append(how_far),
        every=4,
        **QUICK,
    )
    assert seen == [(done, 9) for done in range(1, 10)]
    assert [step for step, _ in result.snapshots] == [4, 8]
    assert all(pixels.shape == (1, 3, 20, 24) for _, pixels in result.snapshots)


def test_the_last_picture_is_the_result() -> None:
    result = deepdream(small_model(), batch(), "conv2", every=9, **QUICK)
    ((_, last),) = result.snapshots
    np.testing.assert_allclose(last, result.pixels, atol=1e-5)


@pytest.mark.parametrize("at", [1, 5])
def test_interrupted_at_any_size_the_picture_is_whole(at: int) -> None:
    def stop(done: int, total: int) -> None:
        if done == at:
            raise KeyboardInterrupt

    result = deepdream(small_model(), batch(), "conv2", progress=stop, **QUICK)
    assert result.settings["interrupted_at"] == at
    assert result.pixels.shape == (1, 3, 20, 24)


@pytest.mark.parametrize("channels", [1, 4])
def test_any_number_of_channels(channels: int) -> None:
    net, x = small_net(channels=channels), small_batch(channels=channels)
    result = deepdream(net, x, "conv2", **QUICK)
    assert result.pixels.shape == x.shape
    assert result.image().size == (24, 20)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"octaves": 0}, OptionError, "octaves must be a whole number of at least 1"),
        ({"scale": 1}, OptionError, "scale must be more than 1, got 1"),
        ({"octaves": 12}, OptionError, "has no 12 octaves of scale 1.4: use fewer"),
        ({"octaves": 8}, ShapeError, r"octave of \(2, 2\) is too small: use fewer"),
        ({"every": 0}, OptionError, "every must be a whole number of at least 1"),
        ({"preset": "nightmare"}, OptionError, "preset 'nightmare' is not known"),
        ({"layer": "relu9"}, NetError, "there is no layer 'relu9'"),
        ({"x": small_batch(2)}, OptionError, "one picture is climbed, but x has 2"),
    ],
)
def test_wrong_options(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    options = {"x": batch(), "layer": "conv2", **options}
    with pytest.raises(error, match=message):
        deepdream(small_model(), **options)
