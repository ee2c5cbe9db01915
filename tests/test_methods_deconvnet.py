from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from small_models import small_batch, small_model, small_net

from numpy_deconv.errors import NetError, OptionError, RuleError
from numpy_deconv.layers import Conv, SiLU
from numpy_deconv.methods import deconvnet
from numpy_deconv.net import Sequential, receptive_field
from numpy_deconv.rules import DECONVNET, GRADIENT, Rule


def test_default_is_the_strongest_activation_of_the_strongest_map():
    net, x = small_net(), small_batch()
    result = deconvnet(net, x, "relu2")
    activation = net.run(x)["relu2"][0]
    (unit,) = result.units
    place = np.unravel_index(activation.argmax(), activation.shape)
    assert (unit.map, *unit.position) == place
    assert unit.value == activation.max()
    signal = np.zeros((1, *activation.shape))
    signal[(0, *place)] = activation.max()
    expected = net.run(x).project(signal, start="relu2", rules=DECONVNET)
    np.testing.assert_array_equal(result.pixels, expected)


def test_top_orders_maps_by_their_strongest_activation():
    net, x = small_net(), small_batch()
    result = deconvnet(net, x, "relu2", top=4)
    strongest = net.run(x)["relu2"][0].max(axis=(1, 2))
    assert [u.map for u in result.units] == np.argsort(-strongest)[:4].tolist()


def test_all_maps_in_chunks_equal_one_at_a_time():
    net, x = small_net(), small_batch()
    calls = []
    result = deconvnet(
        net,
        x,
        "relu2",
        maps="all",
        memory=60_000,
        progress=lambda *step: calls.append(step),
    )
    assert len(calls) > 2
    assert calls[-1] == (10, 10)
    for number in range(10):
        one = deconvnet(net, x, "relu2", maps=number)
        np.testing.assert_allclose(result.pixels[number], one.pixels[0], atol=1e-13)


def test_each_sample_of_a_batch_has_its_own_units():
    net, x = small_net(), small_batch(2)
    both = deconvnet(net, x, "relu1", maps=[3, 1])
    assert [(u.sample, u.map) for u in both.units] == [(0, 3), (0, 1), (1, 3), (1, 1)]
    second = deconvnet(net, x[1:], "relu1", maps=[3, 1])
    np.testing.assert_allclose(both.pixels[2:], second.pixels, atol=1e-13)


def test_projection_vanishes_outside_the_receptive_field():
    net, x = small_net(), small_batch()
    for unit, pixels in zip(
        (r := deconvnet(net, x, "relu2", maps="all")).units, r.pixels, strict=True
    ):
        assert unit.box == receptive_field(net.run(x), "relu2", unit.position)
        inside = (slice(None), *(slice(*r) for r in unit.box))
        outside = pixels.copy()
        outside[inside] = 0
        assert not outside.any()
        assert unit.dead == (unit.value <= 0)


def test_a_given_unit_and_a_starting_value():
    net, x = small_net(), small_batch()
    own = deconvnet(net, x, "relu1", unit=(2, 4, 5))
    one = deconvnet(net, x, "relu1", unit=(2, 4, 5), start=1.0)
    assert own.settings["start"] == "activation"
    assert one.settings["start"] == 1.0
    np.testing.assert_allclose(own.pixels, one.pixels * own.units[0].value, atol=1e-13)


def test_a_unit_of_a_layer_without_positions_sees_everything():
    net, x = small_net(), small_batch()
    (unit,) = deconvnet(net, x, "fc", unit=(3,)).units
    assert unit.box == ((0, 20), (0, 24))


def test_overlap_rule_is_visible_and_matters():
    net, x = small_net(), small_batch()
    summed = deconvnet(net, x, "relu2", maps="all")
    assigned = deconvnet(net, x, "relu2", maps="all", overlap="assign")
    assert summed.settings["rule.MaxPool"] == "scatter(sum)"
    assert assigned.settings["rule.MaxPool"] == "scatter(assign)"
    assert summed.settings["rules"] == assigned.settings["rules"] == "deconvnet"
    assert not np.allclose(summed.pixels, assigned.pixels)


def test_rules_can_be_exchanged():
    net, x = small_net(), small_batch()
    gradient = deconvnet(net, x, "relu2", rules=GRADIENT, start=1.0)
    assert not np.allclose(
        gradient.pixels, deconvnet(net, x, "relu2", start=1.0).pixels
    )


def test_pictures_are_stretched_one_by_one():
    model = small_model()
    result = deconvnet(model, small_batch(dtype="float32"), "relu2", top=3)
    assert all((p.min(), p.max()) == (0, 255) for p in result.pictures())
    assert result.images()[0].size == (24, 20)
    assert result.image().size == result.drawn().shape[1::-1]


