"""Heat maps: sizes they are brought to, and colours that say what they mean."""

from __future__ import annotations

import numpy as np
import pytest

from numpy_deconv.methods.heat import both_ways, over_picture, palette, resized


@pytest.mark.parametrize(
    ("length", "wanted"), [(7, 61), (7, 115), (11, 15), (11, 49), (3, 1), (6, 6)]
)
def test_maps_get_the_size_they_should(length: int, wanted: int) -> None:
    """7 * (61 / 7) is a little less than 61 in floating point."""
    maps = np.arange(float(length))[None, None]
    got = resized(maps, (wanted,))
    assert got.shape == (1, 1, wanted)
    assert (np.diff(got[0, 0]) >= 0).all()
    if wanted > length:
        assert got[0, 0, 0] == 0
        assert got[0, 0, -1] == pytest.approx(length - 1)


def test_red_adds_blue_takes_away_white_is_nothing() -> None:
    values = np.zeros((2, 3, 3))
    values[:, 0, 0], values[:, 1, 1] = 4, -4
    values[0, 2, 2], values[1, 2, 2] = 5, -5
    picture = both_ways(values).astype(int)
    assert picture[0, 0, 0] > picture[0, 0, 2]
    assert picture[1, 1, 2] > picture[1, 1, 0]
    assert (picture[2, 2] == 255).all()
    assert (both_ways(np.zeros((1, 2, 2))) == 255).all()


def test_the_palette_runs_from_blue_to_red() -> None:
    low, middle, high = palette(np.array([0.05, 0.5, 0.95]))
    assert low[2] > low[0]
    assert middle[1] > max(middle[0], middle[2])
    assert high[0] > high[2]


def test_heat_lies_over_the_picture() -> None:
    white, black = (np.full((1, 2, 3), v, np.uint8) for v in (255, 0))
    heat = np.array([[0.0, 1.0]])
    on_white, on_black = (over_picture(heat, p).astype(int) for p in (white, black))
    assert (on_white > on_black).all()
    assert on_white[0, 1].sum() > on_white[0, 0].sum()
    even = over_picture(np.ones((1, 2)), white)
    assert (even[0, 0] == even[0, 1]).all()
