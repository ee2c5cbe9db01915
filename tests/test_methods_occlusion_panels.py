"""Occlusion against Captum's, and the panels of Zeiler & Fergus' figure 7."""

from __future__ import annotations

from typing import Any

import captum_peer
import numpy as np
import pytest
import small_nets
from agreement import assert_agrees
from small_models import small_batch, small_model, small_net

from numpy_deconv.methods import occlusion
from numpy_deconv.methods.occlusion_panels import panels_of


@pytest.mark.parametrize(
    ("size", "stride"), [((3, 4), (3, 4)), ((4, 3), (2, 1)), ((5, 5), (4, 3))]
)
@pytest.mark.parametrize("name", small_nets.CLASSIFIERS)
def test_it_is_captum_s(name: str, size: Any, stride: Any) -> None:
    """Captum spreads each fall of the score over the square, and takes the mean; it
    ends in float32, whatever the net computes in."""
    net, x = small_nets.make(name, 2), small_nets.images(4, count=2)
    want = captum_peer.occlusion(net, x, [1, 3], size, stride)
    got = occlusion(net, x, [1, 3], size=size, stride=stride)
    total, times = np.zeros(x[:, 0].shape), np.zeros(x.shape[2:])
    for i, row in enumerate(got.starts[0]):
        for j, column in enumerate(got.starts[1]):
            at = slice(row, row + size[0]), slice(column, column + size[1])
            fall = net(x)[[0, 1], [1, 3]] - got.scores[:, i, j]
            total[:, *at] += fall[:, None, None]
            times[at] += 1
    spread = np.repeat((total / times)[:, None], x.shape[1], axis=1)
    largest = np.abs(want).max()
    assert_agrees(spread / largest, want / largest, 1e-7)


def test_panels_show_what_was_measured() -> None:
    model, x = small_model(), small_batch(2, "float32")
    got = occlusion(model, x, size=6, stride=4, layer="relu2")
    panels = got.panels(1)
    for picture in panels[:3]:
        assert picture is not None
        assert picture.shape == (20, 24, 3)
    # row 9 and column 13 lie in the block of place 2, 3 of 5 by 6
    at = (9 * got.pixels.shape[1] // 20, 13 * got.pixels.shape[2] // 24)
    assert tuple(panels.label[9, 13]) == panels.legend[int(got.best[(1, *at)])]
    low = np.unravel_index(got.pixels[1].argmin(), got.pixels.shape[1:])
    blocks = panels.probability[::4, ::4].reshape(-1, 3).astype(int)
    assert len(blocks) == got.pixels[1].size
    coldest = blocks[np.ravel_multi_index(low, got.pixels.shape[1:])]
    assert coldest[2] > coldest[1]
    without = occlusion(model, x, size=6, stride=4).panels()
    assert without.activity is None


def test_the_most_frequent_class_comes_first() -> None:
    best = np.array([[4, 4, 4], [7, 0, 7]])
    panels = panels_of(None, np.ones((2, 3)), best, (4, 6))
    assert list(panels.legend) == [4, 7, 0]
    assert len(set(panels.legend.values())) == 3
    assert tuple(panels.label[3, 2]) == panels.legend[0]


def test_what_was_not_reached_is_grey() -> None:
    best = np.array([[4, -1]])
    panels = panels_of(None, np.array([[0.5, np.nan]]), best, (2, 2))
    assert (panels.label[:, 1] == 128).all()
    assert (panels.probability[:, 1] == 128).all()
    assert list(panels.legend) == [4]
    nothing = panels_of(None, np.full((1, 1), np.nan), np.array([[-1]]), (2, 2))
    assert (nothing.probability == 128).all()


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_square_stands_where_it_costs_most(channels: int) -> None:
    net, x = small_net(channels=channels), small_batch(channels=channels)
    got = occlusion(net, x, size=(5, 4), stride=(5, 4), value=9)
    i, j = np.unravel_index(got.pixels[0].argmin(), got.pixels.shape[1:])
    picture = got.covered()
    inside = picture[got.starts[0][i] :, got.starts[1][j] :][:5, :4]
    assert (inside == 255).all()
    assert (picture == 255).all(axis=2).sum() == 20
