"""Other ways down through a max pool: the middle of windows, and who wins a tie."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from numpy_deconv import Sequential
from numpy_deconv.errors import OptionError
from numpy_deconv.layers import MaxPool
from numpy_deconv.methods import deconvnet
from numpy_deconv.rules import DECONVNET
from numpy_deconv.rules_unpooling import TIES, centre, ties

Array = npt.NDArray[Any]
POOLS = [MaxPool(2), MaxPool((3, 2), (2, 1), (1, 0)), MaxPool(2, 1, 0, (2, 1))]
POOLS += [MaxPool(3, 2, ceil_mode=True)]


def down(pool: MaxPool, x: Array, gy: Array, rule: Any) -> Array:
    rules = DECONVNET.replace({MaxPool: rule})
    return Sequential({"pool": pool}).run(x).project(gy, start="pool", rules=rules)


def by_hand(pool: MaxPool, x: Array, gy: Array, winner: str) -> Array:
    """Window by window."""
    window = pool.window(x.shape[2:])
    assert window is not None
    gx = np.zeros_like(x)
    for place in np.ndindex(gy.shape):
        n, c, *at = place
        seen = []
        for tap in np.ndindex(window.kernel):
            where = tuple(
                at[a] * window.stride[a] - window.padding[a][0]
                + tap[a] * window.dilation[a]
                for a in range(2)
            )  # fmt: skip
            if all(0 <= w < size for w, size in zip(where, x.shape[2:], strict=True)):
                seen.append((n, c, *where))
        best = max(x[each] for each in seen)
        won = [each for each in seen if x[each] == best]
        if winner == "skip_zero":
            won = won[:1] if best else []
        chosen = {"first": won[:1], "last": won[-1:]}.get(winner, won)
        for each in chosen:
            gx[each] += gy[place] / len(chosen)
    return gx


@pytest.mark.parametrize("winner", TIES)
@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.describe())
def test_who_wins_a_tie(pool: MaxPool, winner: str) -> None:
    rng = np.random.default_rng(0)
    x = np.maximum(rng.integers(-3, 3, (2, 3, 7, 6)), 0).astype(float)
    gy = rng.normal(size=pool.forward(x)[0].shape)
    got = down(pool, x, gy, ties(winner))
    np.testing.assert_allclose(got, by_hand(pool, x, gy, winner), atol=1e-12)
    one = down(pool, x[:1], gy, ties(winner))  # two signals for one sample
    np.testing.assert_allclose(one[:1], got[:1], atol=1e-12)


def test_values_go_to_the_middle_of_their_windows() -> None:
    x, gy = np.random.default_rng(1).normal(size=(1, 1, 7, 7)), np.ones((1, 1, 3, 3))
    expected = np.zeros((7, 7))
    expected[1::2, 1::2] = 1
    np.testing.assert_array_equal(down(MaxPool(3, 2), x, gy, centre)[0, 0], expected)
    twice = down(MaxPool(3, 2), x, np.concatenate([gy, 2 * gy]), centre)
    np.testing.assert_array_equal(twice[1, 0], 2 * expected)
    padded = down(MaxPool(3, 3, 1), x, gy, centre)[0, 0]
    assert padded[::3, ::3].sum() == padded.sum() == 9


def test_a_projection_without_switches() -> None:
    from small_models import small_batch, small_net

    net, x = small_net(), small_batch()
    layer = next(iter(net.of_type(MaxPool)))
    told = DECONVNET.replace({MaxPool: centre})
    found = deconvnet(net, x, layer, rules=told)
    assert found.settings["rule.MaxPool"] == "centre"
    assert not np.array_equal(found.pixels[0], deconvnet(net, x, layer).pixels[0])


def test_a_word_that_is_none() -> None:
    with pytest.raises(OptionError, match="ties='both' is none of first, last"):
        ties("both")
