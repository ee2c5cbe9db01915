"""Projections of units on windows beside those on whole planes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from numpy_deconv import Graph, Node, Tape
from numpy_deconv.layers import (
    AdaptiveMaxPool,
    AvgPool,
    Clip,
    Conv,
    ConvTranspose,
    Flatten,
    GlobalMaxPool,
    Identity,
    Layer,
    LeakyReLU,
    LocalResponseNorm,
    LpPool,
    MaxPool,
    PReLU,
    ReLU,
    Softmax,
)
from numpy_deconv.net import legs as ways
from numpy_deconv.net import project_units
from numpy_deconv.net.legs import Leg
from numpy_deconv.rules import (
    DECONVNET,
    DESALINET,
    GRADIENT,
    GUIDED,
    Rules,
    scatter,
)

Array = npt.NDArray[Any]

POOLS = (MaxPool, AdaptiveMaxPool, GlobalMaxPool)
OVERLAPS = ("sum", "assign", "first", "mean", "max")
RULES: tuple[Rules, ...] = (
    GRADIENT,
    GUIDED,
    DESALINET,
    *(
        DECONVNET.replace(dict.fromkeys(POOLS, scatter(overlap)), overlap)
        for overlap in OVERLAPS
    ),
)


def way(
    tape: Tape, units: Array, start: str, rules: Rules, stop: str = "input"
) -> list[Leg] | None:
    places = np.delete(units, 1, axis=1)
    return ways.legs(tape, start, places, rules, stop, 1 << 26)


def cropped(
    tape: Tape,
    units: Array,
    values: Array,
    *,
    start: str,
    rules: Rules,
    stop: str = "input",
    memory: int | None = None,
) -> Array:
    """Every unit's projection as a whole plane, having come exactly once."""
    shape = tape.shape(stop)[1:]
    pixels = np.zeros((len(units), *shape), tape[start].dtype)
    came: list[int] = []
    for part in project_units(
        tape, units, values, start=start, rules=rules, stop=stop, memory=memory
    ):
        assert len(part.units) == len(part.windows) == len(part.boxes)
        part.place_in(pixels)
        np.testing.assert_array_equal(part.planes(), pixels[part.units])
        came += part.units.tolist()
    assert sorted(came) == list(range(len(units)))
    return pixels


def in_full(
    tape: Tape, units: Array, values: Array, *, start: str, rules: Rules, stop: str
) -> Array:
    planes = []
    for unit, value in zip(units, values, strict=True):
        signal = np.zeros_like(tape[start])
        signal[tuple(unit)] = value
        down = tape.project(signal, start=start, rules=rules, stop=stop)
        planes.append(down[unit[0]])
    return np.array(planes)


def compare(
    tape: Tape,
    units: Array,
    values: Array,
    *,
    start: str,
    rules: Rules,
    stop: str = "input",
    memory: int | None = None,
    tolerance: float = 1e-12,
) -> None:
    where: dict[str, Any] = {"start": start, "rules": rules, "stop": stop}
    got = cropped(tape, units, values, memory=memory, **where)
    want = in_full(tape, units, values, **where)
    for one, other in zip(got, want, strict=True):
        bound = tolerance * (np.abs(other).max(initial=0) or 1)
        np.testing.assert_allclose(one, other, rtol=0, atol=bound)


def some_units(shape: tuple[int, ...], rng: np.random.Generator, count: int) -> Array:
    """Random ones, and the corners."""
    first, last = np.zeros(len(shape), np.int64), np.array(shape) - 1
    drawn = [[int(rng.integers(0, n)) for n in shape] for _ in range(count)]
    return np.array([first, last, *drawn])


def signed(net: Graph, rng: np.random.Generator) -> Graph:
    """The graph with weights of both signs."""
    nodes = {}
    for name, node in net.nodes.items():
        fields = dict(vars(node.layer))
        for field, value in node.layer.params.items():
            fields[field] = rng.normal(size=value.shape)
        nodes[name] = Node(type(node.layer)(**fields), node.inputs)
    return Graph(nodes)


def ones(*kernel: int, channels: int = 2, **options: Any) -> Conv:
    rng = np.random.default_rng([*kernel, channels])
    return Conv(rng.normal(size=(2, channels, *kernel)), **options)


DEEP: dict[str, list[Layer]] = {
    "average of what is there": [
        ones(3, 3, padding=1),
        AvgPool(3, 2, 1, ceil_mode=True, count_include_pad=False),
        AvgPool((2, 3), (1, 2), ((1, 0), (0, 1)), count_include_pad=False),
    ],
    "average of padding too": [
        AvgPool((3, 2), (2, 1), 1, ceil_mode=True),
        ones(2, 3, stride=(2, 1)),
        AvgPool((3, 2), (2, 3), dilation=(1, 2), ceil_mode=True),
    ],
    "dilated and uneven": [
        ones(3, 2, padding=((2, 0), (1, 3)), dilation=(2, 3)),
        ReLU(),
        MaxPool((3, 2), (1, 2), 1, (2, 1)),
        ones(2, 2, stride=(3, 2), padding="same"),
    ],
    "overlapping pools": [
        MaxPool(3, 2, ceil_mode=True),
        ReLU(),
        MaxPool((3, 4), 1, 1),
        MaxPool(3, 2, 1),
    ],
    "slopes": [
        ones(3, 3),
        LeakyReLU(0.2),
        PReLU(np.array([0.3, -0.2])),
        Clip(-0.5, 1.0),
        LocalResponseNorm(2, 0.5),
        LpPool(2, (2, 3), (2, 1)),
        Softmax(),
    ],
    "in parts": [ones(3, 3), AdaptiveMaxPool((4, 3)), ones(1, 2), Softmax(-1)],
    "all there is": [ones(2, 2), GlobalMaxPool(), Flatten()],
    "transposed": [
        ConvTranspose(np.ones((2, 2, 3, 2)), stride=(2, 3), padding=1),
        MaxPool((3, 2), 2),
    ],
}


class Doubling(Layer):
    """Somebody's own layer, that says nothing of where it reads."""

    def forward(self, *xs: Array) -> tuple[Array, None]:
        return 2 * xs[0][..., ::-1], None

    def vjp(self, saved: None, gy: Array) -> tuple[Array | None, ...]:
        return (2 * gy[..., ::-1],)


class Shifted(Identity):
    """An identity that reads elsewhere."""

    def forward(self, *xs: Array) -> tuple[Array, None]:
        return np.roll(xs[0], 1, -1), None

    def vjp(self, saved: None, gy: Array) -> tuple[Array | None, ...]:
        return (np.roll(gy, -1, -1),)


@pytest.fixture(params=[0.0, 1e9], ids=["cut", "even"])
def edges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes at the edges of the image: once cut, once as large as elsewhere."""
    monkeypatch.setattr(ways, "OVERHEAD", request.param)
