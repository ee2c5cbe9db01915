"""Deletion and insertion by hand, and their areas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_models import CLASSES, small_batch, small_model, small_net

from numpy_deconv import softmax
from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.methods import deletion, insertion, integrated_gradients, saliency
from numpy_deconv.methods.ascent import gaussian_blur


def by_hand(net, first, last, heat, target, steps):
    """The probability after each step, pixel by pixel."""
    x = first.copy()
    order = np.argsort(-heat.reshape(-1), kind="stable")
    chances, gone = [], 0
    for step in range(steps + 1):
        upto = int(np.rint(step * len(order) / steps))
        for pixel in order[gone:upto]:
            at = np.unravel_index(pixel, heat.shape)
            x[(slice(None), *at)] = last[(slice(None), *at)]
        gone = upto
        chances.append(softmax(net(x[None]))[0, target])
    return chances


def test_by_hand() -> None:
    net, x = small_net(), small_batch(2)
    found = saliency(net, x, [2, 4])
    value = [1.0, -1.0, 0.5]
    hidden = np.broadcast_to(np.reshape(value, (3, 1, 1)), x.shape[1:])
    blurred = gaussian_blur(x, 2.0)
    out = deletion(net, x, found, steps=7, value=value)
    back = insertion(net, x, found, steps=7, blur=2.0)
    assert out.target == back.target == [2, 4]
    for n, target in enumerate([2, 4]):
        heat = found.pixels[n]
        want = by_hand(net, x[n], hidden, heat, target, 7)
        np.testing.assert_allclose(out.pixels[n], want, rtol=1e-10)
        want = by_hand(net, blurred[n], x[n], heat, target, 7)
        np.testing.assert_allclose(back.pixels[n], want, rtol=1e-10)
    np.testing.assert_allclose(out.shares, np.rint(np.arange(8) * 480 / 7) / 480)
    np.testing.assert_allclose(out.area, np.trapezoid(out.pixels, out.shares))


def test_channels_are_summed() -> None:
    net, x = small_net(), small_batch()
    found = integrated_gradients(net, x, 1, steps=4)
    whole = deletion(net, x, found, steps=5)
    summed = deletion(net, x, found.pixels.sum(axis=1), 1, steps=5)
    np.testing.assert_array_equal(whole.pixels, summed.pixels)


def test_a_good_map_falls_sooner_than_its_opposite() -> None:
    net, x = small_net(), small_batch()
    target = int(net(x).argmax())
    heat = integrated_gradients(net, x, target).pixels.sum(axis=1)
    good, bad = (deletion(net, x, h, target).area[0] for h in (heat, -heat))
    assert good < bad - 0.05
    good, bad = (insertion(net, x, h, target).area[0] for h in (heat, -heat))
    assert good > bad + 0.05


def test_memory_changes_nothing_and_progress_counts() -> None:
    net, x = small_net(), small_batch(2)
    calls: list[tuple[int, int]] = []
    heat = np.abs(x[:, 0])
    want = deletion(net, x, heat, steps=4)
    got = deletion(net, x, heat, steps=4, memory=1, progress=lambda *c: calls.append(c))
    np.testing.assert_allclose(got.pixels, want.pixels, atol=1e-14)
    assert calls == [(n, 10) for n in range(1, 11)]


def test_interruption_returns_finished_samples() -> None:
    def stop(done: int, total: int) -> None:
        if done > 6:
            raise KeyboardInterrupt

    net, x = small_net(), small_batch(2)
    got = insertion(net, x, x[:, 0], steps=4, progress=stop)
    assert got.settings["interrupted_at"] == len(got.pixels) == len(got.area) == 1
    with pytest.raises(KeyboardInterrupt):
        insertion(net, x, x[:, 0], steps=10, progress=stop)


@pytest.mark.parametrize("channels", [1, 2])
def test_any_number_of_channels_and_the_plot(channels: int) -> None:
    net, x = small_net(channels=channels), small_batch(channels=channels)
    got = deletion(net, x, saliency(net, x), steps=3)
    assert got.image().height == 260
    assert len(np.unique(got.drawn())) > 2


def test_a_model() -> None:
    model, x = small_model(), small_batch(dtype="float32")
    assert insertion(model, x, saliency(model, x), steps=2).pixels.shape == (1, 3)


@pytest.mark.parametrize(
    ("heat", "options", "error", "message"),
    [
        (
            np.ones((1, 20, 23)),
            {},
            ShapeError,
            r"\(1, 20, 23\), x has \(1, 3, 20",
        ),
        (
            np.ones((1, 20, 24)),
            {"steps": 0},
            OptionError,
            "steps must be a whole",
        ),
        (np.ones((1, 20, 24)), {"value": (1, 2)}, OptionError, "value has 2 numbers"),
        (np.ones((1, 20, 24)), {"target": CLASSES}, OptionError, "class 6 does not"),
    ],
)
def test_wrong_options(heat: Any, options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        deletion(small_net(), small_batch(), heat, **options)
