from __future__ import annotations

import numpy as np
import pytest
from small_models import CLASSES, small_batch, small_model, small_net

from numpy_deconv.errors import DTypeError, NetError, OptionError, ShapeError
from numpy_deconv.layers import Conv, Flatten
from numpy_deconv.methods import gradient_times_input, guided_backprop, saliency
from numpy_deconv.net import Sequential
from numpy_deconv.rules import GRADIENT, GUIDED


def gradient_by_differences(net, x, target, step=1e-6):
    grad = np.zeros_like(x)
    for i in np.random.default_rng(0).choice(x.size, 40, replace=False):
        up, down = x.copy(), x.copy()
        up.flat[i] += step
        down.flat[i] -= step
        grad.flat[i] = (net(up)[0, target] - net(down)[0, target]) / (2 * step)
    return grad


def test_saliency_is_the_largest_absolute_gradient():
    net, x = small_net(), small_batch()
    expected = gradient_by_differences(net, x, 2)
    probed = expected != 0
    tape = net.run(x)
    exact = tape.project(np.eye(CLASSES)[2:3], start="fc")
    np.testing.assert_allclose(exact[probed], expected[probed], atol=1e-7)
    result = saliency(net, x, 2)
    np.testing.assert_array_equal(result.pixels, np.abs(exact).max(axis=1))
    assert result.scores == [tape.output[0, 2]]


def test_the_score_is_taken_before_the_softmax():
    x = small_batch()
    plain, soft = small_net(), small_net(softmax=True)
    result = saliency(soft, x, 1)
    assert result.settings["layer"] == "fc"
    np.testing.assert_array_equal(result.pixels, saliency(plain, x, 1).pixels)


def test_default_target_is_each_samples_best_class():
    net, x = small_net(), small_batch(3)
    result = saliency(net, x)
    assert result.target == net(x).argmax(axis=1).tolist()
    assert result.pixels.shape == (3, 20, 24)


def test_one_target_per_sample():
    net, x = small_net(), small_batch(2)
    both = guided_backprop(net, x, [4, 1])
    np.testing.assert_allclose(
        both.pixels[1:], guided_backprop(net, x[1:], 1).pixels, atol=1e-13
    )


def test_guided_backprop_follows_its_rule():
    net, x = small_net(), small_batch()
    expected = net.run(x).project(np.eye(CLASSES)[:1], start="fc", rules=GUIDED)
    result = guided_backprop(net, x, 0)
    np.testing.assert_array_equal(result.pixels, expected)
    assert result.settings["rule.ReLU"] == "rectify_both"


def test_gradient_times_input_sums_to_the_score_without_biases():
    net, x = small_net(bias=False), small_batch()
    result = gradient_times_input(net, x, 3)
    np.testing.assert_allclose(result.pixels.sum(), net(x)[0, 3], rtol=1e-12)


def test_pictures():
    model, x = small_model(), small_batch(2, "float32")
    hot = saliency(model, x).drawn()
    assert hot.shape == (20, 24, 3)
    assert hot.max() == 255
    signed = guided_backprop(model, x).drawn(sample=1)
    assert abs(int(np.median(signed)) - 128) < 20  # around mid grey, which is zero


def test_a_gradient_of_zero_draws_black_or_grey():
    net, x = small_net(), small_batch()
    result = saliency(net, x)
    flat = type(result)(
        np.zeros((1, 20, 24)), result.settings, result.target, result.scores, net
    )
    assert not flat.drawn().any()


@pytest.mark.parametrize(
    ("x", "target", "error", "message"),
    [
        (
            small_batch(),
            6,
            OptionError,
            "class 6 does not exist: the net has classes 0",
        ),
        (small_batch(), -1, OptionError, "class -1 does not exist"),
        (small_batch(2), [1, 2, 3], ShapeError, "3 targets for a batch of 2"),
        (np.zeros((1, 3, 20, 24), np.uint8), 0, DTypeError, "goes through model.prep"),
        (np.zeros(5), 0, ShapeError, "expected a batch"),
        (np.full((1, 3, 20, 24), np.inf), 0, NetError, "scores at 'fc' are not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_wrong_input(x, target, error, message):
    with pytest.raises(error, match=message):
        saliency(small_net(), x, target)


def test_a_picture_is_not_a_net():
    with pytest.raises(NetError, match="expected a net or a model, got str"):
        saliency("vgg16", small_batch())


def test_only_two_spatial_axes_make_a_picture():
    net = Sequential({"conv": Conv(np.ones((2, 1, 3))), "flat": Flatten()})
    x = np.arange(9.0).reshape(1, 1, 9)
    for method in (saliency, guided_backprop):
        with pytest.raises(ShapeError, match="is no picture"):
            method(net, x, 0).drawn()


@pytest.mark.parametrize("method", [saliency, guided_backprop])
def test_a_unit_of_an_inner_layer(method):
    net, x = small_net(), small_batch(3)
    unit = (4, 2, 5)
    got = method(net, x, layer="relu2", unit=unit)
    tape = net.run(x)
    signal = np.zeros_like(tape["relu2"])
    signal[(slice(None), *unit)] = 1
    rules = GRADIENT if method is saliency else GUIDED
    want = tape.project(signal, start="relu2", rules=rules)
    want = np.abs(want).max(axis=1) if method is saliency else want
    np.testing.assert_allclose(got.pixels, want, atol=1e-13)
    assert got.target == [4, 4, 4]
    assert got.scores == [float(a[unit]) for a in tape["relu2"]]
    assert got.settings["layer"] == "relu2"
    assert got.settings["unit"] == unit


def test_a_unit_of_a_layer_without_positions_may_be_a_number():
    net, x = small_net(), small_batch()
    got = guided_backprop(net, x, layer="fc", unit=2)
    np.testing.assert_allclose(got.pixels, guided_backprop(net, x, 2).pixels)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"layer": "relu2"},
            OptionError,
            "give saliency a target, or layer= and unit=",
        ),
        ({"unit": (0, 0, 0)}, OptionError, r"layer=None, unit=\(0, 0, 0\)"),
        (
            {"layer": "relu2", "unit": (0, 0, 0), "target": 1},
            OptionError,
            "got target=1, layer='relu2'",
        ),
        ({"layer": "relu2", "unit": (0, 0)}, NetError, r"has no unit \(0, 0\)"),
        ({"layer": "relu9", "unit": (0, 0)}, NetError, "there is no layer 'relu9'"),
    ],
)
def test_wrong_units(options, error, message):
    with pytest.raises(error, match=message):
        saliency(small_net(), small_batch(), **options)
