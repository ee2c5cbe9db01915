"""Lean runs: the same numbers, and nothing kept that nobody reads again."""

from __future__ import annotations

import pickle
import re
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import small_nets

from numpy_deconv import Backend, Graph, Node, Sequential, use_backend
from numpy_deconv.backend import NumpyBackend
from numpy_deconv.errors import NetError, OptionError
from numpy_deconv.layers import Add, Clip, Conv, Identity, Layer, ReLU
from numpy_deconv.net import receptive_field
from numpy_deconv.rules import DECONVNET, DESALINET, GRADIENT, GUIDED, Rules, gradient

Array = npt.NDArray[Any]

every_net = pytest.mark.parametrize("name", small_nets.NETS)


def allowed(rules: Rules, net: Graph) -> Rules:
    """The rules, with the gradient at layers that they would refuse."""
    refused = {
        type(node.layer): gradient
        for node in net.nodes.values()
        if rules.for_layer(node.layer).name == "refuse"
    }
    return rules.replace(refused)


@every_net
@pytest.mark.parametrize("rules", [GRADIENT, DECONVNET, GUIDED, DESALINET], ids=repr)
def test_a_lean_run_projects_as_a_full_one(name: str, rules: Rules) -> None:
    net, x = small_nets.make(name), small_nets.images(0)
    rules = allowed(rules, net)
    full, lean = net.run(x), net.run(x, keep=())
    assert set(lean.values) == {"input", net.output}
    assert lean.shapes == full.shapes
    np.testing.assert_array_equal(lean.output, full.output)
    signal = np.random.default_rng(1).normal(size=full.output.shape)
    for stop in ("input", next(iter(net))):
        got = lean.project(signal, start=net.output, rules=rules, stop=stop)
        want = full.project(signal, start=net.output, rules=rules, stop=stop)
        np.testing.assert_array_equal(got, want)


@every_net
def test_what_is_kept_is_there(name: str) -> None:
    net, x = small_nets.make(name), small_nets.images(0)
    full = net.run(x)
    for kept in net:
        lean = net.run(x, keep=(kept, "input"))
        assert set(lean.values) == {"input", kept, net.output}
        np.testing.assert_array_equal(lean[kept], full[kept])
        signal = np.random.default_rng(1).normal(size=full[kept].shape)
        got = lean.project(signal, start=kept)
        np.testing.assert_array_equal(got, full.project(signal, start=kept))


def test_until_and_keep_go_together() -> None:
    net = small_nets.make("inception")
    lean = net.run(small_nets.images(0), until="b3_relu", keep=("b3_in",))
    assert set(lean.values) == {"input", "b3_in", "b3_relu"}
    assert set(lean.saved) == {"b3_in", "b3_in_relu", "b3", "b3_relu"}  # no b1


def test_the_receptive_field_needs_no_activations() -> None:
    net, x = small_nets.make("residual"), small_nets.images(0)
    for layer, at in (("again", (2, 3)), ("conv1", (0, 0))):
        lean = receptive_field(net.run(x, keep=()), layer, at)
        assert lean == receptive_field(net.run(x), layer, at)


def test_a_lean_tape_can_be_pickled() -> None:
    net, x = small_nets.make("overlapping"), small_nets.images(0)
    lean = net.run(x, keep=())
    again = pickle.loads(pickle.dumps(lean))
    assert again.lean
    signal = np.ones_like(lean.output)
    np.testing.assert_array_equal(
        again.project(signal, start="fc"), lean.project(signal, start="fc")
    )


class Watching(Identity):
    """Notes how many of the arrays that it was ever given are still there."""

    def __init__(self, given: list[weakref.ref[Array]], alive: list[int]):
        object.__setattr__(self, "given", given)
        object.__setattr__(self, "alive", alive)

    def forward(self, *xs: Array) -> tuple[Array, None]:
        given, alive = self.given, self.alive  # type: ignore[attr-defined]
        given.append(weakref.ref(xs[0]))
        alive.append(sum(r() is not None for r in given))
        return xs[0] + 1, None


