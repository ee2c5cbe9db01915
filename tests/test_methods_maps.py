from __future__ import annotations

import numpy as np
import pytest
from small_models import small_batch, small_model, small_net

from numpy_deconv.errors import NetError, OptionError, ShapeError
from numpy_deconv.layers import Conv, Flatten, Linear
from numpy_deconv.methods import classify, feature_maps, filters
from numpy_deconv.models import ARCHITECTURES, model_from_weights
from numpy_deconv.net import Sequential


def test_feature_maps_are_the_activations():
    net, x = small_net(), small_batch()
    result = feature_maps(net, x, "relu1", maps=[5, 0])
    np.testing.assert_array_equal(result.pixels, net.run(x)["relu1"][0][[5, 0]])
    assert result.names == ["map 5", "map 0"]
    tile = result.tiles[0]
    assert (tile.min(), tile.max()) == (0, 255)


def test_merged_is_the_stretched_sum_of_stretched_maps():
    net, x = small_net(), small_batch()
    result = feature_maps(net, x, "relu1", merged=True)
    maps = net.run(x)["relu1"][0]
    total = np.zeros(maps.shape[1:])
    for plane in maps:
        total += np.rint((plane - plane.min()) / np.ptp(plane) * 255)
    expected = np.rint((total - total.min()) / np.ptp(total) * 255)
    assert np.abs(result.tiles[0][..., 0] - expected).max() <= 1


def test_a_constant_map_is_left_alone_and_clipped():
    net = Sequential({"conv": Conv(np.zeros((3, 3, 1, 1)), np.array([0.0, 70, 900]))})
    tiles = feature_maps(net, small_batch(), "conv").tiles
    assert [int(tile.max()) for tile in tiles] == [0, 70, 255]
    assert all(np.ptp(tile) == 0 for tile in tiles)
    merged = feature_maps(net, small_batch(), "conv", merged=True)
    assert np.ptp(merged.tiles[0]) == 0


def test_a_layer_without_positions_has_maps_of_one_pixel():
    assert feature_maps(small_net(), small_batch(), "fc").pixels.shape == (6, 1, 1)


def test_first_filters_are_colour_tiles_and_deeper_ones_planes():
    net = small_net()
    first = filters(net, "conv1", maps=[1, 2])
    np.testing.assert_array_equal(first.pixels, net["conv1"].weight[[1, 2]])
    assert first.tiles[0].shape == (3, 5, 3)
    assert len(first.tiles) == 2
    deeper = filters(net, "conv2")
    assert len(deeper.tiles) == 10 * 4
    assert deeper.names[5] == "filter 1, channel 1"
    expected = net["conv2"].weight[1, 1]
    shown = deeper.tiles[5][..., 0].astype(float)
    assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.999


def test_small_tiles_are_enlarged_by_whole_numbers():
    drawn = filters(small_net(), "conv1", maps=0).drawn()
    factor = 96 // 5
    assert drawn.shape == (3 * factor, 5 * factor, 3)


def test_parameters_by_their_keys():
    known = ARCHITECTURES["squeezenet1_1"]
    weights = known.random_weights(seed=1, classes=3)
    model = model_from_weights(weights)
    for key in ("features.0.weight", "features.3.expand3x3.weight"):
        np.testing.assert_array_equal(filters(model, key).pixels, weights[key])
    first = filters(model, "features.0.weight", maps=range(5), columns=5)
    assert len(first.tiles) == 5
    assert first.drawn().shape[1] == 5 * 96 + 4 * 2
    same = filters(model, "conv1", maps=range(5), columns=5)
    np.testing.assert_array_equal(same.drawn(), first.drawn())
    vector = filters(model, "features.0.bias")
    assert vector.pixels.shape == (64,)
    assert vector.tiles[0].shape == (8, 64, 3)
    with pytest.raises(OptionError, match="no maps: leave maps out"):
        filters(model, "features.0.bias", maps=2)
    with pytest.raises(
        NetError, match=r"no parameter 'features\.99\.weight': this net"
    ):
        filters(model, "features.99.weight")


def test_parameters_of_a_bare_net_and_matrices():
    net = small_net()
    matrix = filters(net, "fc.weight")
    assert matrix.pixels.shape == net["fc"].weight.shape
    assert matrix.tiles[0].shape == (*net["fc"].weight.shape, 3)
    assert matrix.names == ["rows 0 to 5, columns 0 to 9"]
    np.testing.assert_array_equal(
        filters(net, "conv2.weight").pixels, net["conv2"].weight
    )
    wide = Sequential({"flat": Flatten(), "fc": Linear(np.ones((3, 600)))})
    assert filters(wide, "fc.weight").tiles[0].shape == (3, 512, 3)
    with pytest.raises(NetError, match=r"name one of fc\.weight, fc\.bias, or a conv"):
        filters(net, "fc")
    with pytest.raises(NetError, match="there is no layer 'fc9'"):
        filters(net, "fc9")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda n, x: feature_maps(n, x, "relu7"), NetError, "no layer 'relu7'"),
        (lambda n, x: feature_maps(n, x, "relu1", maps=8), NetError, "no map 8"),
        (lambda n, x: feature_maps(n, x, "relu1", maps=[]), OptionError, "is empty"),
        (lambda n, x: feature_maps(n, small_batch(2), "relu1"), OptionError, "one sam"),
        (lambda n, x: filters(n, "relu1"), NetError, "convolutions are conv1, conv2"),
        (lambda n, x: filters(n, "conv1", maps=-1), NetError, "no map -1"),
        (lambda n, x: classify(n, x, top=0), OptionError, "top must be at least 1"),
    ],
)
def test_wrong_options(call, error, message):
    with pytest.raises(error, match=message):
        call(small_net(), small_batch())


def test_nets_of_another_rank_have_no_pictures():
    net = Sequential({"conv": Conv(np.ones((2, 3, 2)))})
    with pytest.raises(ShapeError, match="only 2-D ones are pictures"):
        feature_maps(net, np.ones((1, 3, 9)), "conv")
    with pytest.raises(ShapeError, match="not pictures"):
        filters(net, "conv")


def test_classify_names_the_classes_in_order():
    model, x = small_model(), small_batch(2, "float32")
    result = classify(model, x, top=3)
    assert len(result.top) == 2
    for row, guesses in zip(result.pixels, result.top, strict=True):
        np.testing.assert_allclose(row.sum(), 1, rtol=1e-6)
        assert [g.index for g in guesses] == np.argsort(-row)[:3].tolist()
        assert guesses[0].label == f"label {guesses[0].index}"
    assert classify(small_net(), small_batch()).top[0][0].label.startswith("class ")
    assert result.image().size == (24, 20)
