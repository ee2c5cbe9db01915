"""The object that saliency points at is cut out, by its colours."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import fails, folder, run

from numpy_deconv import segment
from numpy_deconv.errors import OptionError
from numpy_deconv.layers import Flatten, Linear
from numpy_deconv.methods import saliency
from numpy_deconv.models import Model, Preprocess
from numpy_deconv.net import Sequential

pytest.importorskip("cv2")
__all__ = ["folder"]

HEIGHT, WIDTH = 60, 72
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
DISK = (ROWS - 25) ** 2 + (COLUMNS - 30) ** 2 < 15**2
SPOT = (ROWS - 6) ** 2 + (COLUMNS - 65) ** 2 < 4**2
CORE = (ROWS - 25) ** 2 + (COLUMNS - 30) ** 2 < 7**2


def looking_at(where: Any, noise: float = 0.1) -> Model:
    """A model of two classes; the first is moved most by the pixels of ``where``, and
    a little by the disk."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(2, 3, HEIGHT, WIDTH), scale=noise)
    weight[0, :, where] += 1
    weight[0, :, DISK] += 0.4
    net = Sequential(
        {
            "flat": Flatten(),
            "fc": Linear(weight.reshape(2, -1).astype(np.float32)),
        }
    )
    half = (0.5, 0.5, 0.5)
    return Model(net, Preprocess((HEIGHT, WIDTH), half, half), (), "two", "made up")


def scene() -> Any:
    """A red disk and a red spot, not quite even, on uneven blue."""
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 40, (HEIGHT, WIDTH, 3))
    picture[..., 2] += 150
    picture[DISK | SPOT] += (180, 20, -150)
    return picture.clip(0, 255).astype(np.uint8)


def overlap(mask: Any, wanted: Any) -> float:
    return float((mask & wanted).sum() / (mask | wanted).sum())


def test_the_object_is_found_by_its_colours() -> None:
    model = looking_at(CORE)
    x = model.preprocess.encode(scene()[None])
    found = segment(model, x, 0)
    assert found.pixels.shape == (1, HEIGHT, WIDTH)
    assert found.pixels.dtype == bool
    # The core alone was salient, the spot is not connected.
    assert overlap(found.pixels[0], DISK) > 0.97
    assert found.boxes == [((11, 40), (16, 45))]
    assert found.target == [0]
    np.testing.assert_array_equal(found.saliency, saliency(model, x, 0).pixels)
    assert found.settings["method"] == "segment"
    assert found.settings["foreground"] == 0.95
    drawn = found.drawn()
    picture = scene()
    assert (drawn[~DISK] == picture[~DISK] // 4).all(axis=1).mean() > 0.98
    assert (drawn[25, 15] == (255, 255, 0)).all() or (
        drawn[25, 16] == (255, 255, 0)
    ).all()
    assert (drawn[CORE] == picture[CORE]).all()


def test_each_sample_is_cut_on_its_own_and_again_the_same() -> None:
    model = looking_at(CORE)
    x = model.preprocess.encode(np.stack([scene(), scene()[:, ::-1], scene()]))
    model_x = segment(model, x, [0, 0, 0], seed=3)
    again = segment(model, x, 0, seed=3)
    np.testing.assert_array_equal(model_x.pixels, again.pixels)
    np.testing.assert_array_equal(model_x.pixels[0], model_x.pixels[2])
    assert overlap(model_x.pixels[0], DISK) > 0.97
    assert len(model_x.boxes) == 3


def test_without_smoothing_noise_stays() -> None:
    model = looking_at(CORE, noise=0.6)
    x = model.preprocess.encode(scene()[None])
    rough, smooth = segment(model, x, 0, smooth=0), segment(model, x, 0)
    assert overlap(smooth.pixels[0], DISK) > overlap(rough.pixels[0], DISK)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"foreground": 0.2}, "background 0.3 and foreground 0.2 must be quantiles"),
        ({"foreground": 1}, "0 < background < foreground < 1"),
        ({"background": 0}, "0 < background < foreground < 1"),
        ({"smooth": -1}, "smooth must be 0 pixels or more, got -1"),
        ({"smooth": float("nan")}, "smooth must be|smooth"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, float], message: str) -> None:
    model = looking_at(CORE)
    x = model.preprocess.encode(scene()[None])
    with pytest.raises(OptionError, match=message):
        segment(model, x, 0, **options)


def test_even_saliency_tells_nothing() -> None:
    ones = Linear(np.ones((2, 3 * HEIGHT * WIDTH), np.float32))
    model = replace(looking_at(CORE), net=Sequential({"flat": Flatten(), "fc": ones}))
    x = model.preprocess.encode(scene()[None])
    with pytest.raises(
        OptionError, match="sample 0 has the same saliency nearly every"
    ):
        segment(model, x, 0)


def test_opencv_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(OptionError, match=r"pip install 'numpy-deconv\[grabcut\]'"):
        segment(looking_at(CORE), np.zeros((1, 3, HEIGHT, WIDTH), np.float32))


def test_the_command(folder: Path) -> None:
    twice = ("--target", "clock", "--target", "heart")
    assert "2 targets for a batch of 1" in fails("segment", "--out", "cut", *twice)
    output = run("segment", "--out", "cut")
    assert "wrote cut/emoji-segment.png" in output
    assert {path.name for path in (folder / "cut").iterdir()} == {
        "emoji-segment.png",
        "segment.png",
    }
