"""A run in a file: what is in it, what it refuses, what a failed write leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_training import batches, learner

from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.io.safetensors import write_safetensors
from numpy_deconv.training import (
    SGD,
    Adam,
    Recipe,
    Training,
    read_checkpoint,
    write_checkpoint,
)
from numpy_deconv.training.checkpoint import FORMAT

RECIPE = Recipe(epochs=3, optimizer=Adam(lr=0.01))
ABOUT = {"batch": 6, "size": [8, 9], "begun from": None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


def begun(steps: int = 4, recipe: Recipe = RECIPE) -> Training:
    return Training(learner(), recipe, steps=steps)


def advanced(training: Training, until: int) -> Training:
    while training.place.iteration < until:
        training.step(*batches(training.place.epoch, training.place.step))
    return training


@pytest.mark.parametrize("at", [0, 1, 4, 6, 12])
def test_a_run_taken_up_is_the_same_run(path: Path, at: int) -> None:
    first = advanced(begun(), at)
    write_checkpoint(path, first, ABOUT)
    second = begun()
    read_checkpoint(path, second, dict(reversed(ABOUT.items())))
    assert second.place == first.place
    whole, taken_up = advanced(first, 12), advanced(second, 12)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(taken_up.state()[name], array, strict=True)
    assert taken_up.history == whole.history


def test_a_longer_run_goes_on_from_a_shorter_one(path: Path) -> None:
    write_checkpoint(path, advanced(begun(), 12), ABOUT)
    longer = begun(recipe=Recipe(epochs=5, optimizer=Adam(lr=0.01)))
    read_checkpoint(path, longer, ABOUT)
    assert (longer.place.epoch, longer.place.epochs) == (3, 5)
    assert not longer.place.finished


def test_another_run(path: Path) -> None:
    write_checkpoint(path, begun(), ABOUT)
    other = {**ABOUT, "batch": 7, "root": "x"}
    with pytest.raises(OptionError, match=r"is another one: batch was 6 and is 7; ro"):
        read_checkpoint(path, begun(), other)


def test_another_optimizer(path: Path) -> None:
    write_checkpoint(path, begun(), ABOUT)
    training = begun(recipe=Recipe(epochs=3, optimizer=SGD(lr=0.1)))
    before = {name: w.copy() for name, w in training.net.params.items()}
    with pytest.raises(FileFormatError, match=r"velocity/conv\.weight .* is missing"):
        read_checkpoint(path, training, ABOUT)
    for name, array in before.items():
        np.testing.assert_array_equal(training.net.params[name], array)


def test_other_steps(path: Path) -> None:
    write_checkpoint(path, begun(), ABOUT)
    with pytest.raises(FileFormatError, match="step 0 of 4 in epoch 0, but this run"):
        read_checkpoint(path, begun(steps=5), ABOUT)


def test_files_that_are_no_run(path: Path) -> None:
    write_safetensors(path, {"a": np.zeros(3)})
    with pytest.raises(FileFormatError, match="is no training run that this version"):
        read_checkpoint(path, begun(), ABOUT)
    write_safetensors(path, {"a": np.zeros(3)}, {"format": FORMAT, "about": "{"})
    with pytest.raises(FileFormatError, match="has a damaged header"):
        read_checkpoint(path, begun(), ABOUT)
    path.write_bytes(b"")
    with pytest.raises(FileFormatError, match="is empty"):
        read_checkpoint(path, begun(), ABOUT)


def test_a_truncated_file(path: Path) -> None:
    write_checkpoint(path, begun(), ABOUT)
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    with pytest.raises(FileFormatError, match="truncated"):
        read_checkpoint(path, begun(), ABOUT)


def test_half_a_step_is_never_written(path: Path) -> None:
    training = begun()
    training.torn = True
    with pytest.raises(OptionError, match="broken off in the middle of a step"):
        write_checkpoint(path, training, ABOUT)
    assert not path.exists()