def test_a_projection_of_nothing_is_black():
    net = small_net()
    result = deconvnet(net, np.zeros((1, 3, 20, 24)), "relu1", unit=(0, 0, 0), start=0)
    assert not result.pictures()[0].any()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"layer": "conv9"}, NetError, "no layer 'conv9': this net has conv1"),
        ({"maps": 10}, NetError, "has no map 10: its 10 maps are counted from 0"),
        ({"unit": (0, 30, 0)}, NetError, r"has no unit \(0, 30, 0\)"),
        ({"unit": (0,)}, NetError, r"a unit is \(map, \*position\)"),
        ({"top": 0}, OptionError, "top must be 1 to 10"),
        ({"top": 11}, OptionError, "top must be 1 to 10"),
        ({"maps": "some"}, OptionError, "numbers or 'all', got 'some'"),
        ({"maps": 1, "top": 2}, OptionError, "not by several"),
        ({"start": "one"}, OptionError, "'activation' or a number, got 'one'"),
        ({"overlap": "add"}, OptionError, "overlap='add' is not known"),
    ],
)
def test_wrong_options(options, error, message):
    options = {"layer": "relu2", **options}
    with pytest.raises(error, match=message):
        deconvnet(small_net(), small_batch(), **options)


def test_nan_in_the_activations_is_named():
    x = small_batch()
    x[0, 0, 3, 3] = np.nan
    with pytest.raises(NetError, match="activations of 'relu1' are not finite"):
        deconvnet(small_net(), x, "relu1")


def test_a_layer_without_a_published_rule_is_refused():
    net = Sequential({"conv": Conv(np.ones((2, 3, 3, 3))), "silu": SiLU()})
    with pytest.raises(
        RuleError, match=r"layer 2 'silu' \(SiLU\): there is no publish"
    ):
        deconvnet(net, small_batch(), "silu")


def test_interruption_returns_what_was_projected():
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    net, x = small_net(), small_batch()
    result = deconvnet(net, x, "relu2", maps="all", memory=60_000, progress=stop)
    assert 0 < len(result.units) < 10
    assert len(result.pixels) == len(result.units)
    assert result.settings["interrupted_at"] == len(result.units)


def test_nets_tapes_rules_and_results_can_be_pickled():
    net, x = small_net(), small_batch()
    result = deconvnet(net, x, "relu2", top=2, overlap="assign")
    again = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(again.pixels, result.pixels)
    tape = copy.deepcopy(pickle.loads(pickle.dumps(net)).run(x))
    rules = pickle.loads(pickle.dumps(DECONVNET))
    signal = np.ones_like(tape["relu2"])
    np.testing.assert_array_equal(
        tape.project(signal, start="relu2", rules=rules),
        net.run(x).project(signal, start="relu2", rules=DECONVNET),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"maps": 1.5}, "maps must be a whole number, got 1.5"),
        ({"maps": []}, "maps is empty"),
        ({"top": "1"}, "top must be a whole number, got '1'"),
        ({"rules": "guided"}, "rules must be a mapping of numpy_deconv.rules"),
        ({"start": np.inf}, "start must be 'activation' or a number, got inf"),
    ],
)
def test_options_of_a_wrong_kind(options, message):
    with pytest.raises(OptionError, match=message):
        deconvnet(small_net(), small_batch(), "relu2", **options)


def test_a_single_number_names_a_unit_without_positions():
    net, x = small_net(), small_batch()
    one = deconvnet(net, x, "fc", unit=3, start=np.float32(1))
    np.testing.assert_array_equal(
        one.pixels, deconvnet(net, x, "fc", unit=(3,), start=1).pixels
    )


@pytest.mark.parametrize("memory", [1, 300_000, None])
def test_many_pictures_are_each_projected_as_alone(memory):
    net, x = small_net(), small_batch(5)
    together = deconvnet(net, x, "relu2", top=3, memory=memory)
    assert [u.sample for u in together.units] == [n for n in range(5) for _ in range(3)]
    for n in range(5):
        alone = deconvnet(net, x[n : n + 1], "relu2", top=3)
        three = slice(3 * n, 3 * n + 3)
        np.testing.assert_allclose(together.pixels[three], alone.pixels, atol=1e-13)
        for got, want in zip(together.units[three], alone.units, strict=True):
            assert got._replace(sample=0) == want


def test_a_rule_of_one_s_own_sees_all_that_was_saved():
    seen = []

    def times_input(layer, saved, gy):
        seen.append(saved.shape)
        return (layer.vjp(saved, gy)[0] * saved,)

    net, x = small_net(), small_batch(2)
    rules = DECONVNET.replace({Conv: Rule("times_input", times_input)})
    got = deconvnet(net, x, "relu2", maps=[1, 2], rules=rules)
    assert seen[:2] == [(1, 8, 10, 11), (1, 3, 20, 24)]
    for unit, pixels in zip(got.units, got.pixels, strict=True):
        tape = net.run(x[unit.sample : unit.sample + 1])
        signal = np.zeros_like(tape["relu2"])
        signal[(0, unit.map, *unit.position)] = unit.value
        want = tape.project(signal, start="relu2", rules=rules)
        np.testing.assert_allclose(pixels, want[0], atol=1e-13)


def test_memory_is_bytes():
    with pytest.raises(OptionError, match="memory must be a whole number of bytes"):
        deconvnet(small_net(), small_batch(), "relu2", memory="1GB")
