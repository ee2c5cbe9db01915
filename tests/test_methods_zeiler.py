"""Zeiler & Fergus' curves of invariance, and their measure of correspondence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from small_models import CLASSES, small_batch, small_model, small_net

from numpy_deconv import Sequential, softmax
from numpy_deconv.errors import NetError, OptionError, ShapeError
from numpy_deconv.layers import Conv, Flatten, GlobalAvgPool
from numpy_deconv.methods import correspondence, invariance
from numpy_deconv.methods.invariance import AMOUNTS
from numpy_deconv.methods.warping import rotated, scaled, shifted


def zeros(x: Any) -> Any:
    return np.zeros((x.shape[1], 1, 1))


def test_whole_shifts_move_rows() -> None:
    x, fill = small_batch(2), np.array([5.0, 6, 7]).reshape(3, 1, 1)
    got = shifted(x, 3, fill)
    np.testing.assert_allclose(got[:, :, 3:], x[:, :, :-3], atol=1e-14)
    np.testing.assert_array_equal(got[:, :, :3], np.broadcast_to(fill, (2, 3, 3, 24)))
    np.testing.assert_allclose(shifted(got, -3, fill)[:, :, :-3], x[:, :, :-3])
    assert (shifted(x, 99, fill) == fill).all()


def test_quarter_turns() -> None:
    x = small_batch()[..., :20]
    for turns in range(4):
        got = rotated(x, 90 * turns, zeros(x))
        np.testing.assert_allclose(got, np.rot90(x, turns, (2, 3)), atol=1e-12)


@pytest.mark.parametrize("amount", [-2.5, 0.7, 4.0])
def test_between_pixels_it_is_scipy_s(amount: float) -> None:
    x = small_batch()
    plane, inside = x[0, 0], (slice(6, -6), slice(6, -6))
    got = shifted(x, amount, zeros(x))[0, 0]
    want = ndimage.shift(plane, (amount, 0), order=1)
    np.testing.assert_allclose(got[inside], want[inside], atol=1e-12)
    got = rotated(x, 10 * amount, zeros(x))[0, 0]
    want = ndimage.rotate(plane, 10 * amount, order=1, reshape=False)
    np.testing.assert_allclose(got[inside], want[inside], atol=1e-12)
    factor = 1 + abs(amount) / 4
    middle = (np.array(plane.shape) - 1) / 2
    want = ndimage.affine_transform(
        plane, np.eye(2) / factor, middle - middle / factor, order=1
    )
    got = scaled(x, factor, zeros(x))[0, 0]
    np.testing.assert_allclose(got[inside], want[inside], atol=1e-12)


def test_only_pictures_are_warped() -> None:
    with pytest.raises(ShapeError, match=r"only pictures \(N, C, H, W\) are warped"):
        shifted(np.ones((1, 2, 9)), 1, np.zeros((2, 1)))


@pytest.mark.parametrize("memory", [None, 1])
def test_distances_and_probabilities(memory: int | None) -> None:
    net, x = small_net(), small_batch(3)
    got = invariance(
        net,
        x,
        ["relu1", "fc"],
        [1, 4, 0],
        transform="rotate",
        amounts=[0, 30],
        value=[1, 2, 3],
        memory=memory,
    )
    turned = rotated(x, 30, np.array([1.0, 2, 3]).reshape(3, 1, 1))
    before, after = net.run(x), net.run(turned)
    for column, name in enumerate(["relu1", "fc"]):
        difference = (before[name] - after[name]).reshape(3, -1)
        want = np.linalg.norm(difference, axis=1)
        np.testing.assert_allclose(got.pixels[:, column, 1], want, rtol=1e-10)
    np.testing.assert_allclose(got.pixels[:, :, 0], 0, atol=1e-12)
    want = softmax(after.output)[np.arange(3), [1, 4, 0]]
    np.testing.assert_allclose(got.probability[:, 1], want, rtol=1e-10)


@pytest.mark.parametrize("transform", AMOUNTS)
def test_the_figure_s_axes(transform: str) -> None:
    model, x = small_model(), small_batch(2, "float32")
    calls: list[tuple[int, int]] = []
    got = invariance(
        model,
        x,
        "relu1",
        transform=transform,
        progress=lambda *call: calls.append(call),
    )
    assert got.amounts == list(AMOUNTS[transform])
    assert got.pixels.shape == (2, 1, len(got.amounts))
    assert calls[-1] == (2 * len(got.amounts),) * 2
    assert got.drawn().shape[1] > 2 * 360


def test_a_net_that_averages_does_not_see_rotations() -> None:
    net = Sequential(
        {
            "mean": GlobalAvgPool(),
            "mix": Conv(np.random.default_rng(0).normal(size=(2, 3, 1, 1))),
            "flat": Flatten(),
        }
    )
    x = small_batch()[..., :20]
    got = invariance(net, x, "flat", transform="rotate", amounts=[90, 180, 270])
    np.testing.assert_allclose(got.pixels, 0, atol=1e-12)


def test_interruption_leaves_gaps() -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    net, x = small_net(), small_batch(2)
    got = invariance(net, x, "relu1", amounts=[1, 2, 3], memory=1, progress=stop)
    assert got.settings["interrupted_at"] == 2
    assert np.isfinite(got.probability).sum() == 2
    assert got.image().height > 200


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"transform": "mirror"},
            OptionError,
            "transform='mirror' is not known: use one",
        ),
        (
            {"transform": "scale", "amounts": [0.0]},
            OptionError,
            "a factor must be above",
        ),
        ({"layers": "conv9"}, NetError, "there is no layer 'conv9'"),
        ({"target": CLASSES}, OptionError, "class 6 does not exist"),
    ],
)
def test_wrong_options(options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        invariance(small_net(), small_batch(), **{"layers": "relu1", **options})


PART = ((2, 8), (3, 12))


def test_delta_by_its_definition() -> None:
    net, x = small_net(), small_batch(4)
    places = [((a, a + 6), (a, a + 9)) for a in range(4)]
    got = correspondence(
        net, x, {"same": PART, "moving": places}, ["relu1", "fc"], value=0.5
    )
    assert got.parts == ["same", "moving", "random"]
    for row, boxes in enumerate([[PART] * 4, places]):
        hidden = x.copy()
        for n, ((a, b), (c, d)) in enumerate(boxes):
            hidden[n, :, a:b, c:d] = 0.5
        for column, name in enumerate(["relu1", "fc"]):
            e = np.sign(net.run(x)[name] - net.run(hidden)[name]).reshape(4, -1)
            total = sum(
                (e[i] != e[j]).sum() for i in range(4) for j in range(4) if i != j
            )
            assert got.sums[row, column] == total
            np.testing.assert_allclose(got.pixels[row, column], total / 12 / e.shape[1])


def test_the_same_change_everywhere_is_no_distance() -> None:
    net, x = small_net(), small_batch().repeat(3, axis=0)
    got = correspondence(net, x, {"part": PART}, "relu1", draws=3)
    assert got.pixels[0, 0] == 0
    assert got.pixels[1, 0] > 0  # the random places differ
    assert got.spread[0] > 0


def test_random_places_are_seeded() -> None:
    net, x = small_net(), small_batch(3)
    one, same, other = (
        correspondence(net, x, {"part": PART}, "relu1", seed=seed, draws=2).pixels
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert one[0, 0] == other[0, 0]
    assert one[1, 0] != other[1, 0]


def test_its_plot() -> None:
    net, x = small_net(), small_batch(2)
    for layers in ("relu1", ["relu1", "relu2", "fc"]):
        got = correspondence(net, x, {"part": PART}, layers, draws=1)
        assert got.image().height == 260


@pytest.mark.parametrize(
    ("parts", "options", "error", "message"),
    [
        (
            {},
            {},
            OptionError,
            "parts must name at least one box, and none may be 'rando",
        ),
        ({"random": PART}, {}, OptionError, r"'random': got \['random'\]"),
        ({"eye": ((0, 3),)}, {}, OptionError, "part 'eye': a box is a range"),
        ({"eye": ((0, 3), (5, 5))}, {}, OptionError, r"inside of \(20, 24\); give one"),
        ({"eye": ((0, 21), (5, 6))}, {}, OptionError, "got"),
        ({"eye": PART}, {"layers": "relu9"}, NetError, "there is no layer 'relu9'"),
        ({"eye": PART}, {"draws": 0}, OptionError, "draws must be a whole number"),
    ],
)
def test_wrong_parts(parts: Any, options: Any, error: Any, message: str) -> None:
    options = {"layers": "relu1", **options}
    with pytest.raises(error, match=message):
        correspondence(small_net(), small_batch(2), parts, **options)


def test_one_picture_has_no_pairs() -> None:
    with pytest.raises(ShapeError, match="pairs of pictures are compared, x has 1"):
        correspondence(small_net(), small_batch(), {"eye": PART}, "relu1")
