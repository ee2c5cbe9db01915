"""The randomisation check, and what it is known to find (Adebayo, Nie, Sixt)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import small_nets
from small_models import small_batch, small_model, small_net

from numpy_deconv import Sequential
from numpy_deconv.errors import NetError, OptionError
from numpy_deconv.layers import ReLU
from numpy_deconv.methods import (
    grad_cam,
    gradient_times_input,
    guided_backprop,
    lrp,
    randomisation_check,
    saliency,
)
from numpy_deconv.methods.randomisation import Randomisation, without
from numpy_deconv.methods.similarity import cosine, spearman, ssim
from numpy_deconv.models import load_model, sample_picture
from numpy_deconv.rules_composites import Composite
from numpy_deconv.rules_relevance import epsilon, z_plus


@pytest.fixture(scope="module")
def trained() -> Any:
    model = load_model()
    return model, model.preprocess(sample_picture("emoji"))


def check(trained: Any, method: Any) -> Randomisation:
    return randomisation_check(method, *trained)


def test_the_gradient_decorrelates(trained: Any) -> None:
    got = check(trained, saliency)
    assert got.layers == ["fc6", "conv5", "conv4", "conv3", "conv2", "conv1"]
    assert got.spearman_abs[0, 0] < 0.8  # the last layer alone is seen at once
    assert abs(got.spearman_abs[-1, 0]) < 0.3
    assert got.ssim[-1, 0] < 0.3


def test_signed_gradients_decorrelate_at_the_first_layer(trained: Any) -> None:
    got = check(trained, gradient_times_input)
    assert np.abs(got.spearman[:, 0]).max() < 0.25
    assert np.abs(got.cosine[:, 0]).max() < 0.25


def test_guided_backprop_hardly_sees_the_upper_layers(trained: Any) -> None:
    """To higher layers only: by the end it is gone, as the erratum says."""
    guided, gradient = check(trained, guided_backprop), check(trained, saliency)
    assert guided.spearman_abs[:2].min() > 0.85
    assert guided.cosine[:2].min() > 0.85
    assert guided.spearman_abs[:3, 0].min() > gradient.spearman_abs[:3, 0].max()
    assert guided.spearman_abs[-1, 0] < 0.4


def test_relevance_by_z_plus_converges(trained: Any) -> None:
    """Sixt et al. 2020: a product of matrices without negative numbers has rank 1."""
    positive = Composite("z+", z_plus(), z_plus())
    got = check(trained, partial(lrp, composite=positive))
    upper = np.abs(got.cosine[:2, 0])
    mixed = check(trained, partial(lrp, composite=Composite("0", epsilon(), epsilon())))
    assert upper.min() > 0.9
    assert upper.min() > np.abs(mixed.cosine[:2, 0]).max() + 0.2


def test_by_hand() -> None:
    net, x = small_net(), small_batch(2)
    got = randomisation_check(saliency, net, x, [1, 4], seed=3)
    assert got.layers == ["fc", "conv2", "conv1"]
    rng, lost = np.random.default_rng(3), net
    first = saliency(net, x, [1, 4]).pixels
    np.testing.assert_array_equal(got.pixels[0], first)
    for stage, name in enumerate(got.layers):
        lost = without(lost, [name], rng)
        changed = saliency(lost, x, [1, 4]).pixels
        np.testing.assert_array_equal(got.pixels[stage + 1], changed)
        for n in range(2):
            a, b = first[n], changed[n]
            assert got.spearman[stage, n] == pytest.approx(spearman(a, b))
            assert got.ssim[stage, n] == pytest.approx(ssim(a, b))
            assert got.cosine[stage, n] == pytest.approx(cosine(a, b))
    assert (got.spearman_abs == got.spearman).all()  # saliency has no signs


def test_each_layer_alone() -> None:
    net, x = small_net(), small_batch()
    got = randomisation_check(saliency, net, x, 1, cascading=False)
    rng = np.random.default_rng(0)
    for stage, name in enumerate(got.layers):
        lost = without(net, [name], rng)
        changed = saliency(lost, x, 1).pixels
        np.testing.assert_array_equal(got.pixels[stage + 1], changed)


def test_weights_become_noise_of_their_size() -> None:
    net = small_nets.make("residual")
    lost = without(net, ["conv2", "bn2"], np.random.default_rng(0))
    before, after = net.params, lost.params
    for name, values in before.items():
        same = np.array_equal(values, after[name])
        assert same == (not name.startswith(("conv2", "bn2")))
    sizes = [np.sqrt((p["conv2.weight"] ** 2).mean()) for p in (before, after)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.15)
    for name in ("bn2.var", "conv2.bias"):
        np.testing.assert_array_equal(np.sort(before[name]), np.sort(after[name]))


def test_norms_are_lost_with_their_convolution() -> None:
    net, x = small_nets.make("residual"), small_nets.images(0)
    got = randomisation_check(saliency, net, x, 1)
    assert got.layers == ["fc", "short", "conv2", "conv1"]


@pytest.mark.parametrize(
    ("stages", "want"),
    [(1, ["conv1"]), (2, ["fc", "conv1"]), (3, ["fc", "conv2", "conv1"])],
)
def test_stages_are_spread_evenly(stages: int, want: list[str]) -> None:
    net, x = small_net(), small_batch()
    calls: list[tuple[int, int]] = []
    got = randomisation_check(
        saliency, net, x, stages=stages, progress=lambda *c: calls.append(c)
    )
    assert got.layers == want
    every = randomisation_check(saliency, net, x)
    np.testing.assert_array_equal(got.pixels[-1], every.pixels[-1])
    assert calls == [(n + 1, stages) for n in range(stages)]


def test_interruption_returns_the_stages_so_far() -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    got = randomisation_check(saliency, small_net(), small_batch(), progress=stop)
    assert got.settings["interrupted_at"] == len(got.layers) == len(got.cosine) == 2
    assert got.pixels.shape[0] == 3


def test_a_model_stays_a_model() -> None:
    model, x = small_model(), small_batch(dtype="float32")
    for method in (grad_cam, guided_backprop):
        got = randomisation_check(method, model, x)
        assert got.image().height == 260
        assert got.maps().shape[1] > 3 * 24
    assert model.net.params["fc.weight"] is not None


def test_small_maps_have_no_structure() -> None:
    net = Sequential({"conv": small_net()["conv1"], "relu": ReLU()})
    got = randomisation_check(saliency, net, small_batch()[:, :, :6])
    assert np.isnan(got.ssim).all()
    assert got.image().height == 260


def test_wrong_options() -> None:
    with pytest.raises(NetError, match="the net has no layer with weights"):
        randomisation_check(
            saliency, Sequential({"relu": ReLU()}), np.ones((1, 2, 9, 9))
        )
    with pytest.raises(
        OptionError, match="stages must be a whole number of at least 1"
    ):
        randomisation_check(saliency, small_net(), small_batch(), stages=0)
