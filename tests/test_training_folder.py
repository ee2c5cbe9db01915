"""A run driven to its end: its folder, its curve, and who looks on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_training import CLASSES, batches, picture_folder

from numpy_deconv import load_model
from numpy_deconv.errors import FileFormatError, OptionError, OutputError
from numpy_deconv.models import ARCHITECTURES, Preprocess
from numpy_deconv.training import (
    SGD,
    Augmentation,
    History,
    Pictures,
    Recipe,
    RunFolder,
    Training,
    load_trained,
    predict,
    read_listing,
    train,
)
from numpy_deconv.training.curve import curve
from numpy_deconv.training.folder import described
from numpy_deconv.training.watching import dead_maps, strongest, way_down

EMOJI = ARCHITECTURES["emoji_zfnet"]
SEEN = Preprocess((32, 32), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
LABELS = ("red", "green", "blue")
RECIPE = Recipe(epochs=2, optimizer=SGD(lr=0.01))


def begun(recipe: Recipe = RECIPE) -> Training:
    net = EMOJI.build(EMOJI.random_weights(0, CLASSES))
    return Training(net, recipe, steps=3)


def run_folder(path: Path, **about: Any) -> RunFolder:
    return RunFolder(path, "emoji_zfnet", SEEN, LABELS, about, {"source": "list"})


def larger(epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    x, labels = batches(epoch, step)
    return np.ascontiguousarray(x[:, :, :8, :8].repeat(4, 2).repeat(4, 3)), labels


def test_everything_is_in_the_folder(tmp_path: Path) -> None:
    training, folder = begun(), run_folder(tmp_path / "run")
    assert not folder.begun
    seen = []
    train(
        training,
        larger,
        folder=folder,
        save_every=2,
        watchers=[lambda t, x, taught: seen.append((t.place.iteration, taught.loss))],
    )
    assert folder.begun
    names = {path.name for path in folder.path.iterdir()}
    assert names == {
        "checkpoint.safetensors", "weights.safetensors", "run.json", "history.csv",
        "history.json", "curve.png",
    }  # fmt: skip
    assert [n for n, _ in seen] == [1, 2, 3, 4, 5, 6]
    model = load_trained(folder.path)
    assert (model.labels, model.preprocess, model.name) == (LABELS, SEEN, "emoji_zfnet")
    for name, value in training.net.params.items():
        np.testing.assert_array_equal(model.net.params[name], value)
    assert load_model(folder.path / "weights.safetensors").name == "emoji_zfnet"

    text = (folder.path / "history.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert [float(r["loss"]) for r in rows] == pytest.approx([x for _, x in seen])
    assert [r["epoch"] for r in rows] == ["1"] * 3 + ["2"] * 3
    told = json.loads((folder.path / "history.json").read_text())
    assert told["steps"] == 3
    assert [e["epoch"] for e in told["epochs"]] == [1, 2]
    assert told["epochs"][1]["loss"] == pytest.approx(np.mean(told["loss"][3:]))
    with Image.open(folder.path / "curve.png") as picture:
        assert picture.size == (900, 618)
    card = json.loads((folder.path / "run.json").read_text())
    assert card["source"] == "list"
    assert card["epochs_done"] == 2


class Stop(Exception):
    """Ends a run after a step."""


@pytest.mark.parametrize("at", [1, 3, 5])
def test_stopped_after_any_step_it_goes_on_there(tmp_path: Path, at: int) -> None:
    def stop(training: Training, x: np.ndarray, taught: Any) -> None:
        if training.place.iteration == at:
            raise Stop

    whole = begun()
    train(whole, larger)
    folder = run_folder(tmp_path, seed=0)
    with pytest.raises(Stop):
        train(begun(), larger, folder=folder, watchers=[stop])
    left = tmp_path / ".0123456789abcdef.partial"
    left.write_bytes(b"half a file")
    again = begun()
    folder.resume(again)
    assert again.place.iteration == at
    assert not left.exists()
    train(again, larger, folder=folder)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(again.state()[name], array)
    with pytest.raises(OptionError, match="seed was 0 and is 1"):
        run_folder(tmp_path, seed=1).resume(begun())
    folder.discard()
    assert not folder.begun


def test_half_a_step_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, training = run_folder(tmp_path), begun()

    def interrupted(*args: Any) -> None:
        if training.place.iteration == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(SGD, "change", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(training, larger, folder=folder)
    again = begun()
    folder.resume(again)
    assert again.place.iteration == 3


def test_save_every_nothing() -> None:
    with pytest.raises(OptionError, match="save_every is 0"):
        train(begun(), larger, save_every=0)


def test_a_checkpoint_that_cannot_be_removed(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").mkdir()
    with pytest.raises(OutputError, match="cannot remove"):
        run_folder(tmp_path).discard()


def test_folders_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="is not the folder of a training run"):
        load_trained(tmp_path)
    (tmp_path / "run.json").write_text('{"preprocess": 3}')
    with pytest.raises(FileFormatError, match=r"run\.json is damaged"):
        load_trained(tmp_path)


def test_settings_as_plain_data() -> None:
    plain = described(Recipe(optimizer=SGD(lr=0.1, decay_of={"conv1": 0.5})))
    assert json.loads(json.dumps(plain)) == plain
    assert plain["optimizer"]["kind"] == "SGD"
    assert plain["optimizer"]["decay_of"] == {"conv1": 0.5}
    assert plain["schedule"] == {"kind": "Constant"}
    assert described(Augmentation(crop=0.5))["crop"] == 0.5


def test_the_curve_goes_down_as_the_loss_does() -> None:
    losses = [2 / (n + 1) for n in range(60)]
    history = History(losses, [1 - loss / 2 for loss in losses])
    picture = curve(history, 10).astype(int)
    assert picture.shape == (618, 900, 3)
    # the line of the epochs' means, dark blue: height by column, in the upper panel
    panel = picture[32:290]
    blue = (panel[..., 2] - panel[..., 0] > 100).nonzero()
    left, right = (blue[0][np.abs(blue[1] - x) < 15] for x in (180, 800))
    assert left.min() < right.min() - 50
    for few in (History(), History([1.0], [0.0])):
        assert curve(few, 10).shape == picture.shape


def test_dead_maps_are_found() -> None:
    training = begun()
    x, _ = larger(0, 0)
    weight, bias = (training.net.params[f"conv3.{f}"] for f in ("weight", "bias"))
    weight[[2, 7]] = 0
    bias[[2, 7]] = -1
    dead = {each.layer: each for each in dead_maps(training.net, x)}
    assert list(dead) == [f"relu{n}" for n in range(1, 6)]
    assert {2, 7} <= set(dead["relu3"].maps)
    assert dead["relu3"].of == 128
    alive = training.net.run(x)["relu3"].max(axis=(0, 2, 3)) > 0
    assert dead["relu3"].maps == np.flatnonzero(~alive).tolist()


def test_looks_on_the_way() -> None:
    net = begun().net
    x, _ = larger(0, 0)
    assert strongest(net, x[:1], "relu5", 4).pixels.shape == (4, 3, 32, 32)
    picture = way_down(net, x, "relu2")
    assert picture.dtype == np.uint8
    # relu2, conv2, pool1, relu1, conv1 and the input in a grid of three columns
    assert picture.shape == (2 * 112 + 2, 3 * 112 + 4, 3)


def test_pictures_are_sorted(tmp_path: Path) -> None:
    """A net that answers to the strongest colour sorts pictures by it."""
    listing = read_listing(picture_folder(tmp_path))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    model = load_model("emoji_zfnet", preprocess=SEEN)
    told = []
    found = predict(
        model, [*listing.paths, broken], top=2, progress=lambda *at: told.append(at)
    )
    assert list(found.unreadable) == [broken]
    assert told[-1] == (19, 19)
    assert [each.path for each in found.found] == list(listing.paths)
    x = np.concatenate([SEEN(path) for path in listing.paths])
    want = model.net(x).argmax(1)
    assert [each.best.index for each in found.found] == want.tolist()
    by_class = found.by_class()
    assert list(by_class) == sorted(set(want.tolist()))
    for some in by_class.values():
        sure = [each.best.probability for each in some]
        assert sure == sorted(sure, reverse=True)
    told_json = json.loads(found.as_json())
    assert len(told_json["pictures"]) == 18
    assert len(told_json["pictures"][0]["top"]) == 2
    assert list(told_json["unreadable"]) == [str(broken)]
    with pytest.raises(FileFormatError, match=r"nothing to predict: .*not a picture"):
        predict(model, [broken])
    with pytest.raises(FileFormatError, match="nothing to predict: there are no"):
        predict(model, [])


def test_a_small_run_on_files_learns(tmp_path: Path) -> None:
    listing = read_listing(picture_folder(tmp_path))
    pictures = Pictures(listing, SEEN, batch=6, augmentation=Augmentation(flip=True))
    recipe = Recipe(epochs=4, optimizer=SGD(lr=0.01, momentum=0.9))
    training = Training(begun().net, recipe, steps=pictures.steps)
    train(training, pictures)
    first, last = (training.history.epochs(pictures.steps)[n] for n in (0, -1))
    assert last[0] < 0.5 * first[0]
    assert last[1] > 0.8
