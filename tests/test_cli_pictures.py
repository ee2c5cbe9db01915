"""What the commands write: the pictures of the methods, with their settings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import folder, noise, picture, run
from PIL import Image

from numpy_deconv import methods
from numpy_deconv.io.png import read_png_metadata
from numpy_deconv.models import Model, load_model

__all__ = ["folder", "picture"]


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def settings(path: Path) -> dict:
    return json.loads(read_png_metadata(path)["numpy_deconv.settings"])


def wrote(output: str) -> list[str]:
    lines = output.splitlines()
    return [line.removeprefix("wrote ") for line in lines if line.startswith("wrote ")]


def test_saliency_of_several_pictures_is_one_batch_and_one_sheet(
    folder: Path, picture: Path, model: Model
) -> None:
    other = noise(folder / "other.png", seed=1)
    output = run("saliency", picture, other, "--out", "out")
    x = np.concatenate([model.preprocess(picture), model.preprocess(other)])
    found = methods.saliency(model, x)
    assert wrote(output) == [
        "out/noise-saliency.png",
        "out/other-saliency.png",
        "out/saliency.png",
    ]
    for sample, name in enumerate(("noise", "other")):
        path = folder / "out" / f"{name}-saliency.png"
        np.testing.assert_array_equal(pixels(path), found.drawn(sample))
        assert settings(path)["target"] == found.target[sample]
        assert settings(path)["class"] == model.label(found.target[sample])
        assert settings(path)["picture"] == name
        assert settings(path)["model"] == "emoji_zfnet"
        assert settings(path)["backend"] == "numpy"
    assert len(settings(folder / "out" / "saliency.png")["classes"]) == 2


def test_guided_takes_a_class_by_name(
    folder: Path, picture: Path, model: Model
) -> None:
    run("guided", picture, "--target", "FLAG", "--out", "out")
    index = model.labels.index("flag")
    found = methods.guided_backprop(model, model.preprocess(picture), index)
    path = folder / "out" / "noise-guided.png"
    np.testing.assert_array_equal(pixels(path), found.drawn())
    assert settings(path)["rules"] == "guided_backprop"


def test_two_pictures_of_one_name_are_kept_apart(folder: Path, picture: Path) -> None:
    (folder / "sub").mkdir()
    other = noise(folder / "sub" / "noise.png", seed=1)
    output = run("saliency", picture, other, "--out", "out")
    assert wrote(output)[:2] == ["out/noise-saliency.png", "out/noise-2-saliency.png"]


def test_project_the_strongest_maps(folder: Path, picture: Path, model: Model) -> None:
    words = ("--layer", "relu3", "--top", 3, "--overlap", "assign", "--start", "1")
    output = run("project", picture, "--out", "out", *words)
    x = model.preprocess(picture)
    found = methods.deconvnet(model, x, "relu3", top=3, overlap="assign", start=1.0)
    names = [
        f"out/noise-relu3-map{u.map:03d}-{u.position[0]}-{u.position[1]}.png"
        for u in found.units
    ]
    assert wrote(output) == names
    for name, picture_, unit in zip(names, found.pictures(), found.units, strict=True):
        np.testing.assert_array_equal(pixels(folder / name), picture_)
        about = settings(folder / name)
        assert about["rule.MaxPool"] == "scatter(assign)"
        assert about["start"] == 1.0
        assert about["units"] == [[0, unit.map, *unit.position]]
        assert about["value"] == unit.value
        assert about["receptive_field"] == [list(side) for side in unit.box or ()]


def test_project_given_units(folder: Path, picture: Path, model: Model) -> None:
    words = ("--layer", "relu4", "--unit", "7", "--unit", "9,3,4")
    output = run("project", picture, "--out", "out", *words)
    x = model.preprocess(picture)
    whole = methods.deconvnet(model, x, "relu4", maps=7)
    single = methods.deconvnet(model, x, "relu4", unit=(9, 3, 4))
    row, column = whole.units[0].position
    assert wrote(output) == [
        f"out/noise-relu4-map007-{row}-{column}.png",
        "out/noise-relu4-map009-3-4.png",
    ]
    got = [pixels(folder / name) for name in wrote(output)]
    np.testing.assert_array_equal(got[0], whole.pictures()[0])
    np.testing.assert_array_equal(got[1], single.pictures()[0])


def test_project_every_map(folder: Path, picture: Path) -> None:
    output = run("project", picture, "--layer", "relu1", "--unit", "all")
    assert len(wrote(output)) == 32
    assert wrote(output)[0].startswith("deconv/noise-relu1-map000-")


def test_project_without_a_layer_takes_the_last_convolution(
    folder: Path, picture: Path
) -> None:
    (name,) = wrote(run("project", picture))
    assert "relu5" in name


def test_maps(folder: Path, picture: Path, model: Model) -> None:
    run("maps", picture, "--layer", "relu2", "--unit", "5", "--unit", "0")
    x = model.preprocess(picture)
    found = methods.feature_maps(model, x, "relu2", maps=[5, 0])
    path = folder / "deconv" / "noise-relu2-maps.png"
    np.testing.assert_array_equal(pixels(path), found.drawn())
    run("maps", picture, "--layer", "relu2", "--merged")
    found = methods.feature_maps(model, x, "relu2", merged=True)
    path = folder / "deconv" / "noise-relu2-merged.png"
    np.testing.assert_array_equal(pixels(path), found.drawn())
    assert settings(path)["merged"] is True


def test_filters(folder: Path, model: Model) -> None:
    assert wrote(run("filters")) == ["deconv/conv1-filters.png"]
    found = methods.filters(model, "conv1")
    path = folder / "deconv" / "conv1-filters.png"
    np.testing.assert_array_equal(pixels(path), found.drawn())
    run("filters", "--layer", "conv2", "--unit", "3")
    found = methods.filters(model, "conv2", maps=[3])
    path = folder / "deconv" / "conv2-filters.png"
    np.testing.assert_array_equal(pixels(path), found.drawn())


def test_visualize_class(folder: Path, picture: Path, model: Model) -> None:
    words = ("--target", "clock", "--target", 3, "--steps", 2, "--seed", 5)
    output = run("visualize-class", *words)
    clock = model.labels.index("clock")
    assert wrote(output) == [f"deconv/class-{clock:03d}.png", "deconv/class-003.png"]
    found = methods.class_visualization(model, None, clock, steps=2, seed=5)
    path = folder / wrote(output)[0]
    np.testing.assert_array_equal(pixels(path), found.drawn())
    assert settings(path)["seed"] == 5
    assert settings(path)["class"] == "clock"
    words = ("--target", "3", "--steps", 2, "--preset", "simonyan")
    assert wrote(run("visualize-class", picture, *words)) == [
        "deconv/noise-class-003.png"
    ]
    found = methods.class_visualization(
        model, model.preprocess(picture), 3, steps=2, preset="simonyan"
    )
    path = folder / "deconv" / "noise-class-003.png"
    np.testing.assert_array_equal(pixels(path), found.drawn())


def test_fool(folder: Path, picture: Path, model: Model) -> None:
    output = run("fool", picture, "--target", "3", "--steps", 2, "--rate", 0.5)
    found = methods.fooling_image(model, model.preprocess(picture), 3, steps=2, lr=0.5)
    path = folder / "deconv" / "noise-as-003.png"
    np.testing.assert_array_equal(pixels(path), found.drawn())
    story = folder / "deconv" / "noise-as-003-story.png"
    np.testing.assert_array_equal(pixels(story), found.story())
    assert f"noise: {found.before[0].label} (" in output
    assert "not bird: try more --steps" in output


def test_fool_says_when_it_is_reached(
    folder: Path, picture: Path, model: Model
) -> None:
    best = methods.classify(model, model.preprocess(picture)).top[0][0]
    output = run("fool", picture, "--target", best.index)
    assert f"became {best.label} " in output
    assert "after 0 steps" in output
    assert "try more" not in output


def test_classify(folder: Path, picture: Path, model: Model) -> None:
    output = run("classify", picture, "--top", 2)
    (guesses,) = methods.classify(model, model.preprocess(picture), 2).top
    assert output.splitlines() == [
        "noise",
        *(f"  {g.probability:6.1%}  {g.label} ({g.index})" for g in guesses),
    ]


def test_labels_and_weights_of_ones_own(folder: Path, picture: Path) -> None:
    (folder / "names.txt").write_text("\n".join(f"kind {i}" for i in range(20)))
    assert "kind " in run("classify", picture, "--labels", "names.txt")
    assert "class " in run("classify", picture, "--model", "emoji_zfnet:random")


def test_without_a_picture_the_shipped_one_is_taken(folder: Path) -> None:
    assert run("classify", "--top", 1).startswith("emoji\n")
    words = ("--top", 1, "--model", "squeezenet1_1:random")
    assert run("classify", *words).startswith("cat\n")


def test_project_by_other_rules(folder: Path, picture: Path) -> None:
    words = ("--layer", "relu3", "--rules", "guided_backprop")
    (name,) = wrote(run("project", picture, "--out", "out", *words))
    assert settings(folder / name)["rule.ReLU"] == "rectify_both"
