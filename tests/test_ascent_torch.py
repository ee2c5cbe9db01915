"""Whole climbs, held against plain loops in PyTorch with the same random numbers."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch_ascent
import torch_nets
from central_differences import assert_is_gradient
from small_models import small_batch, small_model, small_net
from torch_ascent import tensor

from numpy_deconv.methods import (
    class_visualization,
    deepdream,
    fgsm,
    invert,
    pgd,
    style_transfer,
)
from numpy_deconv.methods.ascent import (
    L2,
    Channel,
    Clamp,
    ClassScore,
    GramDistance,
    Momentum,
    Spectrum,
    TotalVariation,
    gaussian_blur,
    gram,
)
from numpy_deconv.methods.ascent.engine import Look, look_uphill
from numpy_deconv.methods.ascent.parametrisations import LUCID_COLOURS, decode
from numpy_deconv.methods.ascent.presets import PRESETS
from numpy_deconv.methods.ascent.slope import Slope
from numpy_deconv.methods.ascent.space import Space
from numpy_deconv.models.model import Model

SIZE = (20, 24)


def wide_model() -> Model:
    """The small model in float64."""
    known = small_model()
    return Model(small_net(), known.preprocess, known.labels, "wide", "random")


def wide_bounds(model: Model) -> tuple[np.ndarray, np.ndarray]:
    low, high = model.preprocess.bounds
    return low.astype(np.float64), high.astype(np.float64)


def test_class_visualization_of_cs231n() -> None:
    model, steps = wide_model(), 25
    found = class_visualization(model, None, 3, steps=steps, seed=7)
    rng = np.random.default_rng(7)
    start = rng.standard_normal((1, 3, *SIZE))
    shifts = [tuple(rng.integers(0, 17, 2).tolist()) for _ in range(steps)]
    expected = torch_ascent.class_picture(
        torch_nets.Twin(model.net),
        start,
        3,
        shifts,
        wide_bounds(model),
        lambda x: gaussian_blur(x, 0.5),
    )
    np.testing.assert_allclose(found.pixels, expected, atol=1e-9)


def test_the_gradient_of_lucids_pipeline() -> None:
    model = wide_model()
    space = Space.of(model, None, "unit")
    stages = PRESETS["lucid"].parametrisation
    assert isinstance(stages[0], Spectrum)
    params = 0.1 * np.random.default_rng(1).normal(size=(2, 1, 3, 20, 13))
    picture, back = decode(stages, params, space)
    values, down = Slope(model.net, ClassScore(2))(space.to_input(picture))
    twin, (low, high) = torch_nets.Twin(model.net), map(tensor, wide_bounds(model))

    def loss(spectrum: torch_ascent.Tensor) -> torch_ascent.Tensor:
        matrix = np.array(LUCID_COLOURS)
        x = torch_ascent.lucid_picture(spectrum, matrix, SIZE, low, high)
        return twin(x)[0, 2]

    value, expected = torch_ascent.gradient_of(loss, params)
    np.testing.assert_allclose(values, value, rtol=1e-10)
    gradient = back(space.pull(down))
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


def test_a_step_of_deepdream() -> None:
    model, x = wide_model(), small_batch()
    found = deepdream(model, x, "conv2", octaves=1, steps=1, jitter=0)
    twin = torch_nets.Twin(model.net)
    low, high = wide_bounds(model)
    scale = (high - low) / 255

    def loss(levels: torch_ascent.Tensor) -> torch_ascent.Tensor:
        return (twin.activations(levels * tensor(scale))["conv2"] ** 2).sum() / 2

    _, gradient = torch_ascent.gradient_of(loss, x / scale)
    moved = x / scale + 1.5 * gradient / np.abs(gradient).mean()
    np.testing.assert_allclose(
        found.pixels, np.clip(moved * scale, low, high), atol=1e-9
    )


def test_inversion_by_momentum() -> None:
    model, x, steps = wide_model(), small_batch(), 8
    options = {"rate": 1e-5, "momentum": 0.9}
    found = invert(
        model,
        x,
        "conv2",
        steps=steps,
        seed=2,
        smoothness=0.5,
        optimiser=Momentum(**options),
        rates=(),
    )
    twin = torch_nets.Twin(model.net)
    low, high = wide_bounds(model)
    scale = (high - low) / 255
    wanted = tensor(model.net.run(x)["conv2"])
    norm = np.linalg.norm(x / scale)

    def loss(levels: torch_ascent.Tensor) -> torch_ascent.Tensor:
        apart = twin.activations(levels * tensor(scale))["conv2"] - wanted
        data = norm**2 * (apart**2).sum() / (wanted**2).sum()
        smooth = torch_ascent.REGULARISERS["TotalVariation"](levels)
        return data + 0.5 * smooth + 4e-10 * (levels**6).sum()

    noise = np.random.default_rng(2).standard_normal(x.shape)
    start = noise * norm / np.sqrt(x.size)
    path = torch_ascent.descent("Momentum", options, loss, start)
    *_, expected = islice(path, steps)
    np.testing.assert_allclose(found.pixels, expected * scale, atol=1e-8)


@pytest.mark.parametrize("layer", ["conv1", "relu1", "conv2"])
def test_the_slope_of_a_gram(layer: str) -> None:
    net, x = small_net(), small_batch()
    other = small_batch()[..., ::-1]
    target = gram(net.run(other)[layer])
    value, gradient = Slope(net, 2.5 * GramDistance(layer, target))(x)
    twin = torch_nets.Twin(net)
    expected = torch_ascent.gradient_of(
        lambda at: 2.5 * torch_ascent.gram_loss(twin.activations(at)[layer], target), x
    )
    np.testing.assert_allclose(value, expected[0], rtol=1e-10)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-9, atol=1e-12)


def test_style_transfer_of_cs231n() -> None:
    net, content, steps = small_net(), small_batch(), 12
    style = small_batch()[:, :, ::-1]
    layers, weights = ["relu1", "relu2"], [3.0, 0.5]
    found = style_transfer(
        net,
        content,
        style,
        preset="cs231n",
        content_layer="relu2",
        style_layers=layers,
        style_weights=weights,
        content_weight=0.7,
        steps=steps,
        learning_rate=0.05,
        edits=(Clamp(-1.5, 1.5),),
    )
    twin = torch_nets.Twin(net)
    wanted = net.run(content)["relu2"]
    targets = {name: gram(net.run(style)[name]) for name in layers}

    def loss(x: torch_ascent.Tensor) -> torch_ascent.Tensor:
        seen = twin.activations(x)
        total = 0.7 * ((seen["relu2"] - tensor(wanted)) ** 2).sum()
        for name, weight in zip(layers, weights, strict=True):
            total = total + weight * torch_ascent.gram_loss(seen[name], targets[name])
        return total + 2e-2 * torch_ascent.REGULARISERS["TotalVariation"](x)

    options = {"rate": 0.05, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    path = torch_ascent.descent(
        "Adam", options, loss, content, lambda x: np.clip(x, -1.5, 1.5)
    )
    *_, expected = islice(path, steps)
    np.testing.assert_allclose(found.pixels, expected, atol=1e-9)


@pytest.mark.parametrize("towards", [False, True])
def test_fgsm_is_one_step_of_a_plain_loop(towards: bool) -> None:
    model, x = wide_model(), small_batch(3)
    classes = [2, 0, 5]
    role = {"target": classes} if towards else {"label": classes}
    found = fgsm(model, x, epsilon=0.02, **role)
    bounds = wide_bounds(model)
    expected = torch_ascent.attack(
        torch_nets.Twin(model.net),
        x,
        classes,
        bounds[1] - bounds[0],
        bounds,
        epsilon=0.02,
        length=0.02,
        steps=1,
        norm="linf",
        towards=towards,
    )
    np.testing.assert_allclose(found.pixels, expected, atol=1e-12)


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.03), ("l2", 0.6)])
@pytest.mark.parametrize("towards", [False, True])
def test_pgd_is_a_plain_loop(norm: str, epsilon: float, towards: bool) -> None:
    model, x, steps = wide_model(), small_batch(3), 7
    classes = [2, 0, 5]
    role = {"target": classes} if towards else {"label": classes}
    options = {"norm": norm, "epsilon": epsilon, "steps": steps}
    found = pgd(model, x, random_start=False, **options, **role)
    bounds = wide_bounds(model)
    expected = torch_ascent.attack(
        torch_nets.Twin(model.net),
        x,
        classes,
        bounds[1] - bounds[0],
        bounds,
        length=2.5 * epsilon / steps,
        towards=towards,
        **options,
    )
    np.testing.assert_allclose(found.pixels, expected, atol=1e-9)


@pytest.mark.parametrize("redirected", [0, 17])
def test_the_whole_slope_of_lucid_with_its_transformations(redirected: int) -> None:
    model = wide_model()
    recipe = replace(PRESETS["lucid"], redirected=redirected)
    recipe = replace(recipe, regularisers=(TotalVariation(0.01), L2(0.02)))
    space = Space.of(model, None, recipe.units)
    slope = Slope(model.net, ClassScore(2) + 0.1 * Channel("conv2", 1))
    params = 0.1 * np.random.default_rng(1).normal(size=(2, 1, 3, 20, 13))

    def look(at: np.ndarray) -> Look:
        return look_uphill(slope, at, 1, recipe, space, np.random.default_rng(5))

    seen = look(params)
    assert_is_gradient(
        lambda at: look(at).value - look(at).fines, params, seen.back(seen.gradient)
    )
