"""What layers say about themselves, and what they refuse."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from numpy_deconv import layers
from numpy_deconv.errors import ShapeError
from numpy_deconv.layers import Layer


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape)


DESCRIPTIONS: list[tuple[Layer, str]] = [
    (layers.Conv(zeros(8, 3, 5, 7)), "Conv 3 -> 8, 5x7"),
    (layers.Conv(zeros(8, 3, 5, 7), stride=2), "Conv 3 -> 8, 5x7, stride 2"),
    (layers.Conv(zeros(8, 3, 5), stride=(4,)), "Conv 3 -> 8, 5, stride 4"),
    (layers.Conv(zeros(8, 3, 5, 7), stride=[1, 1]), "Conv 3 -> 8, 5x7"),
    (
        layers.Conv(zeros(8, 3, 1, 2, 3), stride=np.array([1, 2, 1])),
        "Conv 3 -> 8, 1x2x3, stride 1x2x1",
    ),
    (
        layers.Conv(zeros(8, 2, 3, 3), stride=(2, 1), groups=4),
        "Conv 8 -> 8, 3x3, stride 2x1, 4 groups",
    ),
    (layers.ConvTranspose(zeros(8, 3, 5, 7)), "ConvTranspose 8 -> 3, 5x7"),
    (layers.ConvTranspose(zeros(8, 3, 2, 2), groups=2), "ConvTranspose 8 -> 6, 2x2"),
    (layers.Linear(zeros(10, 20)), "Linear 20 -> 10"),
    (layers.MaxPool(3, 2), "MaxPool 3, stride 2"),
    (layers.MaxPool((3, 2)), "MaxPool 3x2, stride 3x2"),
    (layers.MaxUnpool(3, (2, 1)), "MaxUnpool 3, stride 2x1"),
    (layers.AvgPool(2), "AvgPool 2, stride 2"),
    (layers.LpPool(2.0, (3, 1), 2), "LpPool 3x1, stride 2"),
    (layers.AdaptiveAvgPool((6, 7)), "AdaptiveAvgPool to 6x7"),
    (layers.AdaptiveMaxPool(6), "AdaptiveMaxPool to 6"),
    (layers.GlobalAvgPool(), "GlobalAvgPool"),
    (layers.GlobalMaxPool(), "GlobalMaxPool"),
    (layers.ReLU(), "ReLU"),
    (layers.LeakyReLU(0.2), "LeakyReLU (slope 0.2)"),
    (layers.Clip(0, 6), "Clip (low 0, high 6)"),
    (layers.PReLU(zeros(4)), "PReLU"),
    (layers.Softplus(), "Softplus (beta 1.0, threshold 20.0)"),
    (layers.Softmax(), "Softmax"),
    (layers.BatchNorm(zeros(5), zeros(5)), "BatchNorm 5"),
    (layers.LocalResponseNorm(5), "LocalResponseNorm over 5 channels"),
    (layers.Dropout(0.25), "Dropout 0.25"),
    (layers.Identity(), "Identity"),
    (layers.Concat(), "Concat"),
]


@pytest.mark.parametrize(("layer", "words"), DESCRIPTIONS)
def test_describe(layer: Layer, words: str) -> None:
    assert layer.describe() == words


def test_params_are_the_arrays_by_field_name() -> None:
    weight, bias, var = zeros(2, 1, 3), zeros(2), np.ones(2)
    assert layers.Conv(weight).params == {"weight": weight}
    assert list(layers.Conv(weight, bias, stride=2).params) == ["weight", "bias"]
    assert list(layers.BatchNorm(bias, var).params) == ["mean", "var"]
    assert layers.MaxPool(2).params == {}
    assert layers.Conv(weight, bias).params["bias"] is bias


def test_a_layer_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        layers.MaxPool(3).stride = 2  # type: ignore[misc]


def test_linear_names_the_features() -> None:
    layer = layers.Linear(zeros(3, 8))
    with pytest.raises(ShapeError, match="input has 5 features, weight expects 8"):
        layer.forward(zeros(2, 5))


@pytest.mark.parametrize("layer", [layers.Add(), layers.Mul()])
@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 3, 4), (2, 3, 5)),
        ((2, 3, 4), (1, 3, 4)),  # the batch is not broadcast
        ((2, 3, 4), (2, 3)),
    ],
)
def test_sums_and_products_need_shapes_that_fit(
    layer: Layer, shapes: tuple[tuple[int, ...], ...]
) -> None:
    with pytest.raises(ShapeError, match="which do not fit each other") as caught:
        layer.forward(*(zeros(*shape) for shape in shapes))
    assert all(str(shape) in str(caught.value) for shape in shapes)


def test_a_max_pool_saves_switches_and_the_size_of_their_plane() -> None:
    x = np.array([[[[1.0, 5.0, 2.0], [4.0, 3.0, 6.0]]]])
    for layer in (layers.MaxPool(2, 1), layers.AdaptiveMaxPool((1, 2))):
        y, saved = layer.forward(x)
        np.testing.assert_array_equal(y, [[[[5.0, 6.0]]]])
        np.testing.assert_array_equal(saved.switches, [[[[1, 5]]]])
        assert saved.size == (2, 3)
    _, saved = layers.GlobalMaxPool().forward(x)
    np.testing.assert_array_equal(saved.switches, [[[[5]]]])


def test_unpool_scatters_by_the_chosen_overlap() -> None:
    x = np.array([[[0.0, 9.0, 1.0, 2.0]]])
    pool = layers.MaxPool(3, 1)
    _, saved = pool.forward(x)  # both windows have their maximum at 1
    signal = np.array([[[2.0, 5.0]]])
    for overlap, value in (("sum", 7), ("assign", 5), ("first", 2), ("mean", 3.5)):
        down = pool.unpool(saved, signal, overlap)
        np.testing.assert_array_equal(down, [[[0, value, 0, 0]]])


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (layers.MaxUnpool(3), (9, 12)),
        (layers.MaxUnpool((3, 2), stride=(2, 1)), (7, 5)),
        (layers.MaxUnpool((3, 2), stride=(2, 1), padding=(1, 0)), (5, 5)),
        (layers.MaxUnpool(3, 2, output_size=(8, 10)), (8, 10)),
    ],
)
def test_max_unpool_sizes(layer: layers.MaxUnpool, size: tuple[int, ...]) -> None:
    y = np.ones((1, 1, 3, 4))
    up, _ = layer.forward(y, np.arange(12).reshape(y.shape))
    assert up.shape[2:] == size
    np.testing.assert_array_equal(up.ravel()[:12], 1)
