"""The commands that climb: what they write, and that they say what the methods do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import fails, folder, noise, picture, run, wrong_usage
from PIL import Image

from numpy_deconv import methods
from numpy_deconv.cli.adversarial_commands import parse_share
from numpy_deconv.io.png import read_png_metadata
from numpy_deconv.models import Model, load_model

__all__ = ["folder", "picture"]


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


def pixels(path: str) -> np.ndarray:
    return np.asarray(Image.open(path))


def settings(path: str) -> dict[str, Any]:
    return json.loads(read_png_metadata(path)["numpy_deconv.settings"])


def wrote(output: str) -> list[str]:
    lines = output.splitlines()
    return [line.removeprefix("wrote ") for line in lines if line.startswith("wrote ")]


def test_every_so_many_steps_are_one_sheet(folder: Path, model: Model) -> None:
    words = ("--target", "clock", "--steps", 5, "--every", 2, "--rate", 3)
    clock = model.labels.index("clock")
    sheet, single = wrote(run("visualize-class", *words))
    assert sheet == f"deconv/class-{clock:03d}-steps.png"
    found = methods.class_visualization(model, None, clock, steps=5, learning_rate=3)
    np.testing.assert_array_equal(pixels(single), found.drawn())
    assert settings(single)["learning_rate"] == 3
    height, width = pixels(sheet).shape[:2]
    assert 2 * height < 3 * width / 1.5  # two side by side
    run("visualize-class", *words, "--steps", 22, "--every", 1)
    assert pixels(sheet).shape[0] > 3 * height - 40  # in rows of eight


def test_visualize_unit(folder: Path, model: Model) -> None:
    words = ("--layer", "relu3", "--unit", 4, "--unit", "5,1,2", "--steps", 2)
    output = run("visualize-unit", *words, "--seed", 3)
    names = ["deconv/relu3-map004-seen.png", "deconv/relu3-map005-1-2-seen.png"]
    assert wrote(output) == names
    options: dict[str, Any] = {"steps": 2, "seed": 3}
    for name, unit in zip(names, (4, (5, 1, 2)), strict=True):
        found = methods.unit_visualization(model, None, "relu3", unit, **options)
        np.testing.assert_array_equal(pixels(name), found.drawn())
    assert settings(names[1])["unit"] == [5, 1, 2]
    assert settings(names[1])["preset"] == "lucid"


def test_visualize_every_unit_from_a_picture(folder: Path, picture: Path) -> None:
    words = ("--layer", "fc6", "--unit", "all", "--steps", 1, "--preset", "simonyan")
    names = wrote(run("visualize-unit", picture, *words))
    assert names[0] == "deconv/noise-fc6-map000-seen.png"
    assert len(names) == 20


def test_deepdream(folder: Path, picture: Path, model: Model) -> None:
    words = ("--layer", "relu4", "--octaves", 2, "--steps", 2, "--every", 3)
    sheet, name = wrote(run("deepdream", picture, *words))
    assert name == "deconv/noise-relu4-dream.png"
    assert sheet == "deconv/noise-relu4-dream-steps.png"
    x = model.preprocess(picture)
    found = methods.deepdream(model, x, "relu4", octaves=2, steps=2)
    np.testing.assert_array_equal(pixels(name), found.drawn())
    assert settings(name)["octaves"] == 2


def test_deepdream_into_the_whole_picture(folder: Path) -> None:
    noise(folder / "wide.png", height=40, width=100)
    words = ("--layer", "relu2", "--octaves", 2, "--steps", 1, "--size", 120)
    (name,) = wrote(run("deepdream", "wide.png", *words))
    assert pixels(name).shape == (48, 120, 3)


def test_invert(folder: Path, picture: Path, model: Model) -> None:
    words = ("--layer", "relu2", "--steps", 2, "--smoothness", 3)
    output = run("invert", picture, *words)
    (name,) = wrote(output)
    assert name == "deconv/noise-relu2-inverse.png"
    x = model.preprocess(picture)
    found = methods.invert(model, x, "relu2", steps=2, smoothness=3)
    np.testing.assert_array_equal(pixels(name), found.drawn())
    assert f"noise: {found.settings['error']:.1%} of relu2 is left" in output


def test_style(folder: Path, picture: Path, model: Model) -> None:
    noise(folder / "other.png", seed=1)
    words = ("--style", "other.png", "--steps", 2, "--content-weight", 1)
    layers = ("--style-layer", "relu1", "--style-layer", "relu2", "--style-weight", 2)
    weights = ("--style-weight", 1, "--content-layer", "relu3")
    (name,) = wrote(run("style", picture, *words, *layers, *weights))
    assert name == "deconv/noise-like-other.png"
    x, painted = model.preprocess(picture), model.preprocess(folder / "other.png")
    found = methods.style_transfer(
        model,
        x,
        painted,
        content_layer="relu3",
        style_layers=["relu1", "relu2"],
        style_weights=[2, 1],
        content_weight=1,
        steps=2,
    )
    np.testing.assert_array_equal(pixels(name), found.drawn())
    assert settings(name)["style"] == "other"


def test_without_a_style_the_other_shipped_picture_is_taken(folder: Path) -> None:
    assert wrote(run("style", "--steps", 1)) == ["deconv/emoji-like-cat.png"]


@pytest.mark.parametrize("method", ["fgsm", "pgd"])
def test_adversarial(method: str, folder: Path, picture: Path, model: Model) -> None:
    other = noise(folder / "other.png", seed=1)
    words = ("--method", method, "--epsilon", "4/255", "--steps", 3)
    output = run("adversarial", picture, other, *words)
    assert wrote(output) == [
        f"deconv/{name}-{method}{part}.png"
        for name in ("noise", "other")
        for part in ("-story", "")
    ]
    x = np.concatenate([model.preprocess(picture), model.preprocess(other)])
    options: dict[str, Any] = {} if method == "fgsm" else {"steps": 3}
    found = getattr(methods, method)(model, x, epsilon=4 / 255, **options)
    name = f"deconv/other-{method}.png"
    np.testing.assert_array_equal(pixels(name), found.drawn(1))
    assert settings(name)["picture"] == "other"
    assert f"noise: {found.before[0].label} (" in output


def test_adversarial_towards_a_class(folder: Path, picture: Path) -> None:
    words = ("--target", 3, "--norm", "l2", "--epsilon", "1e-6", "--steps", 1)
    output = run("adversarial", picture, *words)
    assert output.count(": try a larger --epsilon") == 1
    assert settings("deconv/noise-pgd.png")["target"] == [3]
    run("adversarial", picture, "--target", "clock", "--steps", 1)  # by its name, too
    assert settings("deconv/noise-pgd.png")["target"] == [15]


def interrupting(name: str) -> Any:
    """A ``step`` that stops the work after the first bit of progress."""
    from contextlib import contextmanager

    @contextmanager
    def step(text: str) -> Any:
        def progress(done: int, total: int) -> None:
            raise KeyboardInterrupt

        yield progress

    return step


@pytest.mark.parametrize(
    ("command", "module", "left"),
    [
        ("visualize-unit", "ascent_commands", "relu5-map000-seen.png"),
        ("deepdream", "repainting_commands", "noise-relu5-dream.png"),
        ("invert", "repainting_commands", "noise-relu5-inverse.png"),
        ("style", "repainting_commands", "noise-like-cat.png"),
        ("adversarial", "adversarial_commands", "noise-pgd.png"),
    ],
)
def test_interrupted_the_best_is_kept(
    command: str,
    module: str,
    left: str,
    folder: Path,
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import importlib

    commands = importlib.import_module(f"numpy_deconv.cli.{module}")
    monkeypatch.setattr(commands, "step", interrupting(command))
    pictures = () if command == "visualize-unit" else (picture,)
    output = run(command, *pictures, status=130)
    assert "Interrupted: what was done so far is kept." in output
    assert settings(f"deconv/{left}")["interrupted_at"] == 1


def test_shares() -> None:
    assert parse_share(None) is None
    assert parse_share("8/255") == 8 / 255
    assert parse_share("0.03") == 0.03


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "8/0", "8/x", "", "2e6"])
def test_sizes_that_are_none(text: str, folder: Path) -> None:
    assert "is no size: write a share" in wrong_usage("adversarial", "--epsilon", text)


def test_wrong_usage(folder: Path) -> None:
    words = ("adversarial", "--method", "fgsm", "--norm", "l2")
    assert "--norm l2 is for --method pgd" in wrong_usage(*words)
    assert "is not above 0" in wrong_usage("deepdream", "--rate", "-1")
    assert "--rate" in wrong_usage("visualize-class", "--target", 1, "--rate", "nan")
    assert "there is no layer 'relu9'" in fails("deepdream", "--layer", "relu9")
    assert "preset 'x' is not known" in fails("visualize-unit", "--preset", "x")
    words = ("style", "--style-layer", "relu1", "--style-weight", 1)
    assert "1 style_layers and 2 style_weights" in fails(*words, "--style-weight", 2)