@pytest.mark.parametrize(("keep", "want"), [(None, [1, 2, 3, 4]), ((), [1, 2, 2, 2])])
def test_activations_are_let_go_after_their_last_reader(keep: Any, want: Any) -> None:
    alive: list[int] = []
    step = Watching([], alive)
    net = Sequential([(f"step{n}", step) for n in range(4)])
    net.run(np.zeros((1, 1, 3)), keep=keep)
    assert alive == want  # the input is always kept


class Counting(NumpyBackend):
    def __init__(self) -> None:
        self.fused = 0

    def conv_clipped(self, *arguments: Any) -> Any:
        self.fused += 1
        return super().conv_clipped(*arguments)


@pytest.mark.parametrize(
    ("keep", "fused"),
    [(None, 0), ((), 4), (("squeeze",), 3), (("relu", "expand1", "expand3"), 2)],
)
def test_a_conv_and_its_relu_are_one_pass(keep: Any, fused: int) -> None:
    net, x = small_nets.make("fire"), small_nets.images(0)
    with use_backend(Counting()) as backend:
        net.run(x, keep=keep)
    assert backend.fused == fused  # type: ignore[attr-defined]


def test_a_conv_read_by_others_too_stays_apart() -> None:
    conv = Conv(np.array([[[-1.0]]]))
    net = Graph(
        {
            "conv": Node(conv),
            "relu": Node(ReLU(), "conv"),  # type: ignore[arg-type]
            "add": Node(Add(), ("conv", "relu")),
        }
    )
    with use_backend(Counting()) as backend:
        y = net.run(np.array([[[2.0, -3.0]]]), keep=()).output
    np.testing.assert_array_equal(y, [[[-2.0, 6.0]]])
    assert backend.fused == 0  # type: ignore[attr-defined]


def test_errors_in_a_lean_run_name_the_layer() -> None:
    net = small_nets.make("overlapping")
    with pytest.raises(ValueError, match=r"^layer 1 'conv1' .*input has 3 channels"):
        net.run(np.zeros((1, 3, 13, 11)), keep=())


@pytest.mark.parametrize(
    ("low", "high"), [(0, None), (0, 6), (None, 1.5), (-1, None), (None, None)]
)
def test_clipped_convolution_keeps_nan_and_every_bit(
    backend: Backend, low: float | None, high: float | None
) -> None:
    x = np.array([[[np.nan, -0.0, 0.0, -np.inf, np.inf, 1.5, 6.0, -1.0, 7.0]]])
    conv = Conv(np.ones((1, 1, 1)))
    relu = (low, high) == (0, None)
    y, saved = conv.forward_clipped(x, low, high)
    plain = conv.forward(x)[0]
    options = {} if relu else {"low": low, "high": high}
    want = backend.activation(plain, "relu" if relu else "clip", **options)
    np.testing.assert_array_equal(y, want)
    np.testing.assert_array_equal(np.signbit(y), np.signbit(want))
    assert np.isnan(y[0, 0, 0])
    assert saved is x


def test_the_slope_of_a_relu_is_that_of_its_output() -> None:
    x = np.array([[[np.nan, -0.0, 0.0, -np.inf, np.inf, 5e-324, -5e-324]]])
    relu, ones = ReLU(), np.ones((1, 1, 7))
    y, saved = relu.forward(x)
    (want,) = relu.vjp(saved, ones)
    np.testing.assert_array_equal(relu.vjp(relu.slim(saved, y), ones)[0], want)


class Centred(Conv):
    """A convolution whose way back looks at its input."""

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        (gx,) = super().vjp(saved, gy)
        return (gx * saved.mean(),)


