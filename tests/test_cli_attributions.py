"""The commands of attributions and of what judges them: files, words, settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import fails, folder, noise, picture, run, wrong_usage
from onnx_models import model_of_net, small
from PIL import Image

from numpy_deconv import layers, methods
from numpy_deconv.cli.data_set_commands import _parse_part
from numpy_deconv.cli.heat_commands import CompositeName
from numpy_deconv.cli.judging_commands import MethodName
from numpy_deconv.io.png import read_png_metadata
from numpy_deconv.methods.attribution import Attribution
from numpy_deconv.models import Model, load_model
from numpy_deconv.net import Graph, Node
from numpy_deconv.rules_composites import COMPOSITES

__all__ = ["folder", "picture"]


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


def pixels(path: Path) -> Any:
    with Image.open(path) as opened:
        return np.asarray(opened)


def settings(path: Path) -> dict[str, Any]:
    return json.loads(read_png_metadata(path)["numpy_deconv.settings"])


COMMANDS = {
    "gradient-times-input": (methods.gradient_times_input, (), {}),
    "integrated-gradients": (
        methods.integrated_gradients,
        ("--steps", 5, "--quadrature", "midpoint", "--baseline", "-1.5"),
        {"steps": 5, "quadrature": "midpoint", "baseline": -1.5},
    ),
    "smoothgrad": (
        methods.smoothgrad,
        ("--samples", 3, "--noise", 0.3, "--statistic", "squared", "--seed", 4),
        {"samples": 3, "noise": 0.3, "statistic": "squared", "seed": 4},
    ),
    "grad-cam": (methods.grad_cam, ("--layer", "relu3"), {"layer": "relu3"}),
    "guided-grad-cam": (methods.guided_grad_cam, (), {}),
    "lrp": (
        methods.lrp,
        ("--composite", "epsilon_plus"),
        {"composite": "epsilon_plus"},
    ),
    "rise": (
        methods.rise,
        ("--masks", 4, "--cells", 3, "--seed", 2),
        {"masks": 4, "cells": 3, "seed": 2},
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_picture_each_and_a_sheet(
    command: str, folder: Path, picture: Path, model: Model
) -> None:
    method, words, options = COMMANDS[command]
    other = noise(folder / "other.png", seed=1)
    output = run(command, picture, other, "--target", "7", "--out", "out", *words)
    x = np.concatenate([model.preprocess(picture), model.preprocess(other)])
    found = method(model, x, 7, **options)  # type: ignore[operator]
    for sample, name in enumerate(("noise", "other")):
        path = folder / "out" / f"{name}-{command}.png"
        assert f"wrote out/{path.name}" in output
        np.testing.assert_array_equal(pixels(path), found.drawn(sample))
        about = settings(path)
        assert about["class"] == model.label(7)
        assert about["picture"] == name
        assert about["method"] == command.replace("-", "_")
    assert f"wrote out/{command}.png" in output
    told = command in ("integrated-gradients", "lrp")
    assert ("unexplained" in output) == told


def test_a_picture_of_nothing_is_explained(folder: Path, picture: Path) -> None:
    net = small()
    dead = layers.Linear(np.zeros_like(net["fc"].weight), np.zeros(4, np.float32))
    nodes = {**net.nodes, "fc": Node(dead, ("flatten",))}
    model_of_net(Graph(nodes)).save("dead.onnx")  # type: ignore[arg-type]
    output = run("saliency", picture, "--model", "dead.onnx", "--out", "out")
    assert "nothing moves the score of" in output


def test_saliency_of_ten_crops_of_a_larger_view(folder: Path, picture: Path) -> None:
    run("saliency", picture, "--ten-crops", "--out", "out")
    about = settings(folder / "out" / "noise-saliency.png")
    assert about["crops"] == 10 and about["crop"] == [96, 96]
    assert pixels(folder / "out" / "noise-saliency.png").shape == (110, 110, 3)


@pytest.mark.parametrize("command", ["guided", "guided-grad-cam", "project"])
def test_a_way_through_what_is_refused(folder: Path, command: str) -> None:
    words = (command, "--model", "swish.onnx", "--out", "out")
    net = small()
    nodes = {**net.nodes, "relu1": Node(layers.SiLU(), ("conv1",))}
    model_of_net(Graph(nodes)).save("swish.onnx")  # type: ignore[arg-type]
    if command == "project":
        words = (*words, "--layer", "pool1")
    assert fails(*words).endswith("; on the command line: --gradient-elsewhere")
    run(*words, "--gradient-elsewhere")
    (path, *_) = sorted((folder / "out").glob("*.png"))
    assert "else gradient" in settings(path)["rules"]


def test_an_interrupted_run_leaves_what_is_done(
    folder: Path, picture: Path, monkeypatch: pytest.MonkeyPatch, model: Model
) -> None:
    whole = methods.lrp(model, model.preprocess(picture))
    about = {**whole.settings, "interrupted_at": 1}
    part = Attribution(whole.pixels, about, whole.target, whole.scores, model)
    monkeypatch.setattr(methods, "lrp", lambda *a, **k: part)
    output = run("lrp", picture, picture, "--out", "out", status=130)
    assert "wrote out/noise-lrp.png" in output
    assert output.endswith("Interrupted: what was done so far is kept.\n")
    assert len(list((folder / "out").iterdir())) == 2


def test_occlusion_is_one_sheet_a_picture(folder: Path, picture: Path) -> None:
    words = ("--size", 40, "--stride", 40, "--value", 1, "--layer", "relu4")
    output = run("occlusion", picture, "--out", "out", *words)
    assert output.splitlines()[-1].startswith("wrote out/noise-occlusion.png")
    about = settings(folder / "out" / "noise-occlusion.png")
    assert about["size"] == [40, 40]
    assert about["value"] == [1.0]
    assert about["layer"] == "relu4"
    height, width = pixels(folder / "out" / "noise-occlusion.png").shape[:2]
    assert width > 3 * height / 2


def test_the_square_must_be_chosen() -> None:
    assert "Missing option '--size'" in wrong_usage("occlusion", "--stride", 3)
    assert "Missing option '--stride'" in wrong_usage("occlusion", "--size", 3)


def test_metrics_is_a_table_and_its_curves(folder: Path, picture: Path) -> None:
    words = ("--method", "saliency", "--method", "lrp", "--samples", 3, "--steps", 4)
    output = run("metrics", picture, "--out", "out", *words)
    lines = output.splitlines()
    head, saliency, lrp = (
        next(line for line in lines if line.startswith(start)).split()
        for start in ("   ", "saliency   ", "lrp    ")
    )
    assert head == ["deletion", "insertion", "infidelity", "sensitivity-n"]
    assert saliency[3] == "-"  # a map without signs has no infidelity
    assert len(lrp) == 5
    table = settings(folder / "out" / "metrics.png")["table"]
    assert f"{table['lrp']['infidelity']:.3g}" == lrp[3]


def test_how_much_an_attribution_moves(
    folder: Path, picture: Path, model: Model
) -> None:
    words = ("--method", "saliency", "--radius", 0.1, "--samples", 2, "--seed", 5)
    output = run("max-sensitivity", picture, "--out", "out", *words)
    found = methods.max_sensitivity(
        methods.saliency,
        model,
        model.preprocess(picture),
        radius=0.1,
        samples=2,
        seed=5,
    )
    assert f"noise: saliency moves by {found.values[0]:.3g}\n" in output
    path = folder / "out" / "noise-max-sensitivity-saliency.png"
    np.testing.assert_array_equal(pixels(path), found.drawn())
    assert settings(path)["radius"] == 0.1


def test_the_whole_integral(folder: Path, picture: Path) -> None:
    model_of_net(small()).save(folder / "small.onnx")
    words = ("integrated-gradients", picture, "--out", "out", "--exact", "--model")
    run(*words, "small.onnx")
    about = settings(folder / "out" / "noise-integrated-gradients.png")
    assert about["pieces"][0] > 1
    assert abs(about["residual"][0]) < 1e-3
    assert "bends more than 10000 times" in fails(*words, "emoji_zfnet")


def test_the_sanity_check(folder: Path, picture: Path, model: Model) -> None:
    words = ("--method", "saliency", "--stages", 2, "--seed", 5)
    output = run("sanity-check", picture, "--out", "out", *words)
    x = model.preprocess(picture)
    found = methods.randomisation_check(methods.saliency, model, x, stages=2, seed=5)
    drawn = pixels(folder / "out" / "sanity-saliency.png")
    np.testing.assert_array_equal(drawn, found.drawn())
    maps = pixels(folder / "out" / "noise-sanity-saliency-maps.png")
    np.testing.assert_array_equal(maps, found.maps())
    value = found.spearman_abs[0, 0]
    assert f"saliency: rank correlation {value:.2f} after fc6" in output


def test_top_patches_of_folders(folder: Path, picture: Path, model: Model) -> None:
    (folder / "set" / "deep").mkdir(parents=True)
    files = [noise(folder / "set" / f"{n}.png", seed=n) for n in range(3)]
    files.append(noise(folder / "set" / "deep" / "x.png", seed=9))
    (folder / "set" / "broken.jpg").write_bytes(b"")
    words = ("--layer", "relu3", "--unit", 4, "--top", 2, "--state", "s.npz")
    output = run("top-patches", "set", picture, "--out", "out", *words)
    assert "skipped set/broken.jpg" in output
    read = [*sorted(files), picture]
    x = np.concatenate([model.preprocess(file) for file in read])
    found = methods.strongest_examples(model, x, "relu3", maps=4, top=2)
    path = folder / "out" / "relu3-map004-patches.png"
    np.testing.assert_array_equal(pixels(path), found.map_drawn(4))
    names = [Path(name).name for name in settings(path)["files"]]
    assert names == [read[e.picture].name for e in found.examples]
    assert (folder / "s.npz").is_file()
    (folder / "empty").mkdir()
    assert "there are no pictures in empty" in fails("top-patches", "empty")


def test_invariance(folder: Path, picture: Path) -> None:
    run("invariance", picture, "--transform", "scale", "--layer", "relu1", "--out", "o")
    about = settings(folder / "o" / "invariance-scale.png")
    assert about["layers"] == ["relu1"]
    assert about["amounts"][0] == 1


def test_correspondence(folder: Path, picture: Path, model: Model) -> None:
    other = noise(folder / "other.png", seed=1)
    part = ("--part", "eye=20-36,24-40")
    output = run("correspondence", picture, other, *part, "--out", "out")
    x = np.concatenate([model.preprocess(picture), model.preprocess(other)])
    parts = {"eye": ((20, 36), (24, 40))}
    found = methods.correspondence(model, x, parts, ["relu1", "relu5"])
    line = next(line for line in output.splitlines() if line.startswith("eye"))
    assert line.split()[1:] == [f"{value:.4f}" for value in found.pixels[0]]
    assert (folder / "out" / "correspondence.png").is_file()
    assert "pairs of pictures" in fails("correspondence", picture, *part)


@pytest.mark.parametrize(
    "text", ["eye", "eye=1-2", "=1-2,3-4", "eye=1-2,3--4", "a b=1"]
)
def test_parts_that_are_none(text: str) -> None:
    said = wrong_usage("correspondence", "--part", text)
    assert "is no part: write a name, rows and columns" in said


def test_a_part_is_rows_and_columns() -> None:
    assert _parse_part(" nose=1-20,3-4 ") == ("nose", ((1, 20), (3, 4)))


def test_every_choice_exists() -> None:
    assert {name.value for name in CompositeName} == set(COMPOSITES)
    for name in MethodName:
        assert callable(getattr(methods, name.value))
