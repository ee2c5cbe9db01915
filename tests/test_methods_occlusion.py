"""Occlusion against covering each place by hand and running the whole net."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from small_models import CLASSES, small_batch, small_model, small_net

from numpy_deconv import Graph, Sequential, softmax
from numpy_deconv.errors import NetError, OptionError, ShapeError
from numpy_deconv.layers import Conv, Flatten, GlobalMaxPool
from numpy_deconv.methods import occlusion

Array = npt.NDArray[Any]


def covered(x: Array, corner: tuple[int, int], size: tuple[int, int], v: Any) -> Array:
    x = x.copy()
    (a, b), (h, w) = corner, size
    x[..., a : a + h, b : b + w] = np.reshape(v, (-1, 1, 1))
    return x


def by_hand(
    net: Graph, x: Array, starts: Any, size: tuple[int, int], value: Any, layer: str
) -> tuple[Array, Array]:
    """Class scores and map sums, ``(N, rows, columns, ...)``."""
    scores, sums = [], []
    for sample in x:
        for a in starts[0]:
            for b in starts[1]:
                tape = net.run(covered(sample[None], (a, b), size, value))
                scores.append(tape["fc"][0])
                sums.append(tape[layer][0].sum(axis=(1, 2)))
    shape = (len(x), len(starts[0]), len(starts[1]), -1)
    return np.reshape(scores, shape), np.reshape(sums, shape)


@pytest.mark.parametrize("softmaxed", [False, True])
@pytest.mark.parametrize(
    ("size", "stride", "value"),
    [
        ((5, 4), (4, 5), 0.0),
        ((3, 30), (7, 1), [1.0, -2.0, 3.0]),
        ((40, 40), (3, 3), 0.5),
        ((1, 1), (9, 11), 2),
    ],
)
def test_every_place(size: Any, stride: Any, value: Any, softmaxed: bool) -> None:
    net, x = small_net(softmax=softmaxed), small_batch(2)
    calls: list[tuple[int, int]] = []
    got = occlusion(
        net,
        x,
        size=size,
        stride=stride,
        value=value,
        layer="relu2",
        memory=200_000,
        progress=lambda *call: calls.append(call),
    )
    scores, sums = by_hand(net, x, got.starts, size, value, "relu2")
    tape = net.run(x)
    for n in range(2):
        target = int(tape["fc"][n].argmax())
        strongest = int(tape["relu2"][n].max(axis=(1, 2)).argmax())
        assert (got.target[n], got.strongest[n]) == (target, strongest)
        probability = softmax(tape["fc"])[n, target]
        np.testing.assert_allclose(got.uncovered[n], probability, rtol=1e-12)
        each = softmax(scores[n], axis=-1)[..., target]
        np.testing.assert_allclose(got.pixels[n], each, rtol=1e-11)
        np.testing.assert_allclose(got.scores[n], scores[n][..., target], rtol=1e-11)
        np.testing.assert_allclose(got.activity[n], sums[n][..., strongest], rtol=1e-11)
    np.testing.assert_array_equal(got.best, scores.argmax(axis=-1))
    places = got.best.size
    assert [total for _, total in calls] == [places] * len(calls)
    assert calls[-1][0] == places


@pytest.mark.parametrize(
    ("size", "stride", "rows", "columns"),
    [
        (4, 4, [0, 4, 8, 12, 16], [0, 4, 8, 12, 16, 20]),
        (5, 4, [0, 4, 8, 12, 16], [0, 4, 8, 12, 16, 20]),
        ((20, 3), 20, [0], [0, 20]),
        (2, 9, [0, 9, 18], [0, 9, 18]),
        (99, 1, [0], [0]),
        ((19, 24), 2, [0, 2], [0]),
    ],
)
def test_squares_reach_the_end(size: Any, stride: Any, rows: Any, columns: Any) -> None:
    got = occlusion(small_net(), small_batch(), size=size, stride=stride)
    assert got.starts == (rows, columns)
    assert got.pixels.shape == (1, len(rows), len(columns))


def test_targets_are_one_or_one_each() -> None:
    net, x = small_net(), small_batch(2)
    for target, want in ((3, [3, 3]), ([4], [4, 4]), ([1, 2], [1, 2])):
        got = occlusion(net, x, target, size=9, stride=9)
        assert got.target == got.settings["target"] == want
    assert got.activity is None
    assert got.strongest is None


def test_the_result_is_a_picture_with_its_settings() -> None:
    x = small_batch(dtype="float32")
    got = occlusion(small_model(), x, size=6, stride=(3, 4), value=-1)
    assert got.pixels.dtype == got.scores.dtype == np.float32
    assert got.settings["size"] == (6, 6)
    assert got.settings["stride"] == (3, 4)
    assert got.settings["value"] == [-1.0]
    assert got.settings["method"] == "occlusion"
    assert got.image().size == got.drawn().shape[1::-1]


def test_interruption_returns_what_was_reached() -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    options: dict[str, Any] = {"size": 4, "stride": 4, "memory": 1}
    got = occlusion(small_net(), small_batch(2), progress=stop, **options)
    assert got.settings["interrupted_at"] == 1
    assert np.isfinite(got.pixels).sum() == (got.best >= 0).sum() == 1
    whole = occlusion(small_net(), small_batch(2), **options)
    reached = np.isfinite(got.pixels[0])
    np.testing.assert_array_equal(got.pixels[0][reached], whole.pixels[0][reached])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"size": 0}, OptionError, "size must be at least 1, got 0"),
        ({"stride": (1, 0)}, OptionError, "stride must be at least 1, got 0"),
        ({"size": (1, 2, 3)}, ShapeError, "size=.* has 3 entries"),
        (
            {"value": (1, 2)},
            OptionError,
            "value has 2 numbers for 3 channels: give one",
        ),
        ({"value": np.inf}, OptionError, "value must be finite, got inf"),
        ({"value": "grey"}, OptionError, "value must be a real number, got 'grey'"),
        ({"target": [1, 2]}, ShapeError, "2 targets for a batch of 1: give one, or"),
        ({"target": CLASSES}, OptionError, "class 6 does not exist"),
        ({"layer": "conv9"}, NetError, "there is no layer 'conv9'"),
        ({"memory": 0}, OptionError, "memory must be a whole number of bytes above 0"),
        ({"memory": "2GB"}, OptionError, "or None, got '2GB'"),
    ],
)
def test_wrong_options(options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        occlusion(small_net(), small_batch(), **{"size": 4, "stride": 4, **options})


def test_scores_must_be_finite() -> None:
    x = small_batch()
    x[0, 0, 3, 3] = np.nan
    with pytest.raises(NetError, match="the scores are not finite: look for NaN"):
        occlusion(small_net(), x, size=4, stride=4)


def test_the_strongest_map_has_the_strongest_activation() -> None:
    x = np.zeros((1, 2, 1, 4))
    x[0, 0, 0, 1] = 5
    x[0, 1] = 3
    same = Conv(np.eye(2)[:, :, None, None])
    parts = {"conv": same, "pool": GlobalMaxPool(), "flat": Flatten()}
    got = occlusion(Sequential(parts), x, 1, size=1, stride=1, layer="conv")
    assert got.strongest == [0]
    np.testing.assert_array_equal(got.activity, [[[5, 0, 5, 5]]])
