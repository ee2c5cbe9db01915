"""Histograms of oriented gradients against scikit-image's."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.feature import hog

from numpy_deconv.errors import ShapeError
from numpy_deconv.methods.oriented_gradients import hog_correlation, oriented_gradients


@pytest.mark.parametrize("size", [(24, 24), (31, 50), (64, 41)])
def test_features(size: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).normal(size=size)
    want = hog(plane, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(3, 3))
    # scikit-image sums in single precision
    np.testing.assert_allclose(oriented_gradients(plane), want, atol=1e-6)


def test_maps_are_alike_where_their_edges_are() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 32, 40))
    assert hog_correlation(a, 3 * a + 5) == pytest.approx(1, abs=1e-6)
    assert abs(hog_correlation(a, b)) < 0.3
    assert 0.5 < hog_correlation(a, a + 0.3 * b) < 1
    assert np.isnan(hog_correlation(a, np.zeros_like(a)))


def test_maps_that_are_too_small() -> None:
    with pytest.raises(ShapeError, match=r"\(23, 40\) has no blocks of 3 x 3 cells"):
        oriented_gradients(np.zeros((23, 40)))
    with pytest.raises(ShapeError, match=r"\(24, 24\) and \(24, 32\) cannot be"):
        hog_correlation(np.zeros((24, 24)), np.zeros((24, 32)))
