"""Concatenations whose parts are written where they belong."""

from __future__ import annotations

import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

from numpy_deconv import Backend, Graph, Node
from numpy_deconv.errors import NetError, ShapeError
from numpy_deconv.layers import Concat, Conv, Identity, Layer, ReLU


def conv(filters: int, channels: int, kernel: int = 1, **options: Any) -> Conv:
    rng = np.random.default_rng([filters, channels, kernel])
    weight = rng.normal(size=(filters, channels, kernel, kernel)).astype(np.float32)
    bias = rng.normal(size=filters).astype(np.float32)
    return Conv(weight, bias, padding=kernel // 2, **options)


def net(right: Layer | None = None, joins: Layer | None = None, **more: Node) -> Graph:
    """What two ReLUs put out beside each other, and a convolution of both."""
    right = conv(17, 3, 3) if right is None else right
    return Graph(
        {
            "left": Node(conv(20, 3)),
            "relu": Node(ReLU(), ("left",)),
            "right": Node(right, ("input",)),
            "relu_right": Node(ReLU(), ("right",)),
            "both": Node(Concat() if joins is None else joins, ("relu", "relu_right")),
            "last": Node(conv(4, 37), ("both",)),
            **more,
        }
    )


def images(dtype: Any = np.float32) -> Any:
    return np.random.default_rng(0).normal(size=(2, 3, 9, 11)).astype(dtype)


def as_apart(made: Graph, backend: Backend) -> dict[str, Any]:
    """Holds a lean run against a full one; what lies in one piece in the lean one."""
    full, lean = made.run(images()), made.run(images(), keep=())
    assert full.joined == {}
    np.testing.assert_allclose(lean.output, full.output, rtol=1e-5, atol=1e-5)
    signal = np.ones_like(full.output)
    got, want = (tape.project(signal, start=made.output) for tape in (lean, full))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    return dict(lean.joined) if backend.joins else {"both": None}


def test_parts_lie_in_one_piece_where_that_costs_nothing(backend: Backend) -> None:
    made = net()
    assert list(as_apart(made, backend)) == ["both"]
    lean = made.run(images(), keep=())
    assert bool(lean.joined) == backend.joins
    if backend.joins:
        assert np.may_share_memory(lean.joined["both"], lean.saved["relu"])
        np.testing.assert_allclose(lean.joined["both"], made.run(images())["both"],
                                   rtol=1e-5, atol=1e-5)  # fmt: skip
    again = pickle.loads(pickle.dumps(lean))  # its parts are saved anyway
    assert again.joined == {}
    signal = np.ones_like(lean.output)
    got, want = (tape.project(signal, start="last") for tape in (again, lean))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "made",
    [
        net(right=ReLU(), last=Node(conv(4, 23), ("both",))),
        net(other=Node(conv(4, 17), ("relu_right",)),
            sum=Node(Concat(), ("last", "other"))),
        net(joins=Concat(axis=2), last=Node(ReLU(), ("both",)),
            right=conv(20, 3, 3)),
    ],
    ids=["no convolution", "read twice", "another axis"],
)  # fmt: skip
def test_others_are_joined_by_a_copy(backend: Backend, made: Graph) -> None:
    assert "both" not in as_apart(made, backend) or not backend.joins


def test_what_is_kept_is_its_own(backend: Backend) -> None:
    made = net()
    lean = made.run(images(), keep=("relu_right", "both"))
    assert lean.joined == {}
    assert not np.may_share_memory(lean["both"], lean["relu_right"])


def test_parts_of_other_sizes_are_refused_as_always(backend: Backend) -> None:
    made = net(right=conv(17, 3, 3, stride=2))
    message = r"layer 5 'both' \(Concat.*cannot be joined along axis 1"
    with pytest.raises(ShapeError, match=message):
        made.run(images(), keep=())


def test_an_image_of_other_channels_is_refused_as_always(backend: Backend) -> None:
    x = np.zeros((1, 2, 9, 11), np.float32)
    with pytest.raises(ShapeError, match=r"layer 1 'left'.*input has 2 channels"):
        net().run(x, keep=())
    with pytest.raises(ShapeError, match=r"layer 1 'left'.*weight of 3 axes"):
        net().run(x[0], keep=())


def test_other_precisions(backend: Backend) -> None:
    half = Graph(
        {
            name: Node(
                Conv(node.layer.weight.astype(np.float16), padding=node.layer.padding)
                if isinstance(node.layer, Conv)
                else node.layer,
                node.inputs,
            )
            for name, node in net().nodes.items()
        }
    )
    lean = half.run(images(np.float16), keep=())
    full = half.run(images(np.float16))
    np.testing.assert_array_equal(lean.output, full.output)
    with pytest.raises(NetError, match="was not kept"):
        lean["both"]


def test_only_what_a_way_back_looks_at_is_kept(backend: Backend) -> None:
    nodes = dict(net().nodes)
    nodes["both"] = Node(Concat(), ("relu", "right"))
    del nodes["relu_right"]
    lean = Graph(nodes).run(images(), keep=())
    assert lean.joined == {}
    full = Graph(nodes).run(images())
    signal = np.ones_like(full.output)
    got, want = (tape.project(signal, start="last") for tape in (lean, full))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_a_call_lets_joined_parts_go(backend: Backend) -> None:
    made, alive = net(), []

    class Watching(Identity):
        def forward(self, *xs: Any) -> Any:
            alive.append(weakref.ref(xs[0]))
            return xs[0] + 1, None

    class Counting(Identity):
        def forward(self, *xs: Any) -> Any:
            gc.collect()
            alive.append(sum(each() is not None for each in alive))
            return xs[0], None

    nodes = dict(made.nodes)
    del nodes["last"]
    nodes["watch"] = Node(Watching(), ("both",))
    nodes["last"] = Node(Counting(), ("watch",))
    nodes["end"] = Node(Identity(), ("last",))
    Graph(nodes)(images())
    assert alive[-1] == 0
