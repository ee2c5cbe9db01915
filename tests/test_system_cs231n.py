"""System 2: the pieces of the deconvnet, saliency and what it cuts out, fooling
images, and class visualisation, on the embedded network."""

from __future__ import annotations

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import load_model
from numpy_deconv.methods import (
    class_visualization,
    deconvnet,
    fooling_image,
    saliency,
)
from numpy_deconv.models import ARCHITECTURES, sample_picture

RNG = np.random.default_rng(0)


def test_unpooling_by_recorded_positions() -> None:
    x = RNG.normal(size=(1, 2, 13, 13))
    pooled, switches = nd.max_pool(x, 3, stride=2)
    up = nd.max_unpool(pooled, switches, (13, 13))
    assert set(np.flatnonzero(up)) == {
        169 * c + s for c in range(2) for s in switches[0, c].ravel().tolist()
    }
    np.testing.assert_array_equal(up[up != 0], x[up != 0])


def test_filtering_with_the_flipped_kernel_is_the_transposed_convolution() -> None:
    maps, kernel = RNG.normal(size=(1, 4, 7, 6)), RNG.normal(size=(4, 3, 5, 3))
    flipped = kernel.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    np.testing.assert_allclose(
        nd.conv_transpose(maps, kernel), nd.conv(maps, flipped, padding=(4, 2))
    )


def test_conv5_returns_to_the_picture_s_size() -> None:
    known = ARCHITECTURES["alexnet_227"]
    weights = known.random_weights()
    net = known.build(weights)
    tape = net.run(RNG.normal(size=(1, 3, 227, 227)).astype("f4"), until="conv5")
    maps = tape["conv5"]
    assert maps.shape == (1, 256, 13, 13)

    # Step by step as the course has it, from the strongest activation alone.
    down = np.where(maps == maps.max(), maps, 0)
    for key, below, options in (
        ("features.10", "relu4", {"padding": 1}),
        ("features.8", "relu3", {"padding": 1}),
        ("features.6", "pool2", {"padding": 1}),
        ("features.3", "pool1", {"padding": 2}),
        ("features.0", "input", {"stride": 4}),
    ):
        down = nd.conv_transpose(down, weights[f"{key}.weight"], **options)
        if below.startswith("pool"):
            size = tape[below.replace("pool", "relu")].shape[2:]
            down = nd.max_unpool(down, tape.saved[below].switches, size, overlap="sum")
        if below != "input":
            down = nd.relu(down)
    assert down.shape == (1, 3, 227, 227)
    found = deconvnet(net, tape["input"], "conv5").pixels
    scale = np.abs(down).max()
    np.testing.assert_allclose(found, down, atol=1e-5 * scale, rtol=1e-4)


def test_saliency_and_the_object_it_cuts_out() -> None:
    pytest.importorskip("cv2")
    model = load_model("emoji_zfnet")
    x = model.preprocess(sample_picture())
    found = nd.segment(model, x)
    np.testing.assert_array_equal(found.saliency, saliency(model, x).pixels)
    # The lion's face is in the middle, the white corners are background.
    assert found.pixels[0, 30:66, 30:66].mean() > 0.7
    corners = found.pixels[0][np.ix_([0, -1], [0, -1])]
    assert not corners.any()
    ((top, bottom), (left, right)) = found.boxes[0]
    assert 0.3 < (bottom - top) * (right - left) / 96**2 < 0.95


def test_a_fooling_image() -> None:
    model = load_model("emoji_zfnet")
    x = model.preprocess(sample_picture())
    target = model.class_index("clock")
    found = fooling_image(model, x, target)
    assert found.fooled
    assert int(model.net(found.pixels).argmax()) == target
    assert int(model.net(x).argmax()) != target
    assert found.steps < 100


def test_class_visualisation_climbs() -> None:
    model = load_model("emoji_zfnet")
    found = class_visualization(model, None, 3, steps=24, seed=1)
    assert found.settings["preset"] == "cs231n"
    assert found.history[-1] > found.history[0] + 5
    low, high = model.preprocess.bounds
    assert ((found.pixels >= low - 1e-6) & (found.pixels <= high + 1e-6)).all()
