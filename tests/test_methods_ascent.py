from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from small_models import small_batch, small_model, small_net

from numpy_deconv.errors import OptionError
from numpy_deconv.methods import PRESETS, class_visualization
from numpy_deconv.methods.ascent import gaussian_blur

QUICK = {"steps": 12, "learning_rate": 1.0, "jitter": 3}


def test_the_score_rises_and_pixels_stay_valid():
    model = small_model()
    result = class_visualization(model, None, 2, **QUICK)
    assert np.mean(result.history[-3:]) > np.mean(result.history[:3]) + 1
    low, high = model.preprocess.bounds
    assert (result.pixels >= low).all()
    assert (result.pixels <= high).all()
    assert result.image().size == (24, 20)


def test_seeded():
    model = small_model()
    first, again, other = (
        class_visualization(model, None, 2, seed=seed, **QUICK).pixels
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_one_plain_step_by_hand():
    net, x = small_net(), small_batch()
    result = class_visualization(
        net, x, 1, steps=1, jitter=0, blur_every=0, learning_rate=0.5, l2=0.25
    )
    gradient = net.run(x).project(np.eye(6)[1:2], start="fc")
    np.testing.assert_allclose(result.pixels, x + 0.5 * (gradient - 0.5 * x))


def test_jitter_is_rolled_back():
    # away from the borders a shift changes nothing, and x itself does not move
    net, x = small_net(), small_batch()
    result = class_visualization(
        net, x, 1, steps=1, jitter=9, blur_every=0, learning_rate=1e-12, l2=0
    )
    np.testing.assert_allclose(result.pixels, x, atol=1e-9)


def test_normalize_makes_steps_of_unit_length():
    net, x = small_net(), small_batch()
    result = class_visualization(
        net, x, 1, steps=1, jitter=0, blur_every=0, learning_rate=2, normalize=True
    )
    np.testing.assert_allclose(np.linalg.norm(result.pixels - x), 2)


def test_interruption_returns_the_best_so_far():
    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    result = class_visualization(small_model(), None, 2, progress=stop, **QUICK)
    assert result.settings["interrupted_at"] == 5
    assert len(result.history) == 5
    assert result.pixels.any()


def test_snapshots():
    result = class_visualization(small_model(), None, 0, keep_every=4, **QUICK)
    assert [step for step, _ in result.snapshots] == [4, 8, 12]
    np.testing.assert_array_equal(result.snapshots[-1][1], result.pixels)


def test_a_bare_net_needs_a_size():
    with pytest.raises(OptionError, match=r"give size=\(C, H, W\)"):
        class_visualization(small_net(), None, 0)
    for start in ("normal", "uniform", "zero"):
        result = class_visualization(
            small_net(dtype="float32"), None, 0, size=(3, 20, 24), start=start, steps=1
        )
        assert result.pixels.shape == (1, 3, 20, 24)


def test_published_settings():
    cs231n = PRESETS["cs231n"]
    assert (cs231n.steps, cs231n.learning_rate, cs231n.l2) == (100, 25, 1e-3)
    assert (cs231n.jitter, cs231n.blur_every, cs231n.blur_sigma) == (16, 10, 0.5)
    assert PRESETS["cs231n_tensorflow"].steps == 200
    result = class_visualization(small_model(), None, 0, steps=1)
    assert result.settings["learning_rate"] == 25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "cs321n"}, "preset 'cs321n' is not known: use one of"),
        ({"speed": 3}, "has no option speed: it has steps, learning_rate"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"target": 9}, "class 9 does not exist"),
        ({"x": small_batch(2)}, "climbs one picture, x has 2"),
    ],
)
def test_wrong_options(options, message):
    options = {"x": small_batch(), "target": 0, **options}
    with pytest.raises(OptionError, match=message):
        class_visualization(small_net(), **options)


@pytest.mark.parametrize("sigma", [0.5, 1.3])
def test_blur_is_scipys(sigma):
    x = small_batch()
    expected = gaussian_filter1d(gaussian_filter1d(x, sigma, axis=2), sigma, axis=3)
    np.testing.assert_allclose(gaussian_blur(x, sigma), expected, atol=1e-12)


def test_noise_has_the_dtype_of_the_net():
    net = small_net(dtype="float64")
    result = class_visualization(net, None, 0, size=(3, 20, 24), steps=1)
    assert result.pixels.dtype == np.float64
    with pytest.raises(OptionError, match="start must be one of"):
        class_visualization(net, None, 0, size=(3, 20, 24), start="foo")
    with pytest.raises(OptionError, match="must not be negative"):
        class_visualization(net, None, 0, size=(3, 20, 24), jitter=-1)
