"""Grad-CAM against Captum's, and by its formula from the tape."""

from __future__ import annotations

from typing import Any

import captum_peer
import numpy as np
import pytest
import small_nets
from agreement import assert_agrees
from small_models import CLASSES, small_batch, small_model, small_net

from numpy_deconv import Graph, Node, Sequential
from numpy_deconv.errors import NetError, OptionError
from numpy_deconv.layers import Conv, Flatten, GlobalAvgPool, Linear, ReLU
from numpy_deconv.methods import grad_cam, guided_backprop, guided_grad_cam

LAYERS = {
    "overlapping": "relu2",
    "fire": "join",
    "residual": "relu1",
    "inception": "pool2",
}


@pytest.mark.parametrize("name", small_nets.CLASSIFIERS)
def test_it_is_captum_s(name: str) -> None:
    net, x = small_nets.make(name, 2), small_nets.images(4, count=3)
    want = captum_peer.grad_cam(net, x, LAYERS[name], [1, 4, 0])
    got = grad_cam(net, x, [1, 4, 0], layer=LAYERS[name])
    assert want.any()
    largest = np.abs(want).max()
    assert_agrees(got.coarse / largest, want / largest, 1e-10)
    enlarged = captum_peer.interpolated(want, x.shape[2:])
    assert_agrees(got.pixels / largest, enlarged / largest, 1e-10)
    assert got.pixels.shape == (3, 13, 11)


def test_in_float32_too() -> None:
    net, x = small_net(dtype="float32"), small_batch(2, "float32")
    want = captum_peer.grad_cam(net, x, "relu2", [0, 2])
    got = grad_cam(net, x, [0, 2], layer="relu2")
    assert got.coarse.dtype == np.float32
    assert np.abs(got.coarse - want).max() < 1e-5 * np.abs(want).max()


def test_by_its_formula() -> None:
    net, x = small_net(), small_batch()
    tape = net.run(x)
    gradient = tape.project(np.eye(CLASSES)[3:4], start="fc", stop="relu2")
    weights = gradient.mean(axis=(2, 3))
    want = np.maximum(np.einsum("nk,nkhw->nhw", weights, tape["relu2"]), 0)
    got = grad_cam(net, x, 3)
    assert got.settings["layer"] == "relu2"  # the last convolution, rectified
    np.testing.assert_allclose(got.weights, weights, atol=1e-14)
    np.testing.assert_allclose(got.coarse, want, atol=1e-13)
    assert got.scores == [tape["fc"][0, 3]]


def test_the_layer_is_the_last_convolution_with_positions() -> None:
    rng = np.random.default_rng(0)
    net = Graph(
        {
            "conv": Node(Conv(rng.normal(size=(3, 2, 2, 2)))),
            "relu": Node(ReLU(), ("conv",)),
            "mean": Node(GlobalAvgPool(), ("relu",)),
            "one": Node(Conv(rng.normal(size=(3, 3, 1, 1))), ("mean",)),
            "flat": Node(Flatten(), ("one",)),
        }
    )
    got = grad_cam(net, rng.normal(size=(1, 2, 5, 4)))
    assert got.settings["layer"] == "relu"
    message = "no convolution has more than one position: name a layer"
    with pytest.raises(NetError, match=message):
        grad_cam(net, rng.normal(size=(1, 2, 2, 2)))


@pytest.mark.parametrize("length", range(5, 40))
def test_a_map_of_any_size_covers_a_picture_of_any_size(length: int) -> None:
    rng = np.random.default_rng(length)
    net = Sequential(
        {
            "conv": Conv(rng.normal(size=(2, 1, 3)), stride=2),
            "relu": ReLU(),
            "mean": GlobalAvgPool(),
            "flat": Flatten(),
            "fc": Linear(rng.normal(size=(2, 2))),
        }
    )
    got = grad_cam(net, rng.normal(size=(2, 1, length)))
    assert got.pixels.shape == (2, length)


def test_guided_grad_cam_is_the_product() -> None:
    net, x = small_net(), small_batch(2)
    heat = grad_cam(net, x, [2, 4]).pixels
    guided = guided_backprop(net, x, [2, 4]).pixels
    got = guided_grad_cam(net, x, [2, 4])
    np.testing.assert_allclose(got.pixels, guided * heat[:, None], atol=1e-14)
    assert got.settings["method"] == "guided_grad_cam"
    assert got.settings["rules"] == "guided_backprop"
    assert got.settings["layer"] == "relu2"
    assert got.image().size == (24, 20)


def test_memory_and_the_batch_change_nothing() -> None:
    net, x = small_net(), small_batch(3)
    want = grad_cam(net, x)
    small = grad_cam(net, x, memory=1)
    np.testing.assert_allclose(small.pixels, want.pixels, atol=1e-14)
    assert small.target == want.target == net(x).argmax(axis=1).tolist()
    alone = grad_cam(net, x[1:2])
    np.testing.assert_allclose(alone.pixels, want.pixels[1:2], atol=1e-14)


def test_interruption_returns_finished_samples() -> None:
    def stop(done: int, total: int) -> None:
        assert total == 3
        if done == 2:
            raise KeyboardInterrupt

    net, x = small_net(), small_batch(3)
    for method in (grad_cam, guided_grad_cam):
        got = method(net, x, 1, memory=1, progress=stop)
        assert got.settings["interrupted_at"] == len(got.pixels) == 2
        np.testing.assert_allclose(got.pixels, method(net, x[:2], 1).pixels, atol=1e-14)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(channels: int) -> None:
    net, x = small_net(channels=channels), small_batch(channels=channels)
    assert grad_cam(net, x).image().size == (24, 20)
    assert guided_grad_cam(net, x).image().size == (24, 20)


def test_the_picture_keeps_its_light_where_it_is_hot() -> None:
    model = small_model()
    picture = np.full((20, 24, 3), 250, np.uint8)
    got = grad_cam(model, model.preprocess(picture), 1)
    plane, drawn = got.pixels[0], got.drawn().astype(int)
    assert plane.max() > plane.min()
    hot = drawn.reshape(-1, 3)[plane.argmax()]
    cold = drawn.reshape(-1, 3)[plane.argmin()]
    assert hot[0] > hot[2]  # red
    assert cold[2] > cold[0]  # blue
    assert hot.sum() > cold.sum()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"layer": "conv9"}, NetError, "there is no layer 'conv9'"),
        ({"layer": "fc"}, NetError, r"'fc' has no positions, its shape is \(6,\)"),
        ({"target": CLASSES}, OptionError, "class 6 does not exist"),
    ],
)
def test_wrong_options(options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        grad_cam(small_net(), small_batch(), **options)
