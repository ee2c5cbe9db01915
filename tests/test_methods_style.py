"""Style transfer: both losses fall, layers are found, weights are matched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_models import small_batch, small_model, small_net

from numpy_deconv.errors import NetError, OptionError
from numpy_deconv.layers import Linear
from numpy_deconv.methods import STYLES, style_transfer
from numpy_deconv.methods.ascent import LBFGS, Adam, TotalVariation, gram
from numpy_deconv.models import load_model
from numpy_deconv.net import Sequential

LAYERS: dict[str, Any] = {
    "content_layer": "relu2",
    "style_layers": ["relu1", "relu2"],
    "style_weights": [5.0, 1.0],
}


def pictures() -> tuple[np.ndarray, np.ndarray]:
    content = small_batch(dtype="float32")
    return content, np.ascontiguousarray(content[..., ::-1]) * 2


def style_distance(net: Any, x: np.ndarray, style: np.ndarray) -> float:
    return sum(
        float(((gram(net.run(x)[name]) - gram(net.run(style)[name])) ** 2).sum())
        for name in ("relu1", "relu2")
    )


@pytest.mark.parametrize(("preset", "share"), [("cs231n", 0.5), ("relative", 0.6)])
def test_the_style_comes_nearer(preset: str, share: float) -> None:
    model, (content, style) = small_model(), pictures()
    options: dict[str, Any] = {"preset": preset, "steps": 40, **LAYERS}
    if preset == "cs231n":
        options |= {"learning_rate": 0.1}
    else:
        options |= {"regularisers": (), "content_weight": 0.001}
    result = style_transfer(model, content, style, **options)
    near, far = (style_distance(model.net, x, style) for x in (result.pixels, content))
    assert near < share * far
    assert result.history[-1] > result.history[0]
    assert result.settings["style_weights"] == [5.0, 1.0]
    assert result.settings["content_layer"] == "relu2"


def test_the_content_alone_stays() -> None:
    model, (content, style) = small_model(), pictures()
    options = {**LAYERS, "style_weights": [0.0, 0.0], "regularisers": (), "edits": ()}
    result = style_transfer(model, content, style, steps=3, **options)
    np.testing.assert_array_equal(result.pixels, content)


def test_published_settings() -> None:
    cs231n, neural = STYLES["cs231n"], STYLES["neural_style"]
    assert cs231n.recipe.optimiser == Adam(3.0)
    assert cs231n.recipe.rates == ((181, 0.1),)
    assert cs231n.recipe.regularisers == (TotalVariation(0.02),)
    assert (cs231n.content_weight, cs231n.style_weights) == (6e-2, (20000, 500, 12, 1))
    assert neural.recipe.optimiser == LBFGS()
    assert (neural.recipe.steps, neural.content_weight) == (1000, 5)


@pytest.mark.parametrize(
    ("name", "preset"), [("squeezenet1_1", "cs231n"), ("vgg19", "neural_style")]
)
def test_the_presets_know_the_nets_they_were_published_with(
    name: str, preset: str
) -> None:
    net = load_model(f"{name}:random").net if name != "vgg19" else None
    plan = STYLES[preset]
    names = list(net) if net is not None else vgg19_layers()
    assert plan.content_layer in names
    assert set(plan.style_layers) <= set(names)


def vgg19_layers() -> list[str]:
    from numpy_deconv.models.catalogue import ARCHITECTURES

    return [row.name for row in ARCHITECTURES["vgg19"].rows]


def test_the_preset_is_the_nets_own() -> None:
    model, (content, style) = small_model(), pictures()
    assert style_transfer(model, content, style, steps=1).settings["preset"] == (
        "relative"
    )
    net = load_model("squeezenet1_1:random").net
    x = np.zeros((1, 3, 32, 32), np.float32)
    assert style_transfer(net, x, x, steps=1).settings["preset"] == "cs231n"


@pytest.mark.parametrize("preset", STYLES)
def test_other_nets_are_compared_where_their_size_changes(preset: str) -> None:
    model, (content, style) = small_model(), pictures()
    result = style_transfer(model, content, style, preset=preset, steps=2)
    assert result.settings["style_layers"] == ["relu1", "relu2"]
    assert result.settings["content_layer"] == "relu1"
    assert result.settings["style_weights"] == list(STYLES[preset].style_weights[:2])
    assert result.pixels.shape == content.shape


def test_neural_style_begins_at_noise_and_is_seeded() -> None:
    model, (content, style) = small_model(), pictures()
    options: dict[str, Any] = {"preset": "neural_style", "steps": 3, **LAYERS}
    first, again, other = (
        style_transfer(model, content, style, seed=seed, **options).pixels
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.isfinite(first).all()


def test_means_instead_of_sums() -> None:
    net, (content, style) = small_net(), (x.astype(float) for x in pictures())
    maps = {n: net.run(style)[n] for n in ("relu1", "relu2")}
    options: dict[str, Any] = {"preset": "neural_style", "steps": 1, **LAYERS}
    result = style_transfer(net, content, style, regularisers=(), spread=0, **options)
    zero = net.run(np.zeros_like(content))
    wanted = net.run(content)["relu2"]
    loss = 5 * ((zero["relu2"] - wanted) ** 2).mean()
    for name, weight in zip(("relu1", "relu2"), (5.0, 1.0), strict=True):
        loss += weight * ((gram(zero[name]) - gram(maps[name])) ** 2).mean()
    np.testing.assert_allclose(-result.history[0], loss)


def test_relative_losses_do_not_know_how_strong_a_layer_is() -> None:
    net, (content, style) = small_net(), (x.astype(float) for x in pictures())
    options: dict[str, Any] = {"preset": "relative", "steps": 1, **LAYERS}
    result = style_transfer(net, content, style, regularisers=(), **options)
    loss = 0.0
    for name, weight in zip(("relu1", "relu2"), (5.0, 1.0), strict=True):
        target = gram(net.run(style)[name])
        apart = gram(net.run(content)[name]) - target
        loss += weight * (apart**2).sum() / (target**2).sum()
    np.testing.assert_allclose(-result.history[0], loss)


def test_interruption_and_pictures_on_the_way() -> None:
    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    model, (content, style) = small_model(), pictures()
    options: dict[str, Any] = {"progress": stop, "every": 2, **LAYERS}
    result = style_transfer(model, content, style, **options)
    assert result.settings["interrupted_at"] == 5
    assert [step for step, _ in result.snapshots] == [2, 4]


@pytest.mark.parametrize("channels", [1, 5])
def test_any_number_of_channels(channels: int) -> None:
    net, x = small_net(channels=channels), small_batch(channels=channels)
    result = style_transfer(net, x, x[..., ::-1], steps=2)
    assert result.pixels.shape == x.shape


def test_a_style_of_another_size() -> None:
    style = np.random.default_rng(1).normal(size=(1, 3, 31, 18)).astype(np.float32)
    content, _ = pictures()
    assert style_transfer(small_model(), content, style, steps=1, **LAYERS).history


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"preset": "none"}, OptionError, "preset 'none' is not known"),
        ({"style_weights": [1.0]}, OptionError, "2 style_layers and 1 style_weights"),
        (
            {"style_layers": ["relu9"]},
            OptionError,
            "1 style_layers and 2",
        ),
        ({"content_layer": "relu9"}, NetError, "there is no layer 'relu9'"),
        ({"content_weight": "a lot"}, OptionError, "content_weight must be a real"),
    ],
)
def test_wrong_options(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    content, style = pictures()
    with pytest.raises(error, match=message):
        style_transfer(small_model(), content, style, **{**LAYERS, **options})


def test_a_net_without_maps_has_no_style() -> None:
    net = Sequential({"fc": Linear(np.ones((2, 3)))})
    x = np.ones((1, 3))
    with pytest.raises(OptionError, match="no rectified maps to compare"):
        style_transfer(net, x, x)
