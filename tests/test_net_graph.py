"""Nets: what they compute, how they are put together, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import small_nets
import torch_nets
from agreement import assert_agrees

from numpy_deconv import Graph, Node, Sequential, layers
from numpy_deconv.errors import DTypeError, NetError, ShapeError
from numpy_deconv.layers import Add, Concat, Conv, Linear, MaxPool, MaxUnpool, ReLU

every_net = pytest.mark.parametrize("name", small_nets.NETS)


def chain() -> Sequential:
    conv = Conv(np.ones((2, 1, 3)), np.zeros(2), stride=2)
    return Sequential({"conv": conv, "relu": ReLU(), "pool": MaxPool(2)})


@every_net
@pytest.mark.parametrize("seed", range(3))
def test_every_activation_is_torch_s(name: str, seed: int) -> None:
    net, x = small_nets.make(name, seed), small_nets.images(seed)
    tape = net.run(x)
    want = torch_nets.activations(net, x)
    for layer in net:
        assert_agrees(tape[layer], want[layer], 1e-10)
    np.testing.assert_array_equal(net(x), tape[net.output])


@every_net
def test_running_twice_gives_the_same_bits_and_changes_nothing(name: str) -> None:
    net, x = small_nets.make(name), small_nets.images(0)
    params = {key: value.copy() for key, value in net.params.items()}
    for value in net.params.values():
        value.setflags(write=False)
    one, two = net.run(x), net.run(x)
    for layer in net:
        np.testing.assert_array_equal(one[layer], two[layer])
    assert net.params.keys() == params.keys()
    for key, value in net.params.items():
        np.testing.assert_array_equal(value, params[key])


def test_until_stops_there() -> None:
    net, x = small_nets.make("overlapping"), small_nets.images(0)
    tape, whole = net.run(x, until="pool1"), net.run(x)
    np.testing.assert_array_equal(tape.output, whole["pool1"])
    np.testing.assert_array_equal(tape["conv1"], whole["conv1"])
    with pytest.raises(
        NetError, match=r"layer 'conv2' was not run: this run ended at 'pool1'"
    ):
        tape["conv2"]
    with pytest.raises(
        NetError, match=r"there is no layer 'conv9': this net has conv1"
    ):
        net.run(x, until="conv9")


def test_one_layer_at_two_names_shares_its_arrays() -> None:
    net = small_nets.make("shared")
    assert net["step1"] is net["step3"]
    assert net.params["step1.weight"] is net.params["step2.weight"]


def test_what_a_net_tells_of_itself() -> None:
    net = chain()
    assert repr(net) == (
        "Sequential of 3 layers\n"
        "  conv: Conv 1 -> 2, 3, stride 2\n"
        "  relu: ReLU\n"
        "  pool: MaxPool 2, stride 2"
    )
    assert repr(Graph({"relu": Node(ReLU())})) == "Graph of 1 layers\n  relu: ReLU"
    assert list(net) == ["conv", "relu", "pool"]
    assert len(net) == 3
    assert "relu" in net
    assert "input" not in net
    assert net.output == "pool"
    assert isinstance(net["pool"], MaxPool)
    assert net.of_type(MaxPool, ReLU) == ["relu", "pool"]
    assert list(net.params) == ["conv.weight", "conv.bias"]
    assert net.nodes["relu"].inputs == ("conv",)


def test_a_sequential_takes_pairs_too() -> None:
    pairs = [("a", ReLU()), ("b", MaxPool(2))]
    assert repr(Sequential(pairs)) == repr(Sequential(dict(pairs)))


def test_a_net_cannot_be_changed() -> None:
    net = chain()
    with pytest.raises(TypeError, match="does not support item assignment"):
        net.nodes["more"] = Node(ReLU())  # type: ignore[index]


def test_the_caller_s_mapping_is_copied() -> None:
    nodes = {"relu": Node(ReLU())}
    net = Graph(nodes)
    nodes["more"] = Node(ReLU())
    assert list(net) == ["relu"]


def test_a_net_needs_a_layer() -> None:
    with pytest.raises(NetError, match="a net needs at least one layer"):
        Sequential({})


@pytest.mark.parametrize("name", ["input", "pool:switches"])
def test_reserved_names(name: str) -> None:
    with pytest.raises(NetError, match=f"a layer cannot be named '{name}'"):
        Graph({name: Node(ReLU())})


def test_layers_named_twice() -> None:
    pairs = [("a", ReLU()), ("b", ReLU()), ("a", ReLU()), ("b", ReLU())]
    with pytest.raises(NetError, match="layers named twice: a, b"):
        Sequential(pairs)


def test_a_node_reads_what_comes_before_it() -> None:
    with pytest.raises(
        NetError, match="layer 'a' reads 'b', which is a later layer: list the nodes"
    ):
        Graph({"a": Node(ReLU(), ("b",)), "b": Node(ReLU())})
    with pytest.raises(
        NetError, match="layer 'a' reads 'c:switches', which is nowhere in the net"
    ):
        Graph({"a": Node(ReLU(), ("c:switches",))})


def test_an_unknown_layer_is_answered_with_those_there_are() -> None:
    for ask in (
        chain().require,
        chain().__getitem__,
        chain().run([[[1.0] * 9]]).__getitem__,
    ):
        with pytest.raises(
            NetError, match="there is no layer 'fc': this net has conv, relu, pool"
        ):
            ask("fc")


def test_errors_name_the_layer() -> None:
    with pytest.raises(
        ShapeError,
        match=r"^layer 1 'conv' \(Conv 1 -> 2, 3, stride 2\): input has 3 channels, "
        r"weight expects 1$",
    ):
        chain().run(np.zeros((1, 3, 9)))
    with pytest.raises(DTypeError, match=r"^layer 1 'conv' \(.*x is float32, weight"):
        chain().run(np.zeros((1, 1, 9), np.float32))
    net = Graph({"relu": Node(ReLU()), "fc": Node(Linear(np.zeros((2, 7))), ("relu",))})
    with pytest.raises(
        ShapeError, match=r"^layer 2 'fc' \(Linear 7 -> 2\): input has 5"
    ):
        net.run(np.zeros((1, 5)))


def test_only_a_max_pool_saves_switches() -> None:
    net = Graph(
        {
            "relu": Node(ReLU()),
            "unpool": Node(MaxUnpool(2), ("input", "relu:switches")),
        }
    )
    with pytest.raises(
        NetError, match=r"layer 2 'unpool' .*'relu' saves no 'switches': a max pool"
    ):
        net.run(np.zeros((1, 1, 4)))


def test_joints_name_the_shapes() -> None:
    parts = {"half": Node(MaxPool(2)), "join": Node(Add(), ("half", "input"))}
    with pytest.raises(
        ShapeError, match=r"layer 2 'join' \(Add\): .*\(1, 1, 2\), \(1, 1, 4\)"
    ):
        Graph(parts).run(np.zeros((1, 1, 4)))
    parts["join"] = Node(Concat(), ("half", "input"))
    with pytest.raises(
        ShapeError, match=r"layer 2 'join' \(Concat\): arrays of shapes"
    ):
        Graph(parts).run(np.zeros((1, 1, 4)))


def test_a_layer_is_told_how_many_inputs_it_takes() -> None:
    with pytest.raises(NetError, match=r"'relu' \(ReLU\) takes 1 inputs, but reads"):
        Graph({"relu": Node(layers.ReLU(), ("input", "input"))})
    with pytest.raises(NetError, match=r"'mul' \(Mul\) takes 2 inputs, but reads"):
        Graph({"mul": Node(layers.Mul(), ("input",))})
    with pytest.raises(NetError, match=r"'add' \(Add\) takes one or more inputs"):
        Graph({"add": Node(layers.Add(), ())})


def test_one_input_may_be_named_by_itself() -> None:
    assert Node(layers.ReLU(), "conv1").inputs == ("conv1",)  # type: ignore[arg-type]


def test_only_learnt_arrays_are_parameters() -> None:
    ones = np.ones(2)
    layer = layers.BatchNorm(ones, ones, eps=np.float64(1e-3))  # type: ignore[arg-type]
    assert set(layer.params) == {"mean", "var"}
    conv = layers.Conv(np.ones((2, 1, 3)), stride=np.array([2]))
    assert set(conv.params) == {"weight"}


def test_a_net_is_made_of_named_layers() -> None:
    for wrong in ({"a": 1}, {"a": ReLU}, {1: ReLU()}):
        with pytest.raises(NetError, match="is not a named layer"):
            Sequential(wrong)  # type: ignore[arg-type]
