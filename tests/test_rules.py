"""Rules: what each method does at each type of layer, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import small_nets

from numpy_deconv import Sequential, layers
from numpy_deconv.errors import NetError, OptionError, RuleError
from numpy_deconv.layers import Clip, Layer, LocalResponseNorm, MaxPool, ReLU
from numpy_deconv.layers.einsum import Einsum
from numpy_deconv.rules import (
    DECONVNET,
    DESALINET,
    GRADIENT,
    GUIDED,
    RULES,
    Rule,
    Rules,
    gradient,
    identity,
    rectify_both,
    rectify_signal,
    refuse,
    scatter,
)

Array = npt.NDArray[Any]

ALL = (GRADIENT, DECONVNET, GUIDED, DESALINET)


def down(layer: Layer, x: Array, signal: Array, rules: Rules) -> Array:
    """A signal through one layer."""
    tape = Sequential({"it": layer}).run(x)
    return np.asarray(tape.project(signal, start="it", rules=rules))


@pytest.mark.parametrize(
    ("rules", "want"),
    [
        (GRADIENT, [0, 0, 5, 0, 0, -5]),
        (DECONVNET, [5, 5, 5, 0, 0, 0]),
        (GUIDED, [0, 0, 5, 0, 0, 0]),
        (DESALINET, [0, 0, 5, 0, 0, 0]),
    ],
    ids=lambda value: value.name if isinstance(value, Rules) else "",
)
def test_relu(rules: Rules, want: list[int]) -> None:
    x = np.array([[[-2, 0, 2, -2, 0, 2]]])
    signal = np.array([[[5, 5, 5, -5, -5, -5]]])
    np.testing.assert_array_equal(down(ReLU(), x, signal, rules), [[want]])


@pytest.mark.parametrize(
    ("layer", "want"),
    [
        (layers.Clip(0, 6), [0, 0, 5, 0, 0, 0]),
        (layers.LeakyReLU(0.5), [2.5, 0, 5, 5, 0, 0]),
        (layers.PReLU(np.array([-2.0])), [-10, 0, 5, 5, 0, 0]),
    ],
)
def test_guided_masks_by_the_true_derivative(layer: Layer, want: list[float]) -> None:
    x = np.array([[[-2.0, -2.0, 2.0, 8.0, 8.0, 2.0]]])
    signal = np.array([[[5.0, -5.0, 5.0, 5.0, -5.0, -5.0]]])
    np.testing.assert_array_equal(down(layer, x, signal, GUIDED), [[want]])


@pytest.mark.parametrize("rules", [DECONVNET, DESALINET], ids=lambda r: r.name)
def test_the_signal_passes_the_response_norm(rules: Rules) -> None:
    layer = LocalResponseNorm(3, alpha=9.0)
    x = np.random.default_rng(0).normal(size=(1, 4, 5))
    signal = np.random.default_rng(1).normal(size=x.shape)
    np.testing.assert_array_equal(down(layer, x, signal, rules), signal)
    _, saved = layer.forward(x)
    for honest in (GRADIENT, GUIDED):
        true = down(layer, x, signal, honest)
        np.testing.assert_array_equal(true, layer.vjp(saved, signal)[0])
        assert np.abs(true - signal).max() > 0.1


@pytest.mark.parametrize("overlap", ["sum", "assign", "first", "max", "mean"])
@pytest.mark.parametrize(
    "layer", [MaxPool(3, 2), layers.AdaptiveMaxPool(3), layers.GlobalMaxPool()]
)
def test_scatter(layer: Layer, overlap: str) -> None:
    x = np.array([[[0.0, 1.0, 9.0, 2.0, 8.0, 3.0, 0.0]]])
    y, saved = layer.forward(x)
    signal = np.array([[[2.0, 5.0, 7.0]]])[..., : y.shape[2]]
    planes: dict[int, list[float]] = {}
    for switch, value in zip(saved.switches.flat, signal.flat, strict=True):
        planes.setdefault(int(switch), []).append(float(value))
    joined: dict[str, Callable[[list[float]], float]] = {
        "sum": sum,
        "assign": lambda values: values[-1],
        "first": lambda values: values[0],
        "max": max,
        "mean": lambda values: sum(values) / len(values),
    }
    want = np.zeros(x.shape)
    for switch, values in planes.items():
        want.flat[switch] = joined[overlap](values)
    rules = DECONVNET.replace({type(layer): scatter(overlap)})
    np.testing.assert_array_equal(down(layer, x, signal, rules), want)


def test_the_deconvnet_adds_where_windows_overlap() -> None:
    x = np.array([[[0.0, 0.0, 9.0, 0.0, 0.0]]])
    signal = np.array([[[2.0, 5.0]]])
    for rules in ALL:
        got = down(MaxPool(3, 2), x, signal, rules)
        np.testing.assert_array_equal(got, [[[0, 0, 7, 0, 0]]])


REFUSED = {
    layers.ELU: layers.ELU(),
    layers.Sigmoid: layers.Sigmoid(),
    layers.Tanh: layers.Tanh(),
    layers.SiLU: layers.SiLU(),
    layers.GELU: layers.GELU(),
    layers.HardSigmoid: layers.HardSigmoid(),
    layers.HardSwish: layers.HardSwish(),
    layers.Softplus: layers.Softplus(),
    layers.LpPool: layers.LpPool(2.0, 1),
    layers.Softmax: layers.Softmax(),
    layers.LogSoftmax: layers.LogSoftmax(),
    Einsum: Einsum((None,), "ncw->ncw"),
}
LEAKY = {
    layers.LeakyReLU: layers.LeakyReLU(),
    layers.PReLU: layers.PReLU(np.ones(1)),
    layers.Clip: layers.Clip(0, 6),
}


@pytest.mark.parametrize(
    ("rules", "kind"),
    [
        *((rules, kind) for rules in ALL[1:] for kind in REFUSED),
        *((rules, kind) for rules in (DECONVNET, DESALINET) for kind in LEAKY),
    ],
    ids=lambda value: value.name if isinstance(value, Rules) else value.__name__,
)
def test_what_was_never_published_is_refused(rules: Rules, kind: type[Layer]) -> None:
    layer, x = (REFUSED | LEAKY)[kind], np.ones((1, 2, 3))
    tape = Sequential({"first": ReLU(), "odd": layer}).run(x)
    message = (
        f"layer 2 'odd' ({layer.describe()}): there is no published rule for "
        f"{kind.__name__} here: say which to use with "
        f"rules.replace({{{kind.__name__}: gradient}}), take the gradient at all such "
        "layers with rules.otherwise(), or start below it"
    )
    with pytest.raises(RuleError, match=f"^{re.escape(message)}$"):
        tape.project(x, start="odd", rules=rules)
    np.testing.assert_array_equal(tape.project(x, start="first", rules=rules), x)
    allowed = tape.project(x, start="odd", rules=rules.replace({kind: gradient}))
    np.testing.assert_array_equal(allowed, tape.project(x, start="odd"))


def test_products_are_refused() -> None:
    net = small_nets.make("squeeze_excite")
    tape = net.run(small_nets.images(0))
    signal = np.ones(tape["fc"].shape)
    for rules in ALL[1:]:
        with pytest.raises(
            RuleError, match=r"layer 8 'mul' \(Mul\): there is no publi"
        ):
            tape.project(signal, start="fc", rules=rules)
        told = rules.replace({layers.Mul: gradient, layers.Sigmoid: gradient})
        seen = tape.project(signal, start="fc", rules=told)
        assert seen.any()
        loose = rules.otherwise()
        np.testing.assert_array_equal(
            tape.project(signal, start="fc", rules=loose), seen
        )
        assert loose.name == f"{rules.name}, else gradient"
        assert loose[ReLU] == rules[ReLU] and layers.Mul in rules


def test_the_gradient_refuses_nothing() -> None:
    assert len(GRADIENT) == 0
    for kind, layer in (REFUSED | LEAKY).items():
        assert GRADIENT.for_layer(layer) == gradient, kind


def test_replace_leaves_the_original_as_it_was() -> None:
    changed = DECONVNET.replace({MaxPool: scatter("assign")})
    assert changed[MaxPool].name == "scatter(assign)"
    assert DECONVNET[MaxPool].name == "scatter(sum)"
    assert changed.name == "deconvnet (changed)"
    assert DECONVNET.replace({}, name="mine").name == "mine"
    assert set(changed) == set(DECONVNET)
    added = GRADIENT.replace({layers.Conv: identity})
    assert list(added) == [layers.Conv]
    with pytest.raises(TypeError, match="does not support item assignment"):
        DECONVNET[MaxPool] = identity  # type: ignore[index]


def test_settings_are_words() -> None:
    settings = DECONVNET.settings()
    assert settings["ReLU"] == "rectify_signal"
    assert settings["LocalResponseNorm"] == "identity"
    assert settings["GlobalMaxPool"] == settings["MaxPool"] == "scatter(sum)"
    assert settings["Clip"] == settings["Mul"] == "refuse"
    assert "Conv" not in settings
    assert GUIDED.settings()["Clip"] == GUIDED.settings()["ReLU"] == "rectify_both"
    assert GRADIENT.settings() == {}
    one = Rules("one", {ReLU: rectify_signal})
    assert repr(one) == "Rules('one', {'ReLU': 'rectify_signal'})"
    assert [rules.name for rules in ALL] == [
        "gradient",
        "deconvnet",
        "guided_backprop",
        "desalinet",
    ]


def test_lookup_goes_from_the_type_to_its_bases() -> None:
    class Mine(ReLU):
        pass

    class Other(Mine):
        pass

    assert DECONVNET.for_layer(Mine()) == rectify_signal
    special = DECONVNET.replace({Mine: identity})
    assert special.for_layer(Other()) == identity
    assert special.for_layer(ReLU()) == rectify_signal
    everything = Rules("all", {Layer: refuse, ReLU: rectify_both})
    assert everything.for_layer(MaxPool(2)) == refuse
    assert everything.for_layer(Other()) == rectify_both
    assert DECONVNET.for_layer(layers.AvgPool(2)) == gradient
    assert special.for_layer(layers.Tanh()) == refuse


def test_a_rule_shows_and_compares_by_its_name() -> None:
    assert repr(scatter("max")) == "scatter(max)"
    assert scatter("sum") == scatter()
    assert scatter("sum") != scatter("assign")


def test_a_rule_of_one_s_own() -> None:
    def doubled(layer: Layer, saved: Any, gy: Array) -> tuple[Array]:
        return (2 * gy,)

    rules = GRADIENT.replace({ReLU: Rule("doubled", doubled)})
    got = down(ReLU(), np.array([[[-1.0, 1.0]]]), np.array([[[3.0, -4.0]]]), rules)
    np.testing.assert_array_equal(got, [[[6.0, -8.0]]])


def test_an_overlap_must_be_known() -> None:
    with pytest.raises(OptionError, match="overlap='add' is not known: use one of"):
        scatter("add")


def test_every_mapping_is_found_by_its_name() -> None:
    assert set(RULES) >= {"gradient", "deconvnet", "guided_backprop", "desalinet"}
    assert all(RULES[name].name == name for name in RULES)


def test_relu6_rectifies_the_signal_if_asked_to() -> None:
    x, g = np.array([[[-1.0, 1.0, 9.0]]]), np.array([[[3.0, -4.0, 5.0]]])
    got = down(Clip(0, 6), x, g, RULES["deconvnet_relu6"])
    np.testing.assert_array_equal(got, [[[3.0, 0.0, 5.0]]])


def test_a_rule_of_inputs_gets_what_the_layer_read() -> None:
    net = small_nets.make("segnet")
    tape = net.run(small_nets.images(0))
    seen: list[Any] = []

    def look(layer: Layer, xs: Any, gy: Array) -> Any:
        seen.append(xs)
        return layer.vjp(layer.forward(*xs)[1], gy)

    rule = Rule("look", look, of_inputs=True)
    rules = GRADIENT.replace({layers.MaxUnpool: rule})
    signal = np.ones(tape.output.shape)
    got = tape.project(signal, start="conv4", rules=rules)
    np.testing.assert_array_equal(got, tape.project(signal, start="conv4"))
    (_, (values, switches)) = seen
    np.testing.assert_array_equal(values, tape["pool2"])
    np.testing.assert_array_equal(switches, tape.saved["pool2"].switches)
    lean = net.run(small_nets.images(0), keep=())
    with pytest.raises(NetError, match="the activation of 'relu3' was not kept"):
        lean.project(signal, start="conv4", rules=rules)
