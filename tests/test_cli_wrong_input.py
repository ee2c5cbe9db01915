"""Wrong input: one clear sentence, status 1 or 2, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import fails, folder, noise, picture, run, wrong_usage
from PIL import Image

from numpy_deconv.cli import inputs, session
from numpy_deconv.errors import NumpyDeconvError
from numpy_deconv.io.weights import write_weights
from numpy_deconv.models import ARCHITECTURES

__all__ = ["folder", "picture"]

COMMANDS = ("classify", "saliency", "guided", "project", "maps", "fool", "demo")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_picture(command: str, folder: Path) -> None:
    words = {"fool": ["--target", "3", "no.png"], "demo": ["--image", "no.png"]}
    assert "no.png does not exist" in fails(command, *words.get(command, ["no.png"]))
    assert list(folder.iterdir()) == []


def test_pictures_that_are_none(folder: Path, picture: Path) -> None:
    data = picture.read_bytes()
    (folder / "half.png").write_bytes(data[: len(data) // 2])
    (folder / "text.png").write_text("not a picture")
    (folder / "empty.png").touch()
    assert "is damaged or truncated" in fails("classify", "half.png")
    assert "is not a picture in a known format" in fails("classify", "text.png")
    assert "empty.png is empty" in fails("classify", "empty.png")
    assert "is a folder" in fails("classify", folder)


def test_pictures_of_the_wrong_size(folder: Path) -> None:
    noise(folder / "dot.png", 1, 1)
    Image.new("1", (14000, 14000)).save(folder / "huge.png")
    assert "has 1 x 1 pixels, which is too small" in fails("classify", "dot.png")
    assert "too many pixels" in fails("classify", "huge.png")


def test_layers_and_units_that_are_not_there(picture: Path) -> None:
    line = fails("project", picture, "--layer", "conv9")
    assert "there is no layer 'conv9': this net has conv1, relu1, pool1" in line
    assert "has no map 999" in fails("project", picture, "--unit", "999")
    line = fails("project", picture, "--layer", "relu5", "--unit", "1,99,0")
    assert "'relu5' has no unit (1, 99, 0)" in line
    assert "has no map 64" in fails("maps", picture, "--layer", "relu2", "--unit", "64")
    line = fails("filters", "--layer", "pool1")
    assert "'pool1' is a MaxPool and has no filters: the convolutions are conv1" in line
    assert "top must be 1 to 192" in fails("project", picture, "--top", "193")


def test_classes_that_are_not_there(picture: Path) -> None:
    assert "no class is called 'dragon'" in fails("fool", picture, "--target", "dragon")
    line = fails("saliency", picture, "--target", "animal")
    assert "'animal' could be any of 1 'animal face', 2 'land animal', 4 'sea" in line
    line = fails("visualize-class", "--target", "20")
    assert "class 20 does not exist: emoji_zfnet has classes 0 to 19" in line


def test_backends_that_are_not_there(picture: Path) -> None:
    line = fails("classify", picture, "--backend", "abacus")
    assert "there is no backend 'abacus': registered are 'numpy'" in line


def test_models_that_are_not_there(folder: Path, picture: Path) -> None:
    line = fails("classify", picture, "--model", "vgg166")
    assert "did you mean 'vgg16'?" in line
    assert "efficientnet_lite0" in line
    line = fails("classify", picture, "--model", "vgg16")
    assert "no trained weights ship with vgg16" in line
    for name in ("w.safetensors", "w.npz", "w.pth"):
        (folder / name).write_text("these are no weights" * 9)
        assert name in fails("classify", picture, "--model", name)
    (folder / "w.txt").write_text("these are no weights")
    assert "has the suffix '.txt'" in fails("classify", picture, "--model", "w.txt")


def test_weights_with_nan_are_named(folder: Path, picture: Path) -> None:
    weights = dict(ARCHITECTURES["emoji_zfnet"].random_weights(0))
    weights["conv3.weight"] = np.full_like(weights["conv3.weight"], np.nan)
    write_weights(folder / "w.npz", weights)
    line = fails("demo", "--image", picture, "--model", "w.npz")
    assert "NaN or infinity in conv3.weight" in line


def test_labels_that_do_not_fit(folder: Path, picture: Path) -> None:
    (folder / "few.txt").write_text("a\nb\n")
    line = fails("classify", picture, "--labels", "few.txt")
    assert "2 labels were given, but the model has 20 classes" in line
    line = fails("classify", picture, "--labels", "none.txt")
    assert line == "Error: labels none.txt does not exist; check the path"


@pytest.mark.parametrize(
    ("unit", "why"),
    [
        ("x", "'x' is no unit"),
        ("1,2", "'1,2' is no unit"),
        ("-1", "'-1' is no unit"),
        ("1,2,3,4", "'1,2,3,4' is no unit"),
    ],
)
def test_units_that_are_none(unit: str, why: str, picture: Path) -> None:
    assert why in wrong_usage("project", picture, f"--unit={unit}")


def test_options_that_make_no_sense(picture: Path) -> None:
    said = wrong_usage("project", picture, "--unit", "1", "--top", "2")
    assert "give --unit or --top, not both" in said
    assert "names one unit" in wrong_usage("maps", picture, "--unit", "1,2,3")
    said = wrong_usage("project", picture, "--start", "high")
    assert "'high' is neither a number nor 'activation'" in said
    assert "'foo' is not one of" in wrong_usage("project", picture, "--overlap", "foo")
    assert "--steps" in wrong_usage("fool", picture, "--target", "1", "--steps", "0")
    assert "--top" in wrong_usage("classify", picture, "--top", "0")
    assert "--seed" in wrong_usage("demo", "--seed", "-1")
    line = fails("visualize-class", "--target", "1", "--preset", "mine")
    assert "preset 'mine' is not known" in line


@pytest.mark.parametrize("command", ["demo", "filters"])
def test_folders_that_cannot_be_written(command: str, folder: Path) -> None:
    (folder / "file").touch()
    line = fails(command, "--out", "file")
    assert "cannot write into the folder file: file is not a folder" in line
    assert "file is not a folder" in fails(command, "--out", "file/new/deep")
    line = fails(command, "--out", "x/picture.png")
    assert "would be a folder named like a picture" in line
    assert "cannot write into the folder" in fails(command, "--out", "n" * 300)
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_folder_without_permission(folder: Path, monkeypatch) -> None:
    def refuse(path: Path, *args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    line = fails("filters", "--out", "new/deep")
    assert "cannot write into the folder new/deep: Permission denied" in line
    assert list(folder.iterdir()) == []


def test_the_folder_is_checked_before_any_work(folder: Path, monkeypatch) -> None:
    (folder / "file").touch()
    monkeypatch.setattr(inputs, "load_model", None)
    assert "is not a folder" in fails("saliency", "--out", "file")


def test_a_new_folder_is_gone_after_a_failure(folder: Path) -> None:
    fails("maps", "missing.png", "--out", "new/deep")
    assert list(folder.iterdir()) == []


def test_an_old_folder_stays_after_a_failure(folder: Path) -> None:
    (folder / "old").mkdir()
    fails("maps", "missing.png", "--out", "old/new")
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert list((folder / "old").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(5, "I/O error", "x.png"), "x.png: I/O error"),
        (MemoryError("Unable to allocate 9 TiB"), "not enough memory for this: Unable"),
        (MemoryError(), "there is not enough memory for this"),
        (NumpyDeconvError("this is wrong"), "this is wrong"),
    ],
)
def test_what_else_can_fail_is_one_sentence(
    error: Exception, sentence: str, picture: Path, monkeypatch
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(inputs, "load_model", fail)
    line = fails("classify", picture)
    assert line.startswith("Error: ")
    assert sentence in line
    assert not line.endswith(":")
    with pytest.raises(type(error)):
        run("classify", picture, "--debug")


def test_a_defect_is_not_hidden(picture: Path, monkeypatch) -> None:
    monkeypatch.setattr(inputs, "load_model", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("classify", picture)


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    words = ("-m", "numpy_deconv", "classify", "missing.png", "--debug")
    done = subprocess.run(
        [sys.executable, "-P", *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "FileFormatError: missing.png does not exist" in done.stderr


def test_the_fastest_backend_that_is_ready(monkeypatch, picture: Path) -> None:
    from numpy_deconv import registry
    from numpy_deconv.errors import BackendError
    from numpy_deconv.registry import BackendState

    def states(*ready: str) -> None:
        names = ("numpy", "numba", "cupy", "loopback")
        found = {n: BackendState(n, n in ready, "") for n in names}
        monkeypatch.setattr(registry, "available_backends", lambda: found)

    states("numpy", "loopback")
    assert session.fastest_backend() == "numpy"
    output = run("classify", picture, "--backend", "auto")
    assert "backend: numpy\n" in output
    states("numpy", "numba", "cupy")
    assert session.fastest_backend() == "cupy"
    states("numpy", "numba")
    assert session.fastest_backend() == "numba"
    states("loopback")
    with pytest.raises(BackendError, match="no backend is ready"):
        session.fastest_backend()


def test_backends_are_listed_with_what_is_missing(broken_backends: None) -> None:
    output = run("backends")
    lines = {line.split()[0]: line for line in output.splitlines()}
    assert lines["numpy"].split() == ["numpy", "ready"]
    assert lines["loopback"].split() == ["loopback", "ready"]
    broken = [line for line in lines.values() if "not ready" in line]
    assert broken
    assert all("backend" in line for line in broken)


def test_the_backend_is_used_and_told(folder: Path, picture: Path) -> None:
    from numpy_deconv.io.png import read_png_metadata

    run("filters", "--backend", "loopback")
    text = read_png_metadata(folder / "deconv" / "conv1-filters.png")
    assert '"backend": "loopback"' in text["numpy_deconv.settings"]
