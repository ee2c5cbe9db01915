"""Medians, quartiles, ratios by rounds, geometric means."""

from __future__ import annotations

import pytest

from numpy_deconv.benchmarks.spread import Spread, geometric_mean, ratio


def test_quartiles_of_known_numbers() -> None:
    assert Spread.of([1, 2, 3, 4, 100]) == Spread(3, 2, 4)
    assert Spread.of([7.0]) == Spread(7, 7, 7)


def test_a_ratio_is_taken_round_by_round() -> None:
    """A neighbour that makes one round ten times slower changes no ratio, though it
    changes both medians."""
    ours, theirs = [1.0, 10.0, 10.0], [2.0, 20.0, 20.0]
    assert ratio(theirs, ours) == Spread(2, 2, 2)
    assert ratio([2, 3, 8], [1, 1, 2]).median == 3


def test_ratios_need_the_same_rounds() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])


def test_the_geometric_mean_of_a_factor_and_its_inverse_is_one() -> None:
    assert geometric_mean([8, 1 / 8]) == pytest.approx(1)
    assert geometric_mean([1, 10, 100]) == pytest.approx(10)
