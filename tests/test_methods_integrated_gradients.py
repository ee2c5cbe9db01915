"""Integrated gradients: Captum's, complete, and exact on nets of linear pieces."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import captum_peer
import numpy as np
import pytest
import small_nets
from agreement import assert_agrees
from small_models import CLASSES, small_batch, small_model, small_net

from numpy_deconv import Sequential
from numpy_deconv.errors import NetError, OptionError, ShapeError
from numpy_deconv.layers import (
    Clip,
    Conv,
    Flatten,
    GlobalMaxPool,
    LeakyReLU,
    Linear,
    MaxPool,
    PReLU,
    Sigmoid,
)
from numpy_deconv.methods import gradient_times_input, integrated_gradients
from numpy_deconv.methods.integrated_gradients import nodes

CAPTUM = {"gauss_legendre": "gausslegendre", "midpoint": "riemann_middle"}


@pytest.mark.parametrize("quadrature", CAPTUM)
@pytest.mark.parametrize("name", small_nets.CLASSIFIERS)
def test_it_is_captum_s(
    name: str, quadrature: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, x = small_nets.make(name, 1), small_nets.images(1, count=3)
    baseline = np.random.default_rng(2).normal(size=x.shape)
    targets, options = [4, 0, 2], {"steps": 17, "quadrature": quadrature}
    want = captum_peer.integrated_gradients(
        net, x, baseline, targets, 17, CAPTUM[quadrature]
    )
    got = integrated_gradients(net, x, targets, baseline=baseline, **options)
    assert want.any()
    largest = np.abs(want).max()
    assert_agrees(got.pixels / largest, want / largest, 1e-7)

    def rounded(steps: int, name: str) -> tuple[Any, Any]:
        """Captum rounds the weights to float32, whatever the net computes in."""
        places, weights = nodes(steps, name)
        return places, weights.astype(np.float32).astype(float)

    module = sys.modules["numpy_deconv.methods.integrated_gradients"]
    monkeypatch.setattr(module, "nodes", rounded)
    got = integrated_gradients(net, x, targets, baseline=baseline, **options)
    assert_agrees(got.pixels / largest, want / largest, 1e-12)


def test_in_float32_too() -> None:
    net, x = small_net(dtype="float32"), small_batch(2, "float32")
    got = integrated_gradients(net, x, [1, 3])
    assert got.pixels.dtype == np.float32
    zeros = np.zeros_like(x)
    want = captum_peer.integrated_gradients(net, x, zeros, [1, 3], 50, "gausslegendre")
    assert np.abs(got.pixels - want).max() < 1e-5 * np.abs(want).max()


@pytest.mark.parametrize("quadrature", CAPTUM)
def test_the_residual_is_what_is_missing(quadrature: str) -> None:
    net, x = small_net(), small_batch(2)
    got = integrated_gradients(net, x, 2, steps=7, quadrature=quadrature)
    there, here = net(x)[:, 2], net(np.zeros_like(x))[:, 2]
    np.testing.assert_allclose(got.scores, there, rtol=1e-12)
    np.testing.assert_allclose(got.baseline_scores, here, rtol=1e-12)
    missing = there - here - got.pixels.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(got.residual, missing, atol=1e-12)
    assert max(map(abs, got.residual)) > 1e-4
    assert got.settings["residual"] == got.residual


def test_the_residual_does_not_fall_steadily() -> None:
    """Why it is always returned: more steps may well be worse."""
    net, x = small_net(), small_batch()
    counts = range(5, 60, 5)
    gaps = [abs(integrated_gradients(net, x, 2, steps=n).residual[0]) for n in counts]
    assert any(later > earlier for earlier, later in itertools.pairwise(gaps))


@pytest.mark.parametrize("steps", [1, 3, 50])
def test_without_biases_it_is_gradient_times_input(steps: int) -> None:
    net, x = small_net(bias=False), small_batch(2)
    got = integrated_gradients(net, x, 1, steps=steps)
    want = gradient_times_input(net, x, 1).pixels
    np.testing.assert_allclose(got.pixels, want, atol=1e-13)
    assert max(map(abs, got.residual)) < 1e-12


@pytest.mark.parametrize("name", small_nets.CLASSIFIERS)
def test_exact_leaves_no_residual(name: str) -> None:
    net, x = small_nets.make(name, 3), small_nets.images(3)
    got = integrated_gradients(net, x, 1, exact=True, baseline=0.5)
    assert max(map(abs, got.residual)) < 1e-12
    assert min(got.settings["pieces"]) > 10
    fine = integrated_gradients(net, x, 1, steps=1000, quadrature="midpoint",
                                baseline=0.5)  # fmt: skip
    largest = np.abs(got.pixels).max()
    assert np.abs(got.pixels - fine.pixels).max() < 1e-2 * largest
    coarse = integrated_gradients(net, x, 1, steps=50, baseline=0.5)
    assert max(map(abs, coarse.residual)) > 1e-6


def test_exact_knows_every_kind_of_kink() -> None:
    rng = np.random.default_rng(0)
    net = Sequential(
        {
            "conv": Conv(rng.normal(size=(3, 1, 3)), rng.normal(size=3)),
            "clip": Clip(-0.4, 0.9),
            "conv2": Conv(rng.normal(size=(4, 3, 2)), rng.normal(size=4)),
            "prelu": PReLU(rng.normal(size=4)),
            "pool": MaxPool(3, 2),
            "leaky": LeakyReLU(0.3),
            "flat": Flatten(),
            "fc": Linear(rng.normal(size=(2, 16)), rng.normal(size=2)),
        }
    )
    x, baseline = rng.normal(size=(2, 1, 1, 12))
    got = integrated_gradients(net, x, 1, baseline=baseline, exact=True)
    assert abs(got.residual[0]) < 1e-13


def test_a_pool_may_change_its_mind_more_than_once() -> None:
    """The first and the last winner meet where a third is ahead of both."""
    net = Sequential({"pool": GlobalMaxPool(), "flat": Flatten()})
    start, end = np.array([[[1.0, 0.9, -1.0]]]), np.array([[[-1.0, 0.9, 2.0]]])
    got = integrated_gradients(net, end, 0, baseline=start, exact=True)
    np.testing.assert_allclose(got.pixels, [[[-0.1, 0, 1.1]]], atol=1e-12)
    assert abs(got.residual[0]) < 1e-12


def test_exact_needs_linear_pieces() -> None:
    net = Sequential({"flat": Flatten(), "soft": Sigmoid()})
    message = r"layer 'soft' \(Sigmoid\) is not piecewise linear: integrate over steps"
    with pytest.raises(OptionError, match=message):
        integrated_gradients(net, np.ones((1, 2, 2)), exact=True)


def test_exact_gives_up_on_very_many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from numpy_deconv.methods import linear_pieces

    monkeypatch.setattr(linear_pieces, "MOST_PIECES", 5)
    with pytest.raises(
        OptionError, match="sample 0 bends more than 5 times at 'relu1'"
    ):
        integrated_gradients(small_net(), small_batch(), exact=True)


@pytest.mark.parametrize("channels", [1, 2, 3, 7])
def test_baselines(channels: int) -> None:
    net, x = small_net(channels=channels), small_batch(2, channels=channels)
    values = np.arange(channels) - 0.5
    whole = np.broadcast_to(values[:, None, None], x.shape[1:])
    want = integrated_gradients(net, x, 1, baseline=np.array([whole, whole]), steps=3)
    for baseline in (values.tolist(), values, whole, whole[None]):
        got = integrated_gradients(net, x, 1, baseline=baseline, steps=3)
        np.testing.assert_array_equal(got.pixels, want.pixels)
    assert got.image().size == (24, 20)


def test_memory_and_the_batch_change_nothing() -> None:
    net, x = small_net(), small_batch(3)
    want = integrated_gradients(net, x, [1, 2, 3], steps=20)
    small = integrated_gradients(net, x, [1, 2, 3], steps=20, memory=1)
    alone = integrated_gradients(net, x[1:2], 2, steps=20)
    np.testing.assert_allclose(small.pixels, want.pixels, atol=1e-14)
    np.testing.assert_allclose(alone.pixels, want.pixels[1:2], atol=1e-14)


def test_the_picture_is_red_for_and_blue_against() -> None:
    model, x = small_model(), small_batch(dtype="float32")
    got = integrated_gradients(model, x, 1)
    summed, picture = got.pixels[0].sum(axis=0), got.drawn().astype(int)
    best = np.unravel_index(summed.argmax(), summed.shape)
    worst = np.unravel_index(summed.argmin(), summed.shape)
    assert picture[best][0] > picture[best][2]
    assert picture[worst][2] > picture[worst][0]


def test_interruption_returns_finished_samples() -> None:
    def stop(done: int, total: int) -> None:
        if done > 10:
            raise KeyboardInterrupt

    net, x = small_net(), small_batch(3)
    got = integrated_gradients(net, x, 1, steps=10, progress=stop)
    assert got.settings["interrupted_at"] == len(got.pixels) == len(got.residual) == 1
    np.testing.assert_array_equal(
        got.pixels, integrated_gradients(net, x[:1], 1, steps=10).pixels
    )
    with pytest.raises(KeyboardInterrupt):
        integrated_gradients(net, x, 1, steps=20, progress=stop, memory=1)


def test_progress_counts_every_point() -> None:
    calls: list[tuple[int, int]] = []
    integrated_gradients(
        small_net(),
        small_batch(2),
        steps=9,
        memory=1,
        progress=lambda *call: calls.append(call),
    )
    assert calls == [(n, 18) for n in range(1, 19)]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": 0}, OptionError, "steps must be a whole number of at least 1, got"),
        ({"quadrature": "simpson"}, OptionError, "'simpson' is not known: use one of"),
        ({"baseline": (1, 2)}, OptionError, "baseline has 2 numbers for 3 channels"),
        ({"baseline": -np.inf}, OptionError, "baseline must be finite, got -inf"),
        ({"baseline": "black"}, OptionError, "baseline must be a real number, got"),
        (
            {"baseline": np.zeros((3, 4, 5))},
            ShapeError,
            r"baseline has shape \(3, 4, 5\): give a number, one per channel, or an",
        ),
        ({"target": CLASSES}, OptionError, "class 6 does not exist"),
    ],
)
def test_wrong_options(options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        integrated_gradients(small_net(), small_batch(), **options)


def test_no_samples_and_no_numbers() -> None:
    with pytest.raises(ShapeError, match="which holds no sample"):
        integrated_gradients(small_net(), small_batch()[:0])
    x = small_batch()
    x[0, 0, 0, 0] = np.nan
    with pytest.raises(NetError, match="are not finite: look for NaN"):
        integrated_gradients(small_net(), x)
