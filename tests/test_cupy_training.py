"""Training on arrays of a device: the weights go where the batches are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import strict_cupy
from small_training import batches, learner

from numpy_deconv import use_backend
from numpy_deconv.backends.cupy_gpu.stand_in import compiler
from numpy_deconv.training import SGD, Adam, AdamW, Cosine, Recipe, Training
from numpy_deconv.training.checkpoint import read_checkpoint, write_checkpoint
from numpy_deconv.training.watching import dead_maps

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler")


@pytest.fixture(autouse=True)
def cupy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """CuPy's look-alike, and the backend that computes on its arrays."""
    yield strict_cupy.installed(monkeypatch)


RECIPES = {
    "sgd": Recipe(epochs=2, optimizer=SGD(lr=0.1)),
    "nesterov": Recipe(
        epochs=2,
        optimizer=SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
        schedule=Cosine(),
        smoothing=0.1,
    ),
    "adam": Recipe(epochs=2, optimizer=Adam(lr=0.01, weight_decay=1e-3)),
    "adamw": Recipe(epochs=2, optimizer=AdamW(lr=0.01), filter_rms=0.1),
    "adversarial": Recipe(epochs=2, optimizer=SGD(lr=0.1), adversarial=0.5),
}


def taught(recipe: Recipe, place: Any, steps: int = 3) -> Training:
    run = Training(learner(), recipe, steps=3)
    for _ in range(steps):
        x, labels = batches(run.place.epoch, run.place.step)
        run.step(place(x), labels)
    return run


def there(x: Any) -> Any:
    return sys.modules["cupy"].asarray(x)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_step_needs_no_more_than_its_batch_there(recipe: Recipe) -> None:
    here, moved = taught(recipe, lambda x: x), taught(recipe, there)
    for name, weight in here.net.params.items():
        got = moved.net.params[name]
        assert type(got) is strict_cupy.ndarray
        if name in ("conv.bias", "bn.mean"):
            continue  # a bias before a batch norm has a gradient of rounding alone
        np.testing.assert_allclose(got.get(), weight, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(moved.history.losses, here.history.losses, rtol=1e-4)


def test_a_run_goes_on_wherever_it_is_taken_up(tmp_path: Path) -> None:
    recipe, path = RECIPES["nesterov"], tmp_path / "run.safetensors"
    whole = taught(recipe, there, 4)
    write_checkpoint(path, taught(recipe, there), {})
    again = Training(learner(), recipe, steps=3)
    read_checkpoint(path, again, {})
    x, labels = batches(again.place.epoch, again.place.step)
    again.step(there(x), labels)
    for name, weight in whole.net.params.items():
        np.testing.assert_array_equal(again.net.params[name].get(), weight.get())
    x, labels = batches(again.place.epoch, again.place.step)
    again.step(x, labels)  # and back
    assert type(again.net.params["conv.weight"]) is np.ndarray


def test_a_selected_backend_has_the_weights_from_the_start() -> None:
    with use_backend("cupy"):
        run = Training(learner(), RECIPES["sgd"], steps=3)
    assert type(run.net.params["conv.weight"]) is strict_cupy.ndarray
    x, _ = batches(0, 0)
    assert dead_maps(run.net, there(x))[0].layer == "relu"
