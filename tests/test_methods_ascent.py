"""Pictures climbed out of noise: what comes out, what is seeded, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_models import small_batch, small_model, small_net

from numpy_deconv.errors import NetError, OptionError
from numpy_deconv.layers import Conv, GlobalAvgPool, ReLU
from numpy_deconv.methods import (
    PRESETS,
    class_visualization,
    unit_visualization,
    visualize,
)
from numpy_deconv.methods.ascent import (
    Channel,
    ClassScore,
    Jitter,
    Roll,
    Spectrum,
)
from numpy_deconv.net import Sequential

QUICK = {"steps": 12, "learning_rate": 1.0, "jitter": 3}
SMALL_LUCID = {"transforms": (Jitter(2),), "steps": 4}


def interrupting(at: int) -> Any:
    def stop(done: int, total: int) -> None:
        if done == at:
            raise KeyboardInterrupt

    return stop


def test_the_score_rises_and_pixels_stay_valid() -> None:
    model = small_model()
    result = class_visualization(model, None, 2, **QUICK)
    assert np.mean(result.history[-3:]) > np.mean(result.history[:3]) + 1
    low, high = model.preprocess.bounds
    assert (result.pixels >= low).all()
    assert (result.pixels <= high).all()
    assert result.image().size == (24, 20)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_seeded_to_the_bit(preset: str) -> None:
    model = small_model()
    first, again, other = (
        class_visualization(model, None, 2, preset=preset, seed=seed, steps=3)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert first.history == again.history
    assert first.pixels.dtype == np.float32
    assert first.pixels.shape == (1, 3, 20, 24)
    assert first.settings["preset"] == preset
    assert first.settings["source"] == PRESETS[preset].source
    if PRESETS[preset].start != "zero":
        assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("channels", [1, 5])
def test_every_preset_takes_nets_of_any_number_of_channels(
    preset: str, channels: int
) -> None:
    net = small_net(channels=channels)
    options: dict[str, Any] = {"preset": preset, "steps": 2}
    result = class_visualization(net, None, 2, size=(channels, 20, 24), **options)
    assert result.pixels.shape == (1, channels, 20, 24)
    assert result.pixels.dtype == np.float64
    assert result.image().size == (24, 20)
    start = small_batch(channels=channels)
    assert class_visualization(net, start, 2, **options).pixels.shape == start.shape


def test_a_net_of_one_dimension() -> None:
    rng = np.random.default_rng(0)
    net = Sequential(
        {
            "conv": Conv(rng.normal(size=(4, 2, 5))),
            "relu": ReLU(),
            "pool": GlobalAvgPool(),
        }
    )
    result = visualize(
        net, None, Channel("conv", 1), size=(2, 30), transforms=(Jitter(3),), steps=30
    )
    assert result.pixels.shape == (1, 2, 30)
    assert result.history[-1] > result.history[0]


def test_one_plain_step_by_hand() -> None:
    net, x = small_net(), small_batch()
    result = class_visualization(
        net, x, 1, steps=1, jitter=0, blur_every=0, learning_rate=0.5, l2=0.25
    )
    gradient = net.run(x).project(np.eye(6)[1:2], start="fc")
    np.testing.assert_allclose(result.pixels, x + 0.5 * (gradient - 0.5 * x))


def test_a_step_in_any_units_is_the_same_climb() -> None:
    model, x = small_model(), np.zeros((1, 3, 20, 24), np.float32)
    options: dict[str, Any] = {"steps": 1, "preset": "simonyan", "l2": 0, "edits": ()}
    span = model.preprocess.bounds[1] - model.preprocess.bounds[0]
    plain = class_visualization(model, x, 1, learning_rate=1e-3, **options)
    scaled = class_visualization(
        model, x, 1, learning_rate=1e-3, units="levels", **options
    )
    change = plain.pixels * (span / 255) ** 2
    np.testing.assert_allclose(scaled.pixels, change, rtol=1e-3, atol=1e-6)


def test_jitter_is_rolled_back() -> None:
    # away from the borders a shift changes nothing, and x itself does not move
    net, x = small_net(), small_batch()
    result = class_visualization(
        net, x, 1, steps=1, jitter=9, blur_every=0, learning_rate=1e-12, l2=0
    )
    np.testing.assert_allclose(result.pixels, x, atol=1e-9)


def test_normalize_makes_steps_of_unit_length() -> None:
    net, x = small_net(), small_batch()
    result = class_visualization(
        net, x, 1, steps=1, jitter=0, blur_every=0, learning_rate=2, normalize=True
    )
    np.testing.assert_allclose(np.linalg.norm(result.pixels - x), 2)


def test_units_and_maps() -> None:
    model = small_model()
    one = unit_visualization(model, None, "conv2", 4, **SMALL_LUCID)
    same = visualize(model, None, Channel("conv2", 4), **SMALL_LUCID)
    np.testing.assert_array_equal(one.pixels, same.pixels)
    assert one.settings["method"] == "unit_visualization"
    assert (one.settings["layer"], one.settings["unit"]) == ("conv2", [4])
    placed = unit_visualization(model, None, "conv2", (4, 1, 2), **SMALL_LUCID)
    assert placed.settings["objective"] == (
        "Neuron(layer='conv2', index=4, position=(1, 2))"
    )
    assert not np.array_equal(one.pixels, placed.pixels)


def test_lucid_starts_from_a_given_picture() -> None:
    model, x = small_model(), small_batch(dtype="float32") / 3
    options: dict[str, Any] = {"transforms": (), "steps": 1, "learning_rate": 1e-9}
    result = visualize(model, x, Channel("conv2", 4), **options)
    np.testing.assert_allclose(result.pixels, x, atol=1e-3)


@pytest.mark.parametrize("at", range(2, 13))
def test_interruption_returns_the_best_so_far(at: int) -> None:
    model = small_model()
    whole = class_visualization(model, None, 2, every=1, **QUICK)
    cut = class_visualization(model, None, 2, progress=interrupting(at), **QUICK)
    assert cut.settings["interrupted_at"] == at
    assert cut.history == whole.history[:at]
    best = int(np.argmax(cut.history))  # l2 is too small to change which is best
    if best:
        np.testing.assert_array_equal(cut.pixels, whole.snapshots[best - 1][1])


def test_interruption_before_the_first_step_returns_the_start() -> None:
    class Impatient(Roll):
        def draw(self, size: Any, rng: Any) -> Any:
            raise KeyboardInterrupt

    x = small_batch()
    result = class_visualization(small_net(), x, 2, transforms=(Impatient(1),))
    np.testing.assert_array_equal(result.pixels, x)
    assert result.settings["interrupted_at"] == 0


def test_a_picture_every_so_many_steps() -> None:
    result = class_visualization(small_model(), None, 0, every=5, **QUICK)
    assert [step for step, _ in result.snapshots] == [5, 10]
    short = class_visualization(small_model(), None, 0, **{**QUICK, "steps": 10})
    np.testing.assert_array_equal(result.snapshots[-1][1], short.pixels)
    (step, picture), _ = result.drawn_steps()
    assert step == 5
    assert picture.shape == (20, 24, 3)


def test_a_bare_net_needs_a_size() -> None:
    with pytest.raises(OptionError, match=r"give size=\(C, H, W\)"):
        class_visualization(small_net(), None, 0)
    for start in ("normal", "uniform", "zero"):
        result = class_visualization(
            small_net(dtype="float32"), None, 0, size=(3, 20, 24), start=start, steps=1
        )
        assert result.pixels.shape == (1, 3, 20, 24)
        assert result.pixels.dtype == np.float32


@pytest.mark.parametrize("size", [(3, -4, 4), (3, 0, 4), 64, (3,), (3, 4.5, 4)])
def test_a_size_that_no_picture_has(size: Any) -> None:
    with pytest.raises(OptionError, match="size must be"):
        class_visualization(small_net(), None, 0, size=size)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"preset": "cs321n"}, OptionError, "preset 'cs321n' is not known: use one of"),
        ({"speed": 3}, OptionError, "no option speed: there are steps, learning_rate"),
        ({"steps": 0}, OptionError, "steps must be a whole number of at least 1"),
        ({"start": "foo"}, OptionError, "start must be one of"),
        ({"spread": -1}, OptionError, "spread must not be negative, got -1"),
        ({"jitter": -1}, OptionError, "jitter. must be a whole number of at least 0"),
        ({"blur_every": -1}, OptionError, "blur_every must be a whole number"),
        ({"every": 0}, OptionError, "every must be a whole number of at least 1"),
        ({"target": 9}, OptionError, "class 9 does not exist"),
        ({"x": small_batch(2)}, OptionError, "one picture is climbed, but x has 2"),
        ({"parametrisation": (Spectrum(),)}, OptionError, "edits change pixels"),
    ],
)
def test_wrong_options(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    options = {"x": small_batch(), "target": 0, **options}
    with pytest.raises(error, match=message):
        class_visualization(small_net(), **options)


def test_a_layer_that_there_is_not() -> None:
    with pytest.raises(NetError, match="there is no layer 'relu9'"):
        unit_visualization(small_model(), None, "relu9", 0)


def test_objectives_of_ones_own() -> None:
    both = ClassScore(1) - 0.5 * Channel("conv2", 3)
    result = visualize(small_model(), None, both, preset="cs231n", steps=3)
    assert "-0.5 * Channel" in result.settings["objective"]


def test_a_model_takes_other_sizes_where_its_net_does() -> None:
    result = class_visualization(small_model(), None, 2, size=(3, 31, 28), steps=2)
    assert result.pixels.shape == (1, 3, 31, 28)
    assert result.image().size == (28, 31)
