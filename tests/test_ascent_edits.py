"""What is done to the picture after a step, each by hand or by SciPy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from small_models import small_batch, small_model, small_net

from numpy_deconv.errors import OptionError
from numpy_deconv.methods.ascent import (
    Blur,
    Clamp,
    ClipToPixels,
    Decay,
    DropSmall,
    DropUnhelpful,
    Roll,
    Wander,
    gaussian_blur,
)
from numpy_deconv.methods.ascent.edits import After, Edit
from numpy_deconv.methods.ascent.space import Space

X = 3 * small_batch()


def after(units: Any = "input", **changes: Any) -> After:
    slope = np.random.default_rng(5).normal(size=X.shape)
    space = Space.of(small_model(), None, units)
    return replace(After(slope, space, np.random.default_rng(0)), **changes)


def test_decay_clamp_and_clip() -> None:
    np.testing.assert_allclose(Decay(0.25).apply(X, after()), 0.75 * X)
    np.testing.assert_array_equal(Clamp(-1, 2).apply(X, after()), np.clip(X, -1, 2))
    model, known = small_model(), after("levels")
    clipped = ClipToPixels().apply(100 * X, known)
    expected = model.preprocess.clip(known.space.to_input(100 * X))
    np.testing.assert_allclose(known.space.to_input(clipped), expected, atol=1e-5)
    bare = after(space=Space.of(small_net(), X.shape[1:], "levels"))
    np.testing.assert_array_equal(ClipToPixels().apply(X, bare), X)


@pytest.mark.parametrize("sigma", [0.5, 1.3])
def test_blur_is_scipys(sigma: float) -> None:
    expected = gaussian_filter1d(gaussian_filter1d(X, sigma, axis=2), sigma, axis=3)
    np.testing.assert_allclose(gaussian_blur(X, sigma), expected, atol=1e-12)
    np.testing.assert_array_equal(
        Blur(sigma).apply(X, after()), gaussian_blur(X, sigma)
    )
    np.testing.assert_array_equal(Blur(0).apply(X, after()), X)


def test_the_weakest_pixels_are_dropped() -> None:
    found = DropSmall(30).apply(X, after())
    norms = np.linalg.norm(X[0], axis=0)
    gone = norms < np.percentile(norms, 30)
    np.testing.assert_array_equal(found[0], np.where(gone, 0, X[0]))
    assert gone.sum() == round(0.3 * gone.size)


def test_pixels_that_contribute_little_are_dropped() -> None:
    known = after()
    found = DropUnhelpful(90).apply(X, known)
    benefit = np.abs((X * known.gradient)[0].sum(axis=0))
    gone = benefit < np.percentile(benefit, 90)
    np.testing.assert_array_equal(found[0], np.where(gone, 0, X[0]))


def test_dropping_again_drops_nothing_else() -> None:
    for edit in (DropSmall(30), DropUnhelpful(30)):
        once = edit.apply(X, after())
        np.testing.assert_array_equal(edit.apply(once, after()), once)


def test_wandering_stays_wandered() -> None:
    known = after()
    found = Wander(Roll(4)).apply(X, known)
    shift = np.random.default_rng(0).integers(0, 5, 2).tolist()
    np.testing.assert_array_equal(found, np.roll(X, shift, (2, 3)))


def test_when_it_is_due() -> None:
    def due(edit: Edit) -> list[int]:
        return [step for step in range(1, 13) if edit.due(step)]

    assert due(Blur(1, every=5)) == [1, 6, 11]
    assert due(Clamp(0, 1, until=3)) == [1, 2, 3]
    assert due(Decay(0.1, every=4, until=6)) == [1, 5]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Decay(1.5), "rate of Decay must be from 0 to 1, got 1.5"),
        (lambda: Blur(-1), "sigma of Blur must not be negative, got -1"),
        (lambda: Blur(1, every=0), "every must be a whole number of at least 1"),
        (lambda: DropSmall(101), "percentile must be 0 to 100, got 101"),
    ],
)
def test_wrong_options(make: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()
