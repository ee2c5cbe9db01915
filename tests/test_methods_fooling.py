from __future__ import annotations

import numpy as np
import pytest
from small_models import small_batch, small_model, small_net

from numpy_deconv.errors import OptionError
from numpy_deconv.layers import Conv, Flatten, Linear, ReLU
from numpy_deconv.methods import classify, fooling_image
from numpy_deconv.net import Sequential


@pytest.fixture
def picture():
    return np.random.default_rng(1).integers(0, 256, (20, 24, 3), dtype=np.uint8)


def other_class(model, x):
    return classify(model, x, top=2).top[0][1].index


def test_the_saved_picture_itself_fools_the_net(picture, tmp_path):
    model = small_model()
    x = model.preprocess(picture)
    target = other_class(model, x)
    result = fooling_image(model, x, target, lr=0.3)
    assert result.fooled
    assert 0 < result.steps < 100
    assert result.before[0].index != target
    assert result.after[0].index == target
    result.save(tmp_path / "fool.png")
    again = classify(model, model.preprocess(str(tmp_path / "fool.png")))
    assert again.top[0][0].index == target
    assert result.difference_image().size == (24, 20)
    assert result.story().ndim == 3


def test_steps_have_the_length_lr():
    net, x = small_net(), small_batch()
    target = int(np.argsort(net(x)[0])[0])
    result = fooling_image(net, x, target, steps=1, lr=0.01)
    np.testing.assert_allclose(np.linalg.norm(result.pixels - x), 0.01)
    assert not result.fooled
    assert result.steps == 1


def test_nothing_to_do_for_the_class_it_already_is(picture):
    model = small_model()
    x = model.preprocess(picture)
    result = fooling_image(model, x, classify(model, x).top[0][0].index)
    assert result.fooled
    assert result.steps == 0


def test_a_score_that_does_not_depend_on_the_input_ends_the_climb():
    net = Sequential(
        {
            "conv": Conv(-np.ones((1, 3, 20, 24))),
            "relu": ReLU(),
            "flat": Flatten(),
            "fc": Linear(np.ones((2, 1)), np.array([1.0, 0.0])),
        }
    )
    result = fooling_image(net, np.ones((1, 3, 20, 24)), 1)
    assert not result.fooled
    assert result.steps == 0


def test_interruption_keeps_what_was_reached(picture):
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    model = small_model()
    x = model.preprocess(picture)
    worst = int(model.net(x).argmin())
    result = fooling_image(model, x, worst, lr=0.01, progress=stop)
    assert result.settings["interrupted_at"] == 1
    assert not result.fooled


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": small_batch(2)}, "changes one picture, x has 2"),
        ({"lr": 0.0}, "lr positive"),
        ({"steps": -1}, "must not be negative"),
        ({"target": 17}, "class 17 does not exist"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(OptionError, match=message):
        fooling_image(small_net(), **{"x": small_batch(), "target": 0, **options})
