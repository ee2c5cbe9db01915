"""Infidelity and max-sensitivity against Captum's; sensitivity-n on linear nets."""

from __future__ import annotations

from typing import Any

import captum_peer
import numpy as np
import pytest
import small_nets
from small_models import CLASSES, small_batch, small_net

from numpy_deconv import Sequential
from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.layers import Flatten, Linear
from numpy_deconv.methods import (
    gradient_times_input,
    infidelity,
    integrated_gradients,
    max_sensitivity,
    saliency,
    sensitivity_n,
    smoothgrad,
)
from numpy_deconv.methods.faithfulness import _sets


def linear_net(pixels: int) -> Sequential:
    weight = np.random.default_rng(4).normal(size=(3, pixels))
    return Sequential({"flat": Flatten(), "fc": Linear(weight, np.ones(3))})


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("name", small_nets.CLASSIFIERS)
def test_infidelity_is_captum_s(name: str, normalize: bool) -> None:
    net, x = small_nets.make(name, 1), small_nets.images(1, count=2)
    found = gradient_times_input(net, x, [1, 3])
    drawn = np.random.default_rng(6).standard_normal((9, *x.shape[1:]))
    noise = np.stack([0.2 * np.ptp(one) * drawn for one in x])
    want = captum_peer.infidelity(
        net, x, found.pixels, noise, [1, 3], normalize=normalize
    )
    got = infidelity(net, x, found, samples=9, noise=0.2, normalize=normalize, seed=6)
    np.testing.assert_allclose(got.values, want, rtol=1e-10)
    assert got.target == [1, 3]


def test_the_gradient_of_a_linear_net_is_faithful() -> None:
    net, x = linear_net(8), np.random.default_rng(0).normal(size=(2, 2, 4))
    weight = net["fc"].params["weight"][[0, 2]].reshape(2, 2, 4)
    assert max(infidelity(net, x, weight, [0, 2]).values) < 1e-25
    assert min(infidelity(net, x, weight, [0, 1]).values[1:]) > 1e-3
    doubled = infidelity(net, x, 2 * weight, [0, 2], normalize=True)
    assert max(doubled.values) < 1e-25


def test_sensitivity_n_of_a_linear_net_is_one() -> None:
    """Where what hiding costs is the sum of what is hidden (Ancona et al. 2018)."""
    net, x = linear_net(24), np.random.default_rng(0).normal(size=(2, 2, 3, 4))
    product = gradient_times_input(net, x, 1)
    got = sensitivity_n(net, x, product, sizes=[1, 3, 11], samples=20)
    np.testing.assert_allclose(got.pixels, 1, atol=1e-12)
    assert got.sizes == [1, 3, 11]
    opposite = sensitivity_n(net, x, -product.pixels, 1, sizes=4, samples=20)
    np.testing.assert_allclose(opposite.pixels, -1, atol=1e-12)


def test_sets_have_the_size_they_should() -> None:
    sets = _sets(np.random.default_rng(0), 50, 9, 6)
    assert (sets.sum(axis=1) == 6).all()
    assert (sets.any(axis=0) & ~sets.all(axis=0)).all()


def test_sensitivity_n_tells_good_from_bad() -> None:
    net, x = small_net(), small_batch()
    target = int(net(x).argmax())
    good = integrated_gradients(net, x, target)
    noise = np.random.default_rng(0).normal(size=x.shape)
    sizes = [5, 50, 200]
    one = sensitivity_n(net, x, good, sizes=sizes)
    other = sensitivity_n(net, x, noise, target, sizes=sizes)
    assert one.pixels.mean() > other.pixels.mean() + 0.2


def test_the_default_sizes_are_spread_evenly() -> None:
    net, x = small_net(), small_batch()
    got = sensitivity_n(net, x, x[:, 0], samples=2)
    assert got.sizes[0] == 1
    assert got.sizes[-1] == 384
    assert len(got.sizes) == 10
    assert got.image().height == 260
    assert np.isnan(sensitivity_n(net, x, 0 * x, sizes=3, samples=4).pixels).all()