def test_a_layer_with_its_own_way_back_keeps_all_that_it_saved() -> None:
    x = np.array([[[2.0, 4.0]]])
    net = Sequential({"conv": Centred(np.ones((1, 1, 1))), "relu": ReLU()})
    for keep in (None, ()):
        down = net.run(x, keep=keep).project(np.ones((1, 1, 2)), start="relu")
        np.testing.assert_array_equal(down, [[[3.0, 3.0]]])


def test_what_was_not_kept_is_answered_with_the_remedy() -> None:
    net = small_nets.make("overlapping")
    lean = net.run(small_nets.images(0), until="relu2", keep=())
    with pytest.raises(
        NetError, match=r"'conv1' was not kept: run with keep=\('conv1',\), or without"
    ):
        _ = lean["conv1"]
    with pytest.raises(NetError, match="run with keep= saves only what projections"):
        lean.param_grads(np.ones_like(lean.output))
    for ask in (lean.__getitem__, lambda name: net.run(lean["input"], keep=(name,))):
        with pytest.raises(NetError, match="there is no layer 'conv9'"):
            ask("conv9")
    short = net.run(small_nets.images(0), until="relu1")
    with pytest.raises(NetError, match="layer 'conv2' was not run"):
        short.shape("conv2")


def test_layers_save_by_default_what_they_saved() -> None:
    saved = object()
    assert Layer.slim(ReLU(), saved, np.zeros(1)) is saved


@every_net
def test_calling_a_net_gives_its_output(name: str) -> None:
    net, x = small_nets.make(name), small_nets.images(0)
    np.testing.assert_array_equal(net(x), net.run(x).output)


@pytest.mark.parametrize("bounds", [(0, 6), (None, 0.5), (-0.1, None), (None, None)])
def test_a_clip_is_computed_with_its_conv_if_there_is_no_way_back(
    backend: Backend, bounds: Any
) -> None:
    weight = np.random.default_rng(0).normal(size=(4, 2, 3, 3))
    net = Sequential({"conv": Conv(weight), "clip": Clip(*bounds), "last": Identity()})
    x = np.random.default_rng(1).normal(size=(2, 2, 7, 6))
    full = net.run(x)
    np.testing.assert_allclose(net(x), full.output, rtol=1e-12, atol=1e-12)
    with use_backend(Counting()) as counting:
        net(x)
        assert counting.fused == 1  # type: ignore[attr-defined]
        net.run(x, keep=())
        assert counting.fused == 1  # type: ignore[attr-defined]


def test_a_call_lets_everything_go() -> None:
    alive: list[int] = []
    step = Watching([], alive)
    Sequential([(f"step{n}", step) for n in range(4)])(np.zeros((1, 1, 3)))
    assert alive == [1, 2, 2, 2]


@pytest.mark.parametrize(
    "bounds", [(np.nan, 1), ("a", None), (True, None), (np.zeros(2), 1), (-np.inf, 0)]
)
def test_odd_bounds_are_the_clips_own_to_judge(bounds: Any) -> None:
    net = Sequential({"conv": Conv(np.ones((1, 1, 1))), "clip": Clip(*bounds)})
    x = np.ones((1, 1, 2))
    try:
        want = net.run(x).output
    except Exception as error:
        with pytest.raises(type(error), match=re.escape(str(error))):
            net(x)
    else:
        np.testing.assert_array_equal(net(x), want)


def test_bounds_beyond_the_precision_bound_nothing() -> None:
    net = Sequential({"conv": Conv(np.ones((1, 1, 1), "f4")), "clip": Clip(0, 1e300)})
    x = np.full((1, 1, 2), 3e38, np.float32)
    with use_backend("numba"):
        np.testing.assert_array_equal(net(x), x)


def test_whole_numbers_are_clipped_as_always(backend: Backend) -> None:
    net = Sequential({"conv": Conv(np.ones((1, 1, 1), int)), "clip": Clip(0.5, 2.5)})
    with pytest.raises(OptionError, match="integers cannot be clipped"):
        net(np.ones((1, 1, 2), int))
