"""The sections of a report: each shows what the methods say, and says it rightly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import small_models

from numpy_deconv.layers import (
    BatchNorm,
    Clip,
    Conv,
    Flatten,
    GlobalMaxPool,
    Linear,
    MaxPool,
    ReLU,
    Sigmoid,
)
from numpy_deconv.methods import deconvnet, saliency
from numpy_deconv.methods.subject import rectified
from numpy_deconv.models import Model
from numpy_deconv.net import Sequential
from numpy_deconv.report import GRADIENT_TOUR, Bars, Cards, Figure, Plan, Scene, tour
from numpy_deconv.report.fooling_section import fooling_section, fooling_target
from numpy_deconv.report.gradient_sections import (
    attribution_section,
    classes_to_show,
    verdict_section,
    vision_section,
)
from numpy_deconv.report.layers_section import maps_section, units_section
from numpy_deconv.report.scene import convolutions

SHORT = Plan(maps=2, classes=2, fooling_steps=3, ascent={"steps": 2})


def noise(height: int = 20, width: int = 24) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def scene() -> Scene:
    return Scene.of(small_models.small_model(), noise(), "noise.png", plan=SHORT)


def test_the_verdict_names_the_best_class(scene: Scene) -> None:
    section = verdict_section(scene)
    scores = scene.model.net(scene.x)[0]
    assert f"for: label {scores.argmax()} (" in section.text
    (bars,) = section.blocks
    assert isinstance(bars, Bars)
    shares = [share for _, share in bars.shares]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == 5


def test_a_card_shows_map_projection_and_patch_of_one_unit(scene: Scene) -> None:
    section = units_section(scene)
    tape = scene.model.net.run(scene.x)
    for block, layer in zip(section.blocks, ("relu1", "relu2"), strict=True):
        assert isinstance(block, Cards)
        found = deconvnet(scene.model, scene.x, layer, top=2)
        assert len(block.cards) == 2
        units = zip(block.cards, found.units, found.pictures(), strict=True)
        for card, unit, picture in units:
            activation, projection, patch = card.pictures
            plane = tape[layer][0, unit.map]
            row, column = unit.position
            assert plane[row, column] == plane.max() == np.float32(unit.value)
            assert card.title == f"map {unit.map}"
            assert f"row {row}, column {column}, value" in card.detail
            mark = activation.mark
            assert mark is not None
            assert mark.top * plane.shape[0] == pytest.approx(row)
            assert mark.left * plane.shape[1] == pytest.approx(column)
            assert unit.box is not None
            (top, bottom), (left, right) = unit.box
            assert is_enlarged(patch, scene.view[top:bottom, left:right])
            assert is_enlarged(projection, picture[top:bottom, left:right])
            assert patch.settings["map"] == unit.map
            assert patch.settings["rules"] == "deconvnet"


def is_enlarged(figure: Figure, picture: np.ndarray) -> bool:
    factor = figure.image.height // picture.shape[0]
    want = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    return factor >= 1 and np.array_equal(np.asarray(figure.image), want)


def test_a_net_without_a_deconvnet_is_told_apart() -> None:
    small = small_models.small_model()
    layers = {name: small.net[name] for name in small.net}
    model = replace(small, net=Sequential({**layers, "relu1": Sigmoid()}))
    section = units_section(Scene.of(model, noise(), "noise.png", plan=SHORT))
    assert "This network has no deconvnet" in section.text
    assert "no published rule for Sigmoid" in section.text


def test_a_dead_map_gets_no_card() -> None:
    small = small_models.small_model()
    conv = small.net["conv1"]
    assert isinstance(conv, Conv)
    bias = np.full(8, -1e3, np.float32)
    bias[3] = 0
    layers = {name: small.net[name] for name in small.net}
    model = replace(
        small, net=Sequential({**layers, "conv1": replace(conv, bias=bias)})
    )
    section = units_section(Scene.of(model, noise(), "noise.png", plan=SHORT))
    (first, _) = section.blocks
    assert isinstance(first, Cards)
    assert [card.title for card in first.cards] == ["map 3"]


def test_attributions_are_those_of_the_methods(scene: Scene) -> None:
    section = attribution_section(scene)
    found = saliency(scene.model, scene.x)
    by_name = {figure.name: figure for figure in section.figures()}
    assert set(by_name) == {
        "picture",
        "saliency",
        "guided_backprop",
        "gradient_times_input",
    }
    image = np.asarray(by_name["saliency"].image)
    np.testing.assert_array_equal(image, found.drawn())
    assert f"label {found.target[0]}" in section.title


def test_visions_begin_with_the_class_of_the_picture(scene: Scene) -> None:
    best = int(scene.model.net(scene.x)[0].argmax())
    assert classes_to_show(scene) == [best, (best + 3) % 6]
    section = vision_section(scene)
    assert [f.caption for f in section.figures()] == [
        f"label {best}",
        f"label {(best + 3) % 6}",
    ]
    every = replace(scene, plan=replace(SHORT, classes=40))
    assert sorted(classes_to_show(every)) == list(range(6))


def linear_model(weight: np.ndarray, pixels_: int = 4) -> Model:
    """Scores that are linear in the pixels, so that distances are known."""
    net = Sequential({"flat": Flatten(), "fc": Linear(weight.astype(np.float32))})
    small = small_models.small_model()
    shape = replace(small.preprocess, size=(pixels_, pixels_))
    return replace(small, net=net, preprocess=shape, labels=())


@pytest.mark.parametrize("seed", range(12))
def test_the_fooling_target_is_the_nearest_class(seed: int) -> None:
    rng = np.random.default_rng(seed)
    alike = rng.uniform(0, 3, (9, 1)) * rng.normal(size=48)
    weight = (alike + rng.normal(size=(9, 48))) * rng.uniform(0.2, 3, (9, 1))
    scene = Scene.of(linear_model(weight), noise(4, 4), "noise.png")
    scores = weight.astype(np.float32) @ scene.x.ravel()
    best = int(scores.argmax())
    distances = {}
    for k in set(range(9)) - {best}:
        along = weight[k] / np.linalg.norm(weight[k])
        gain = (weight[k] - weight[best]) @ along
        distances[k] = (scores[best] - scores[k]) / gain if gain > 0 else np.inf
    assert fooling_target(scene) == min(distances, key=lambda k: distances[k])


@pytest.mark.parametrize("seed", range(12))
def test_of_many_classes_a_first_guess_is_no_fooling_target(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = linear_model(rng.normal(size=(21, 48)))
    scene = Scene.of(model, noise(4, 4), "noise.png")
    order = np.argsort(-model.net(scene.x)[0])
    assert fooling_target(scene) not in order[:5].tolist()


def test_the_fooling_section_tells_what_happened(scene: Scene) -> None:
    target = fooling_target(scene)
    patient = replace(scene, plan=replace(SHORT, fooling_steps=200))
    fooled = fooling_section(patient)
    assert f"the network takes it for: label {target}." in fooled.text
    assert "Fooled: the same picture" in fooled.title
    stubborn = replace(scene, plan=replace(SHORT, fooling_steps=0))
    section = fooling_section(stubborn)
    assert section.title.startswith("Not fooled")
    before, difference, after = section.figures()
    np.testing.assert_array_equal(np.asarray(before.image), scene.view)
    np.testing.assert_array_equal(np.asarray(after.image), scene.view)
    assert np.asarray(difference.image).min() == 128


def test_the_target_is_among_the_classes_before() -> None:
    rng = np.random.default_rng(1)
    model = linear_model(rng.normal(size=(40, 48)))
    scene = Scene.of(model, noise(4, 4), "noise.png", plan=SHORT)
    target = fooling_target(scene)
    html = fooling_section(scene).blocks[0].to_html()
    before = html.partition("The difference")[0]
    assert f"class {target}<" in before


def test_filters_and_maps_share_their_order(scene: Scene) -> None:
    filters, maps = maps_section(scene).figures()
    assert filters.name == "conv1-filters"
    assert maps.settings["maps"] == list(range(8))
    # eight columns in one row, gaps of 2
    assert maps.image.width > 8 * maps.image.height - 8


def test_the_gradient_tour_needs_no_deconvnet(scene: Scene) -> None:
    names = [f.name for s in tour(scene, GRADIENT_TOUR) for f in s.figures()]
    assert "saliency" in names
    assert not [name for name in names if name.startswith("conv")]


def test_where_the_maps_of_a_convolution_are_seen() -> None:
    one = np.ones(3, np.float32)
    conv = Conv(np.ones((3, 3, 1, 1), np.float32))
    net = Sequential(
        {
            "conv1": conv,
            "norm1": BatchNorm(one, one),
            "relu1": ReLU(),
            "conv2": conv,
            "pool2": MaxPool(2),
            "relu2": ReLU(),
            "conv3": conv,
            "clip3": Clip(0, 6),
            "pool": GlobalMaxPool(),
        }
    )
    assert rectified(net, "conv1") == "relu1"
    assert rectified(net, "conv2") == "conv2"
    assert rectified(net, "conv3") == "clip3"


def test_a_deep_net_shows_its_first_its_last_and_some_between() -> None:
    conv = Conv(np.ones((3, 3, 1, 1), np.float32))
    net = Sequential({f"conv{i}": conv for i in range(13)})
    assert convolutions(net, 20) == [f"conv{i}" for i in range(13)]
    assert convolutions(net, 4) == ["conv0", "conv4", "conv8", "conv12"]
    assert convolutions(net, 1) == ["conv0"]
