"""``train`` and ``predict`` as they are called, on pictures of three colours."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import fails, folder, run, wrong_usage
from PIL import Image
from small_training import picture_folder

from numpy_deconv.io.png import read_png_metadata
from numpy_deconv.io.safetensors import read_safetensors, write_safetensors
from numpy_deconv.models import ARCHITECTURES
from numpy_deconv.training import Training

__all__ = ["folder"]

SMALL = ("--model", "emoji_zfnet", "--size", "32", "--batch", "6", "--lr", "0.02")
STEPS = 3  # of 18 pictures


@pytest.fixture
def listed(folder: Path) -> Path:
    return picture_folder(folder)


def trained(listed: Path, *more: Any, epochs: int = 2, status: int = 0) -> str:
    words = ("train", listed, *SMALL, "--epochs", epochs, *more)
    return run(*words, status=status)


def test_a_run_and_what_it_sorts(listed: Path, folder: Path) -> None:
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    (folder / "pictures/class 0/3.png").write_bytes(b"broken")
    said = trained(
        listed, "--print-every", 1, "--project-every", 4, "--project-top", 5,
        "--project-layer", "relu3", "--labels", "labels.txt", epochs=8,
    )  # fmt: skip
    assert "17 pictures of 3 classes, 2 iterations an epoch" in said
    assert "left out: 1 picture that cannot be read" in said
    assert "3.png" in Path("run/unreadable.txt").read_text()
    assert "epoch 2/8, iteration 3/16: loss" in said
    assert "8 epochs done: mean loss" in said
    for iteration in (4, 8, 12, 16):
        name = f"run/iteration-{iteration:06d}-relu3"
        settings = json.loads(read_png_metadata(f"{name}.png")["numpy_deconv.settings"])
        assert settings["iteration"] == iteration
        assert settings["model"] == "emoji_zfnet"
        assert Path(f"{name}-way-down.png").exists()

    said = run("predict", "pictures", "--weights", "run", "--out", "sorted")
    told = json.loads(Path("sorted/predictions.json").read_text())
    assert len(told["pictures"]) == 17
    right = [f"class {p['class']}" in p["path"] for p in told["pictures"]]
    assert np.mean(right) > 0.8
    assert len(told["unreadable"]) == 1
    assert "red (0): " in said
    assert Path("sorted/class-00-red.png").exists()
    one = told["pictures"][0]
    words = ("--model", "run/weights.safetensors", "--labels", "labels.txt")
    said = run("predict", one["path"], *words)
    assert f"{one['label']} ({one['class']}): 1 picture\n" in said


def test_it_goes_on_where_it_was(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(listed, "--out", "whole")
    taken = Training.step

    def interrupted(self: Training, *batch: Any) -> Any:
        if self.place.iteration == 4:
            raise KeyboardInterrupt
        return taken(self, *batch)

    monkeypatch.setattr(Training, "step", interrupted)
    said = trained(listed, "--out", "often", status=130)
    assert "Interrupted: what was done so far is kept." in said
    monkeypatch.setattr(Training, "step", taken)
    said = trained(listed, "--out", "often")
    assert "going on with the run in often: epoch 2 of 2, step 2 of 3" in said
    whole, often = (
        read_safetensors(f"{name}/checkpoint.safetensors")
        for name in ("whole", "often")
    )
    for name, array in whole.items():
        np.testing.assert_array_equal(often[name], array)
    said = trained(listed, "--out", "often")
    assert "the run in often is done: all 2 epochs; more with --epochs" in said
    said = trained(listed, "--out", "often", epochs=3)
    assert "going on with the run in often: epoch 3 of 3, step 1 of 3" in said
    line = fails("train", listed, *SMALL[:-1], 0.5, "--out", "often")
    assert "the run in often is another one: optimizer was" in line
    said = trained(listed, "--out", "often", "--restart", "--seed", 1, epochs=1)
    assert "going on" not in said


def test_weights_to_begin_from(listed: Path) -> None:
    trained(listed, "--out", "first", epochs=1)
    weights = "first/weights.safetensors"
    said = trained(
        listed, "--from", weights, "--classes", 4, "--out", "second", epochs=1
    )
    assert f"10 of 12 arrays are from {weights}; drawn at random: fc6.weight, " in said
    np.savez("other.npz", a=np.zeros(3))
    line = fails("train", listed, *SMALL, "--from", "other.npz")
    assert "nothing in other.npz fits emoji_zfnet: it begins with a" in line


@pytest.mark.parametrize(
    "more",
    [
        ("--optimizer", "adam", "--schedule", "cosine", "--flip"),
        ("--optimizer", "adamw", "--schedule", "step", "--step-every", 1),
        ("--crop", "0.5", "--colour", "0.2", "--filter-rms", "0.1"),
        ("--smoothing", "0.1", "--weight-decay", "0.001", "--save-every", 1),
    ],
)
def test_every_option_has_an_effect(listed: Path, more: tuple[Any, ...]) -> None:
    trained(listed, "--out", "plain")
    trained(listed, *more, "--out", "other")
    plain, other = (
        read_safetensors(f"{name}/weights.safetensors") for name in ("plain", "other")
    )
    assert any((plain[name] != other[name]).any() for name in plain)


def test_a_folder_per_class_has_names(listed: Path) -> None:
    said = run("train", "pictures", *SMALL, "--epochs", 1)
    assert "18 pictures of 3 classes" in said
    assert json.loads(Path("run/run.json").read_text())["labels"][1] == "class 1"


def test_dead_maps_are_warned_of(listed: Path) -> None:
    weights = ARCHITECTURES["emoji_zfnet"].random_weights(0, 3)
    weights["conv5.weight"][:100] = 0
    weights["conv5.bias"][:100] = -1
    write_safetensors("dead.safetensors", weights)
    words = ("--from", "dead.safetensors", "--lr", 0, "--project-every", 1)
    said = trained(listed, *words, epochs=1)
    count = int(re.search(r"(\d+) of 192 of relu5", said)[1])
    assert 100 <= count < 192
    assert "Warning: most maps of relu5 are dead, and dead maps do not learn" in said
    assert "Warning: most maps of relu1 " not in said
    assert Path("run/iteration-000001-relu5.png").exists()


def test_mistakes_are_told_before_any_work(listed: Path, folder: Path) -> None:
    cases = {
        ("--model", "vgg61"): "no architecture is called 'vgg61'",
        ("--classes", "2"): "of class 2, but there are 2 classes",
        ("--optimizer", "adam", "--momentum", "0.9"): "--momentum is SGD's",
        ("--project-layer", "relu9"): "there is no layer 'relu9'",
        ("--batch", "40"): "18 readable pictures make no batch of 40",
        ("--crop", "2"): "crop is 2.0",
        ("--root", "elsewhere"): "none of 18 pictures can be read",
    }
    for words, told in cases.items():
        assert told in fails("train", listed, *SMALL, *words)
        assert not Path("run").exists()
    (folder / "two.txt").write_text("a\nb\n")
    told = wrong_usage("train", listed, *SMALL, "--labels", "two.txt")
    assert "2 class names for 3 classes" in told
    assert "does not exist" in fails("train", "absent.txt", *SMALL)
    assert "holds no folders with pictures" in fails(
        "train", "pictures/class 0", *SMALL
    )


def test_predictions_without_a_run(listed: Path, folder: Path) -> None:
    (folder / "empty").mkdir()
    line = fails("predict", "pictures", "--weights", "empty")
    assert "empty is not the folder of a training run" in line
    line = fails("predict", "empty", "--weights", "emoji_zfnet")
    assert "nothing to predict: there are no pictures" in line
    line = fails("predict", "pictures", "--weights", "absent.npz")
    assert "is neither a file nor a model's name" in line
    assert not Path("predictions").exists()


def test_a_sheet_has_rows_of_eight(listed: Path) -> None:
    run("predict", "pictures/class 0", "--weights", "emoji_zfnet", "--out", "few")
    for number in range(20):
        shutil.copy("pictures/class 0/0.png", f"pictures/class 0/copy-{number}.png")
    run("predict", "pictures/class 0", "--weights", "emoji_zfnet", "--out", "many")

    def largest(folder: str) -> tuple[int, int]:
        sizes = []
        for path in Path(folder).glob("class-*.png"):
            with Image.open(path) as sheet:
                sizes.append(sheet.size)
        return max(sizes)

    (few, low), (many, high) = largest("few"), largest("many")
    assert few <= many == 8 * 168 + 8
    assert high >= 3 * low
