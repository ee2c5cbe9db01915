"""Dropout and batch norm in training mode, and nets made of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from numpy_deconv.errors import NetError, OptionError, ShapeError
from numpy_deconv.layers import BatchNorm, Conv, Dropout, ReLU
from numpy_deconv.layers.in_training import DropoutInTraining
from numpy_deconv.net import Sequential

SIZES = st.lists(st.integers(1, 5), min_size=0, max_size=3)


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) * 3 + 1


@given(
    samples=st.integers(2, 5),
    channels=st.integers(1, 4),
    size=SIZES,
    affine=st.booleans(),
    momentum=st.sampled_from([0.1, 0.35, 1.0]),
    eps=st.sampled_from([1e-5, 0.1]),
)
@settings(max_examples=40)
def test_batch_norm_in_training_is_torch_s(
    samples: int, channels: int, size: list[int], affine: bool, momentum: float,
    eps: float,
) -> None:  # fmt: skip
    x = draw(samples, channels, *size)
    kinds = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
    theirs = kinds[len(size)](channels, eps, momentum, affine).double()
    weight, bias = draw(channels, seed=1), draw(channels, seed=2)
    mean, var = draw(channels, seed=3), draw(channels, seed=4) ** 2
    with torch.no_grad():
        if affine:
            theirs.weight.copy_(torch.from_numpy(weight))
            theirs.bias.copy_(torch.from_numpy(bias))
        theirs.running_mean.copy_(torch.from_numpy(mean))
        theirs.running_var.copy_(torch.from_numpy(var))
    given_x = torch.from_numpy(x).requires_grad_()
    out = theirs(given_x)
    gy = draw(*x.shape, seed=5)
    torch.autograd.backward(out, torch.from_numpy(gy))

    learnt = (weight, bias) if affine else (None, None)
    layer = BatchNorm(mean, var, *learnt, eps, momentum)
    training = layer.in_training((0,))
    y, saved = training.forward(x)
    np.testing.assert_allclose(y, out.detach().numpy(), rtol=1e-9, atol=1e-9)
    (gx,) = training.vjp(saved, gy)
    np.testing.assert_allclose(gx, given_x.grad, rtol=1e-7, atol=1e-7)
    grads = training.param_grads(saved, gy)
    assert grads.keys() == training.params.keys()
    if affine:
        np.testing.assert_allclose(grads["weight"], theirs.weight.grad, atol=1e-9)
        np.testing.assert_allclose(grads["bias"], theirs.bias.grad, atol=1e-9)
    new = layer.statistics(saved)
    np.testing.assert_allclose(new["mean"], theirs.running_mean, rtol=1e-9)
    np.testing.assert_allclose(new["var"], theirs.running_var, rtol=1e-9)
    np.testing.assert_array_equal(layer.mean, draw(channels, seed=3))


def test_statistics_of_large_planes_keep_their_digits() -> None:
    x = (draw(8, 2, 150, 150) + 1000).astype(np.float32)
    training = BatchNorm(np.zeros(2, "f4"), np.ones(2, "f4")).in_training((0,))
    _, saved = training.forward(x)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(saved.mean, wide.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(saved.var, wide.var((0, 2, 3)), rtol=1e-4)
    assert saved.mean.dtype == saved.var.dtype == np.float32


def test_one_value_per_channel_has_no_variance() -> None:
    layer = BatchNorm(np.zeros(3), np.ones(3)).in_training((0,))
    with pytest.raises(ShapeError, match="one value per channel or none, whose"):
        layer.forward(np.ones((1, 3, 1)))


def test_dropout_zeroes_a_share_and_scales_the_rest() -> None:
    x = np.ones((20, 10, 9, 11))
    layer = Dropout(0.3).in_training((4, 2))
    y, saved = layer.forward(x)
    assert abs((y == 0).mean() - 0.3) < 0.01
    np.testing.assert_allclose(y[y != 0], 1 / 0.7)
    np.testing.assert_array_equal(layer.vjp(saved, x)[0], y)
    assert y.dtype == np.float64


def test_what_is_dropped_is_the_key_s() -> None:
    x = np.ones((4, 3, 8, 8), np.float32)
    once, again, other = (
        Dropout(0.5).in_training(key).forward(x)[0] for key in ((1, 2), (1, 2), (1, 3))
    )
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()
    turned = np.asarray(np.ones((4, 8, 8, 3), np.float32)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(
        Dropout(0.5).in_training((1, 2)).forward(turned)[0], once
    )


@pytest.mark.parametrize(("rate", "kept"), [(0.0, 1.0), (1.0, 0.0)])
def test_dropout_of_nothing_and_of_everything(rate: float, kept: float) -> None:
    y, _ = Dropout(rate).in_training((0,)).forward(np.ones((2, 3)))
    np.testing.assert_array_equal(y, np.full((2, 3), kept))


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_that_is_none(rate: float) -> None:
    with pytest.raises(OptionError, match=r"dropout's rate is .*from 0 to 1"):
        DropoutInTraining(rate, (0,))


def small() -> Sequential:
    return Sequential(
        {
            "conv": Conv(draw(4, 2, 3, 3), draw(4)),
            "bn": BatchNorm(np.zeros(4), np.ones(4), np.ones(4), np.zeros(4)),
            "relu": ReLU(),
            "drop1": Dropout(0.5),
            "drop2": Dropout(0.5),
        }
    )


def test_a_net_in_training_leaves_the_net_as_it_is() -> None:
    net, x = small(), draw(3, 2, 6, 7)
    before = net(x)
    tape = net.in_training(3, 1).run(x)
    assert set(tape.net.params) == {"conv.weight", "conv.bias", "bn.weight", "bn.bias"}
    assert tape.net["conv"] is net["conv"]
    assert "BatchNorm of the batch" in repr(tape.net)
    np.testing.assert_array_equal(net(x), before)
    # two dropouts of one step have keys of their own
    assert ((tape["drop1"] == 0) != (tape.saved["drop2"] == 0)).any()


def test_a_lean_run_that_learns_has_the_gradients_of_a_full_one() -> None:
    net, x = small().in_training(0), draw(3, 2, 6, 7)
    full, lean = net.run(x), net.run(x, keep=(), learn=True)
    signal = draw(*full.output.shape, seed=9)
    want = full.param_grads(signal, inputs=True)
    got = lean.param_grads(signal, inputs=True)
    assert want.keys() == got.keys() == {*net.params, "input"}
    for name, grad in want.items():
        np.testing.assert_allclose(got[name], grad, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(got["input"], full.project(signal, start="drop2"))
    assert "input" not in full.param_grads(signal)
    with pytest.raises(NetError, match="run with learn=True"):
        net.run(x, keep=()).param_grads(signal)


def test_no_signal_goes_where_nothing_is_learnt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The gradient of the pictures is worked out only when it is asked for."""
    net, x = small(), draw(2, 2, 5, 5)
    tape = net.run(x)
    called = []
    monkeypatch.setattr(Conv, "vjp", lambda *a: called.append(a) or (x,))
    tape.param_grads(np.ones_like(tape.output))
    assert not called
    tape.param_grads(np.ones_like(tape.output), inputs=True)
    assert called
