"""Rows of changed boxes in groups: each once, and less computed than all alike."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from cropped_units import ones

from numpy_deconv import Graph, Node, Sequential
from numpy_deconv.layers import Add, Conv, Flatten, Linear, MaxPool, ReLU, Upsample
from numpy_deconv.net import together as module
from numpy_deconv.net.patched import patched_runs
from numpy_deconv.net.reach import reach
from numpy_deconv.net.steps import lean_steps
from numpy_deconv.net.together import together

Array = npt.NDArray[Any]

DEEP = {
    "a": ones(3, 3, padding=1),
    "pool": MaxPool(2),
    "b": ones(3, 3, padding=1),
    "c": ones(5, 5, padding=2),
}


def squares(size: tuple[int, ...], side: int, step: int) -> Array:
    starts = [range(0, n - side + 1, step) for n in size]
    corners = np.stack(np.meshgrid(*starts, indexing="ij"), -1).reshape(-1, len(size))
    return np.stack([corners, corners + side], -1)


def grouped(net: Graph, size: tuple[int, ...], boxes: Array) -> tuple[Any, list[Array]]:
    x = np.zeros((1, 2, *size))
    tape = net.run(x)
    steps = lean_steps(net.nodes, {net.output}, only_forward=True)
    return (tape, steps), together(reach(tape, steps, boxes), boxes)


def outputs(run: Any, boxes: Array, groups: list[Array]) -> int:
    """Of the last layer, computed for all groups."""
    total = 0
    for rows in groups:
        first, last = reach(*run, boxes[rows]).visits[-1].reads[0][0].T
        total += len(rows) * math.prod((last - first).tolist())
    return total


@pytest.mark.parametrize("size", [(40, 40), (33, 48), (90,), (20, 21, 14)])
def test_what_is_cut_off_by_an_edge_goes_apart(
    size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Sequential({"a": ones(*[5] * len(size), padding=2), "b": ReLU()})
    boxes = squares(size, 5, 1)
    monkeypatch.setitem(module.READING, "numpy", 1)
    run, groups = grouped(net, size, boxes)
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(boxes)))
    # 5 places change 9 outputs or, beside an edge, 7: 3 tiles of 4, or 2
    assert len(groups) == 2 ** len(size)
    alike = [np.arange(len(boxes))]
    assert outputs(run, boxes, groups) < outputs(run, boxes, alike)
    corner = next(rows for rows in groups if 0 in rows)
    edge = [((0, n - 5), (1, n - 6)) for n in size]
    assert sorted(map(tuple, boxes[corner][..., 0].tolist())) == sorted(
        {
            start
            for start in map(tuple, boxes[..., 0].tolist())
            if all(
                at in (*near, *far) for at, (near, far) in zip(start, edge, strict=True)
            )
        }
    )


def test_where_it_lies_between_the_strides_matters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = Sequential({"pool": MaxPool(4), "a": ones(1)})
    boxes = np.array(
        [[(4 * n + o, 4 * n + o + 16)] for n in range(2, 9) for o in (0, 2)]
    )
    monkeypatch.setitem(module.READING, "numpy", 1)
    _, groups = grouped(net, (96,), boxes)
    assert sorted(map(sorted, groups)) == [
        list(range(0, 14, 2)), list(range(1, 14, 2)),
    ]  # fmt: skip


@pytest.mark.parametrize("reading", [1, 500, 3000, 9000, 10**6])
def test_neighbours_are_united_while_that_saves_work(
    reading: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As little as by any way to unite the 3 classes that there are along each axis."""
    net = Sequential({"a": ones(13, 13, padding=6), "b": ReLU()})
    boxes = squares((30, 44), 9, 1)
    monkeypatch.setitem(module.READING, "numpy", reading)

    def in_tiles(groups: list[Array]) -> int:
        """Outputs of 4 x 4 tiles, and what groups begin with."""
        total = reading * len(groups)
        for rows in groups:
            low = np.maximum(boxes[rows][..., 0] - 6, 0)
            high = np.minimum(boxes[rows][..., 1] + 6, (30, 44))
            total += len(rows) * 16 * math.prod((-(-(high - low).max(0) // 4)).tolist())
        return total

    ends = np.minimum(boxes[..., 1] + 6, (30, 44))
    tiles = -(-(ends - np.maximum(boxes[..., 0] - 6, 0)) // 4)
    assert [sorted(set(each.tolist())) for each in tiles.T] == [[4, 5, 6]] * 2
    best = 10**9
    for cuts in product([(), (4,), (5,), (4, 5)], repeat=2):
        above = [(tiles[:, [a]] > list(c)).sum(1) for a, c in enumerate(cuts)]
        label = above[0] * 3 + above[1]
        found = [np.flatnonzero(label == one) for one in set(label.tolist())]
        best = min(best, in_tiles(found))
    _, groups = grouped(net, (30, 44), boxes)
    assert in_tiles(groups) == best
    assert len(groups) == {1: 9, 10**6: 1}.get(reading, len(groups))


def test_few_rows_stay_together() -> None:
    """Each group reads all weights."""
    net = Sequential(DEEP)
    for size, side, step in (((16, 16), 4, 4), ((40, 40), 4, 9)):
        boxes = squares(size, side, step)
        _, groups = grouped(net, size, boxes)
        assert [rows.tolist() for rows in groups] == [list(range(len(boxes)))]


def test_without_convolutions_there_is_one_group() -> None:
    net = Sequential({"relu": ReLU(), "flat": Flatten()})
    boxes = squares((30, 30), 3, 1)
    _, groups = grouped(net, (30, 30), boxes)
    assert [rows.tolist() for rows in groups] == [list(range(len(boxes)))]


def test_branches_and_what_changes_everywhere() -> None:
    """Estimates only: each row is in one group whatever the layers are."""
    net = Graph(
        {
            "half": Node(MaxPool(2)),
            "back": Node(Upsample(2), ("half",)),
            "conv": Node(ones(3, 3, padding=1)),
            "add": Node(Add(), ("back", "conv", "input")),
            "last": Node(ones(3, 3), ("add",)),
            "flat": Node(Flatten(), ("last",)),
        }
    )
    boxes = squares((24, 22), 3, 1)
    _, groups = grouped(net, (24, 22), boxes)
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(boxes)))


@pytest.mark.parametrize("wanted", [["scores"], ["relu", "scores"], ["pool", "scores"]])
@pytest.mark.parametrize("memory", [1 << 13, 1 << 16, 1 << 30])
def test_groups_meet_again_where_all_is_connected(
    wanted: list[str], memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows of different shapes become whole planes; results are as of full runs."""
    seen: list[int] = []

    class Counted(Linear):
        def forward(self, *xs: Array) -> tuple[Array, Any]:
            seen.append(len(xs[0]))
            return super().forward(*xs)

    rng = np.random.default_rng(0)
    net = Sequential(
        {
            "conv": Conv(rng.normal(size=(3, 2, 5, 5)), padding=2),
            "relu": ReLU(),
            "pool": MaxPool(2),
            "flat": Flatten(),
            "scores": Counted(rng.normal(size=(4, 3 * 8 * 9))),
        }
    )
    x, boxes, fill = (
        rng.normal(size=(1, 2, 16, 18)),
        squares((16, 18), 5, 1),
        np.ones(()),
    )
    monkeypatch.setitem(module.READING, "numpy", 1)
    tape, parts = patched_runs(net, x, boxes, fill, wanted, memory)
    seen.clear()
    shapes, came = set(), []
    for rows, changed in parts:
        came += rows.tolist()
        if "relu" in changed:
            shapes.add(changed["relu"][0].shape)
        for name in wanted:
            where, windows = changed[name]
            assert len(where) == len(windows) == len(rows)
            got = np.repeat(tape[name], len(rows), axis=0)
            where.put(got, np.arange(len(rows)), windows)
            for n, row in enumerate(rows.tolist()):
                covered = x.copy()
                covered[(0, slice(None), *(slice(*e) for e in boxes[row].tolist()))] = 1
                want = net.run(covered, keep=wanted)[name][0]
                np.testing.assert_allclose(got[n], want, rtol=0, atol=1e-12)
    assert sorted(came) == list(range(len(boxes)))
    if wanted == ["scores"] and memory == 1 << 30:
        assert len(boxes) in seen
    if "relu" in wanted:
        assert len(shapes) == 4
