"""Boxes: windows cut out of planes and put back, by slow indexing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.layers.boxes import Boxes, rows_of

Array = npt.NDArray[Any]


def boxes(origins: Any, shape: Any, plane: Any, samples: Any) -> Boxes:
    at = np.array(origins, np.int64).reshape(len(samples), len(shape))
    return Boxes(at, tuple(shape), tuple(plane), np.array(samples, np.int64))


@st.composite
def drawn(draw: st.DrawFn, *, hanging: bool) -> tuple[Boxes, int]:
    rank = draw(st.integers(0, 3))
    plane = [draw(st.integers(1, 5)) for _ in range(rank)]
    shape = [draw(st.integers(1, n + 2 * hanging)) for n in plane]
    count, samples = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    pairs = zip(plane, shape, strict=True)
    ends = [(-2, n) if hanging else (0, n - k) for n, k in pairs]
    origins = [[draw(st.integers(*end)) for end in ends] for _ in range(count)]
    rows = [draw(st.integers(0, samples - 1)) for _ in range(count)]
    return boxes(origins, shape, plane, rows), samples


def slowly(some: Boxes, planes: Array, outside: float) -> Array:
    windows = np.full((len(some), planes.shape[1], *some.shape), float(outside))
    for row, place in np.ndindex(len(some), int(np.prod(some.shape))):
        at = np.unravel_index(place, some.shape) if some.shape else ()
        where = some.origins[row] + np.array(at, np.int64)
        if all(0 <= p < n for p, n in zip(where, some.plane, strict=True)):
            sample = 0 if len(planes) == 1 else some.samples[row]
            windows[(row, slice(None), *at)] = planes[(sample, slice(None), *where)]
    return windows


@given(case=st.booleans().flatmap(lambda hanging: drawn(hanging=hanging)))
def test_cut(case: tuple[Boxes, int]) -> None:
    some, samples = case
    planes = np.random.default_rng(0).normal(size=(samples, 2, *some.plane))
    got = some.cut(planes, 7)
    want = slowly(some, planes, 7)
    np.testing.assert_array_equal(np.broadcast_to(got, want.shape), want)


@given(case=drawn(hanging=False))
def test_place_is_the_way_back(case: tuple[Boxes, int]) -> None:
    some, _ = case
    windows = np.random.default_rng(0).normal(size=(len(some), 2, *some.shape))
    planes = some.place(windows)
    np.testing.assert_array_equal(some.by_row().cut(planes), windows)
    np.testing.assert_allclose(planes.sum(), windows.sum())


def test_a_patch_is_written_where_both_are() -> None:
    outer = boxes([[0, 2], [5, 5]], (3, 3), (9, 9), [0, 0])
    inner = boxes([[2, 1], [0, 0]], (2, 2), (9, 9), [0, 0])
    windows = np.arange(1, 9.0).reshape(2, 1, 2, 2)
    planes = outer.patched(np.zeros((1, 1, 9, 9)), windows, inner)
    np.testing.assert_array_equal(planes[0, 0], [[0, 0, 0], [0, 0, 0], [2, 0, 0]])
    assert not planes[1].any()
    moved = inner.moved(planes + 5, outer)
    np.testing.assert_array_equal(moved[0, 0], [[0, 7], [0, 0]])
    assert not moved[1].any()


def test_boxes_that_hang_over_are_not_the_planes_themselves() -> None:
    assert boxes([[0]], (4,), (4,), [0]).whole
    assert not boxes([[-1]], (4,), (4,), [0]).whole
    assert not boxes([[0]], (3,), (4,), [0]).whole


@pytest.mark.parametrize(
    ("samples", "want", "shared"),
    [([0, 1, 2], [0, 1, 2], True), ([1, 1], [1], True), ([2, 0], [2, 0], False)],
)
def test_rows(samples: Any, want: Any, shared: bool) -> None:
    x = np.arange(3.0)
    got = rows_of(x, np.array(samples))
    np.testing.assert_array_equal(got, want)
    assert np.shares_memory(got, x) == shared
    assert rows_of(x[:1], np.array(samples)).tolist() == [0]
