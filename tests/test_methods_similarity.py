"""Measures of similarity against SciPy's and scikit-image's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr
from skimage.metrics import structural_similarity

from numpy_deconv.errors import ShapeError
from numpy_deconv.methods.similarity import correlation, cosine, ranks, spearman, ssim


def pair(seed: int, *size: int, ties: bool = False):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=size)
    b = a + rng.normal(size=size)
    return (a.round(), b.round()) if ties else (a, b)


@pytest.mark.parametrize("ties", [False, True])
def test_ranks(ties: bool) -> None:
    a, b = pair(0, 6, 50, ties=ties)
    np.testing.assert_array_equal(ranks(a), rankdata(a.reshape(-1)))
    want = spearmanr(a.reshape(-1), b.reshape(-1)).statistic
    assert spearman(a, b) == pytest.approx(want, abs=1e-12)
    assert spearman(a, -np.exp(a)) == pytest.approx(-1)


@pytest.mark.parametrize("size", [(7, 7), (20, 31), (9, 8, 12)])
def test_structure(size: tuple[int, ...]) -> None:
    a, b = pair(1, *size)
    stretched = [(v - v.min()) / (v.max() - v.min()) for v in (a, b)]
    want = structural_similarity(*stretched, data_range=1)
    assert ssim(a, b) == pytest.approx(want, abs=1e-10)
    assert ssim(a, 3 * a + 5) == pytest.approx(1)


def test_direction_and_correlation() -> None:
    a, b = pair(2, 40)
    want = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert cosine(a, b) == pytest.approx(want)
    assert correlation(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1])


def test_nothing_to_compare_is_nan() -> None:
    zero, some = np.zeros(5), np.arange(5.0)
    for measure in (spearman, correlation, cosine):
        assert np.isnan(measure(zero, some))


def test_shapes() -> None:
    with pytest.raises(ShapeError, match=r"maps of shapes \(3,\) and \(4,\) cannot be"):
        cosine(np.ones(3), np.ones(4))
    with pytest.raises(ShapeError, match=r"\(6, 9\) are too small for windows of 7"):
        ssim(np.ones((6, 9)), np.ones((6, 9)))
