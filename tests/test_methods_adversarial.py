"""Adversarial examples: how far they go, what they reach, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import small_batch, small_model, small_net

from numpy_deconv.errors import DTypeError, OptionError, ShapeError
from numpy_deconv.layers import Conv
from numpy_deconv.methods import classify, fgsm, pgd
from numpy_deconv.methods.norm_balls import BALLS
from numpy_deconv.net import Sequential


def pictures(count: int = 4) -> np.ndarray:
    model = small_model()
    rng = np.random.default_rng(1)
    return model.preprocess.encode(
        rng.integers(0, 256, (count, 20, 24, 3), dtype=np.uint8)
    )


def changes(result: Any) -> np.ndarray:
    """In shares of the range of pixels."""
    low, high = small_model().preprocess.bounds
    return (result.pixels - result.original) / (high - low)


def test_fgsm_leaves_the_class() -> None:
    model, x = small_model(), pictures()
    result = fgsm(model, x, epsilon=0.1)
    assert any(result.fooled)
    for sample, fooled in enumerate(result.fooled):
        assert fooled == (result.before[sample].index != result.after[sample].index)
    assert [guess.index for guess in result.before] == [
        top[0].index for top in classify(model, x).top
    ]
    # every value moves by epsilon, or to the end of its range
    moved = np.abs(changes(result))
    low, high = model.preprocess.bounds
    inside = (result.pixels > low) & (result.pixels < high) & (moved > 0)
    assert inside.any()
    np.testing.assert_allclose(moved[inside], 0.1, atol=1e-4)
    assert result.drawn(2).shape == (20, 24, 3)
    assert result.story(1).ndim == 3
    assert result.settings["label"] == [guess.index for guess in result.before]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_pgd_reaches_a_class(norm: Any) -> None:
    model, x = small_model(), pictures()
    epsilon = {"linf": 0.4, "l2": 12.0}[norm]
    result = pgd(model, x, 3, norm=norm, epsilon=epsilon)
    assert all(result.fooled)
    assert {guess.index for guess in result.after} == {3}
    order = np.inf if norm == "linf" else 2
    flat = changes(result).reshape(len(x), -1)
    assert (np.linalg.norm(flat, order, axis=1) <= epsilon * (1 + 1e-4)).all()
    low, high = model.preprocess.bounds
    assert ((result.pixels >= low) & (result.pixels <= high)).all()


def test_more_steps_go_further_than_one() -> None:
    model, x = small_model(), pictures()
    labels = [guess.index for guess in fgsm(model, x).before]
    single = fgsm(model, x, label=labels, epsilon=0.03)
    many = pgd(model, x, label=labels, epsilon=0.03)
    rows = np.arange(len(x))
    one, more = (model.net(r.pixels)[rows, labels] for r in (single, many))
    assert more.mean() < one.mean()


def test_seeded_to_the_bit() -> None:
    model, x = small_model(), pictures()
    first, again, other = (pgd(model, x, seed=s, steps=2).pixels for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_bare_net_in_units_of_its_input() -> None:
    net, x = small_net(channels=5), small_batch(3, channels=5)
    result = fgsm(net, x, epsilon=0.25)
    moved = np.abs(result.pixels - x)
    np.testing.assert_allclose(moved[moved > 0], 0.25, atol=1e-12)
    reached = pgd(net, x, [2, 2, 3], epsilon=2.0)
    assert all(reached.fooled)
    assert reached.settings["target"] == [2, 2, 3]


def test_more_pictures_than_are_run_at_a_time() -> None:
    net, x = small_net(), small_batch(35)
    labels = [n % 6 for n in range(35)]
    result = pgd(net, x, label=labels, random_start=False, steps=2)
    for n in (15, 16, 34):
        alone = pgd(net, x[n : n + 1], label=labels[n], random_start=False, steps=2)
        np.testing.assert_allclose(result.pixels[n : n + 1], alone.pixels, atol=1e-12)
    assert len(result.fooled) == 35


def test_scores_with_positions() -> None:
    weight = np.random.default_rng(2).normal(size=(4, 3, 3, 3)) / 10
    net, x = Sequential({"conv": Conv(weight)}), small_batch(2)
    result = pgd(net, x, 2, epsilon=0.5)
    assert all(result.fooled)


def test_interruption_keeps_what_was_reached() -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    model, x = small_model(), pictures()
    result = pgd(model, x, progress=stop, random_start=False)
    assert result.settings["interrupted_at"] == 3
    shorter = pgd(model, x, steps=3, step=result.settings["step"], random_start=False)
    np.testing.assert_array_equal(result.pixels, shorter.pixels)


def test_inputs_are_not_written_to() -> None:
    x = small_batch(2)
    before = x.copy()
    x.setflags(write=False)
    pgd(small_net(), x, steps=2)
    np.testing.assert_array_equal(x, before)


@given(
    seed=st.integers(0, 99),
    size=st.floats(0.01, 5),
    shares=st.tuples(*(st.sampled_from([0.1, 0.9, 1.1, 5.0]) for _ in range(3))),
    norm=st.sampled_from(["linf", "l2"]),
)
@settings(max_examples=30)
def test_projection_is_the_nearest_in_the_ball(
    seed: int, size: float, shares: tuple[float, ...], norm: str
) -> None:
    rng, ball = np.random.default_rng(seed), BALLS[norm]
    order = np.inf if norm == "linf" else 2

    def lengths(x: np.ndarray) -> np.ndarray:
        return np.linalg.norm(x.reshape(3, -1), order, axis=1)

    noise = rng.normal(size=(3, 2, 2, 3))
    factors = size * np.array(shares) / lengths(noise)
    change = noise * factors.reshape(3, 1, 1, 1)
    found = ball.project(change, size)
    assert (lengths(found) <= size * (1 + 1e-9)).all()
    np.testing.assert_allclose(ball.project(found, size), found, rtol=1e-12)
    inside = np.array(shares) < 1
    np.testing.assert_array_equal(found[inside], change[inside])
    np.testing.assert_allclose(lengths(found)[~inside], size)
    assert (lengths(ball.draw(rng, change.shape)) <= 1).all()
    np.testing.assert_allclose(lengths(ball.steepest(change)), 1)
    other = ball.project(size * rng.normal(size=change.shape), size)
    flat = change.reshape(3, -1)
    nearest = np.linalg.norm(flat - found.reshape(3, -1), axis=1)
    assert (nearest <= np.linalg.norm(flat - other.reshape(3, -1), axis=1) + 1e-9).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epsilon": 0}, OptionError, "epsilon must be positive, got 0"),
        ({"step": -1}, OptionError, "step must be positive, got -1"),
        ({"steps": 0}, OptionError, "steps must be a whole number of at least 1"),
        (
            {"norm": "l1"},
            OptionError,
            r"norm must be one of .*, got 'l1'",
        ),
        ({"target": 17}, OptionError, "class 17 does not exist"),
        ({"target": [1, 2, 3]}, ShapeError, "3 targets for a batch of 2"),
        ({"target": 1, "label": 2}, OptionError, "a label to leave, not both: 1 and 2"),
        ({"x": np.zeros((1, 3, 20, 24), np.uint8)}, DTypeError, "goes through model"),
    ],
)
def test_wrong_options(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        pgd(small_net(), **{"x": small_batch(2), **options})


def test_fgsm_checks_its_epsilon() -> None:
    with pytest.raises(OptionError, match="epsilon must be positive, got -1"):
        fgsm(small_net(), small_batch(), epsilon=-1)