@pytest.mark.parametrize("name", small_nets.CLASSIFIERS)
def test_max_sensitivity_is_captum_s(name: str) -> None:
    net, x = small_nets.make(name, 1), small_nets.images(1, count=2)
    rng = np.random.default_rng(2)
    noise = np.stack([rng.uniform(-0.1, 0.1, x.shape) for _ in range(5)], axis=1)
    want = captum_peer.sensitivity_max(net, x, noise, [1, 3])

    def gradient(net: Any, x: Any, target: Any) -> Any:
        return smoothgrad(net, x, target, samples=1, noise=0)

    got = max_sensitivity(gradient, net, x, [1, 3], radius=0.1, samples=5, seed=2)
    np.testing.assert_allclose(got.values, want, rtol=1e-10)
    change = got.pixels - got.original.pixels
    lengths = [np.linalg.norm(a) / np.linalg.norm(b) for a, b in
               zip(change, got.original.pixels, strict=True)]  # fmt: skip
    np.testing.assert_allclose(got.values, lengths, rtol=1e-12)
    assert got.settings["of"] == "smoothgrad"
    assert got.image().size[0] > got.image().size[1]


def test_max_sensitivity_of_a_linear_net_is_zero() -> None:
    net, x = linear_net(8), np.random.default_rng(0).normal(size=(1, 2, 4))
    assert max_sensitivity(saliency, net, x).values == [0.0]


def test_memory_changes_nothing() -> None:
    net, x = small_net(), small_batch(2)
    for method in (infidelity, sensitivity_n):
        want = method(net, x, x, samples=5)
        got = method(net, x, x, samples=5, memory=1)
        np.testing.assert_allclose(got.pixels, want.pixels, atol=1e-10)


def test_interruption() -> None:
    def after(limit: int) -> Any:
        def stop(done: int, total: int) -> None:
            if done > limit:
                raise KeyboardInterrupt

        return stop

    net, x = small_net(), small_batch(2)
    got = infidelity(net, x, x, samples=5, progress=after(5))
    assert got.settings["interrupted_at"] == len(got.values) == 1
    part = sensitivity_n(net, x, x, samples=5, sizes=[2, 3, 4], progress=after(12))
    assert np.isfinite(part.pixels).sum() == 2
    assert part.settings["interrupted_at"] == 15
    some = max_sensitivity(saliency, net, x, samples=4, progress=after(1))
    assert some.settings["interrupted_at"] == 2
    for method in (infidelity, sensitivity_n):
        with pytest.raises(KeyboardInterrupt):
            method(net, x, x, samples=5, progress=after(0))


@pytest.mark.parametrize("channels", [1, 5])
def test_any_number_of_channels_and_the_plot(channels: int) -> None:
    net, x = small_net(channels=channels), small_batch(channels=channels)
    assert infidelity(net, x, x, samples=4).image().height == 260


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda n, x: infidelity(n, x, x[:, 0]),
            ShapeError,
            "number for each chann",
        ),
        (lambda n, x: infidelity(n, x, x, samples=0), OptionError, "samples must be a"),
        (lambda n, x: sensitivity_n(n, x, x, samples=1), OptionError, "of at least 2"),
        (
            lambda n, x: sensitivity_n(n, x, x, sizes=[0]),
            OptionError,
            "sizes must be",
        ),
        (
            lambda n, x: sensitivity_n(n, x, x, sizes=481),
            OptionError,
            "sizes must be from 1 to 480, the pixels: got 481",
        ),
        (
            lambda n, x: max_sensitivity(saliency, n, x, radius=-1),
            OptionError,
            "radius must not be negative, got -1",
        ),
        (lambda n, x: infidelity(n, x, x, CLASSES), OptionError, "class 6 does not"),
    ],
)
def test_wrong_options(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call(small_net(), small_batch())
