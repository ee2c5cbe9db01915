"""Input gradients of signals that are mostly zeros: exact on whole numbers."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from fenced_arrays import fenced
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_deconv.backend import NumpyBackend
from numpy_deconv.backends.numba_cpu import (
    shifting,
    sparse,
    sparse_plan,
    sparse_vectors,
    team,
)
from numpy_deconv.backends.numba_cpu.algorithms import Problem, sparse_below
from numpy_deconv.backends.numba_cpu.ending import Ending
from numpy_deconv.backends.numba_cpu.vectors import lanes_of
from numpy_deconv.layers.boxes import Boxes
from numpy_deconv.window import Window

REFERENCE = NumpyBackend()
LANES = lanes_of(np.dtype(np.float32))
COLUMNS = (1, 2, 3, 5, 8, 16, 17, 32, 64)
FILTERS = (1, 3, 8, 15, 16, 17, 33, 64)


class Case(NamedTuple):
    """A signal of whole numbers, and all that its gradient takes."""

    grad: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None
    size: tuple[int, ...]
    window: Window

    def expected(self) -> np.ndarray:
        wide = [None if a is None else a.astype(np.float64) for a in self[:3]]
        with np.errstate(invalid="ignore"):
            return REFERENCE.conv_input_grad(*wide, self.size, self.window, 1)

    def got(
        self,
        low: float = -math.inf,
        high: float = math.inf,
        shifts: np.ndarray | None = None,
    ) -> Any:
        grad = fenced(self.grad, True)
        given_ = (grad, self.weight, self.bias, self.size, self.window)
        return sparse.conv_input_grad(*given_, Ending(low, high), None, shifts)


def forget() -> None:
    """Plan anew."""
    for planned in (sparse_plan.plan, sparse._planned):
        planned.cache_clear()


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rank = draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    top = {1: 40, 2: 12, 3: 5}[rank]

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    kernel, stride = each(1, 5 if rank < 3 else 3), each(1, 4)
    dilation = (*each(1, 3)[:-1], 1)
    padding = tuple(zip(each(0, 3), each(0, 3), strict=True))
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = tuple(
        max(n, span - sum(pad))
        for n, span, pad in zip(each(1, top), spans, padding, strict=True)
    )
    size = tuple(max(1, n) for n in size)
    window = Window.of(
        kernel, rank, stride=stride, padding=padding, dilation=dilation, input_size=size
    )
    filters, columns = draw(st.sampled_from(FILTERS)), draw(st.sampled_from(COLUMNS))
    shape = (draw(st.integers(1, 3)), filters, *window.output_size(size))
    dtype = draw(st.sampled_from((np.float32, np.float64)))
    full = draw(st.sampled_from((0.0, 0.02, 0.2, 1.0)))
    grad = rng.integers(-8, 9, shape) * (rng.random(shape) < full)
    weight = rng.integers(-8, 9, (filters, columns, *kernel))
    bias = rng.integers(-8, 9, columns) if draw(st.booleans()) else None
    arrays = [None if a is None else a.astype(dtype) for a in (grad, weight, bias)]
    return Case(*arrays, size, window)


@settings(max_examples=200)
@given(cases(), st.integers(1, 3), st.sampled_from((sparse_plan.PART, 1 << 12, 64)))
def test_any_geometry_exactly(case: Case, threads: int, most: int) -> None:
    with pytest.MonkeyPatch.context() as patch, team.limited(threads):
        patch.setattr(sparse_plan, "PART", most)  # fewer channels at a time
        patch.setattr(sparse_plan, "BAND", most)
        patch.setattr(sparse_plan, "LISTS", most)
        forget()
        got = case.got()
        forget()
    assert got.dtype == case.grad.dtype
    np.testing.assert_array_equal(got, case.expected())


@pytest.mark.parametrize("kernel", [2, 3, 6, 7])
@pytest.mark.parametrize("width", range(1, 10))
def test_sums_have_room_for_whole_groups(kernel: int, width: int) -> None:
    """The last one may reach beyond the signal; what it adds there is zero."""
    window, size = Window.of(kernel, 2), (kernel, width + kernel - 1)
    shape, dtype = (1, 8, 1, width), np.dtype(np.float32)
    g = sparse_plan.plan(shape, 64, size, window, dtype).geometry
    assert g.group == sparse_vectors.GROUP
    pixels = -(-width // g.group) * g.group
    assert (pixels + kernel - 1) * g.channels <= g.line


@given(cases())
def test_bounds(case: Case) -> None:
    np.testing.assert_array_equal(case.got(-3, 20), case.expected().clip(-3, 20))


@settings(max_examples=200)
@given(cases(), st.integers(1, 3), st.integers(0, 2**32))
def test_every_sample_moved_by_itself(case: Case, threads: int, seed: int) -> None:
    case, rank = case._replace(bias=None), len(case.size)
    rows = np.arange(len(case.grad))
    most = max(case.size) + 2
    shifts = np.random.default_rng(seed).integers(-most, most, (len(rows), rank))
    shifts[rows % 2 > 0] //= 4
    with team.limited(threads):
        got = case.got(0, shifts=shifts)
    plain = case.expected().clip(0)
    want = Boxes(shifts, case.size, case.size, rows).cut(plain)
    np.testing.assert_array_equal(got, want)
    held = fenced(plain.astype(np.float32)).copy("K")  # channels last
    np.testing.assert_array_equal(shifting.shifted(held, shifts), want)


@given(cases(), st.sampled_from((math.nan, math.inf, -math.inf)), st.integers(0))
def test_what_is_not_finite_is_as_in_the_plain_sum(
    case: Case, value: float, seed: int
) -> None:
    """Or it is left to the others, which know how to."""
    rng = np.random.default_rng(seed)
    grad = case.grad.copy()
    grad.flat[rng.integers(grad.size)] = value
    case = case._replace(grad=grad, weight=np.where(case.weight == 0, 1, case.weight))
    got = case.got()
    if got is not None:
        np.testing.assert_array_equal(got, case.expected())


def test_a_zero_meets_an_infinite_weight() -> None:
    window = Window.of(3, 1, input_size=(5,))
    weight = np.ones((1, 16, 3), np.float32)
    weight[0, 0, 0] = np.inf
    case = Case(np.zeros((1, 1, 3), np.float32), weight, None, (5,), window)
    assert case.got() is None


@pytest.mark.parametrize("columns", [3, 16, 48])
@pytest.mark.parametrize(
    "kernel", [(13, 7), (7, 13), (2, 31), (9, 1), (1, 9), (3, 2, 8)], ids=str
)
def test_kernels_that_no_block_holds(kernel: tuple[int, ...], columns: int) -> None:
    rng = np.random.default_rng(0)
    places = (9, 21)[: len(kernel)] if len(kernel) < 3 else (2, 5, 11)
    size = tuple(k + n - 1 for k, n in zip(kernel, places, strict=True))
    grad = rng.integers(-8, 9, (2, 40, *places)) * (rng.random((2, 40, *places)) < 0.2)
    weight = rng.integers(-8, 9, (40, columns, *kernel)).astype(np.float32)
    window = Window.of(kernel, len(kernel), input_size=size)
    case = Case(grad.astype(np.float32), weight, None, size, window)
    np.testing.assert_array_equal(case.got(), case.expected())


def test_one_weight_at_several_strides() -> None:
    """What it is packed to depends on whether neighbours' sums overlap."""
    rng = np.random.default_rng(0)
    weight = rng.integers(-8, 9, (32, 4 * LANES, 3, 3)).astype(np.float32)
    for stride in ((1, 1), (2, 2), (1, 2), (2, 1), (1, 1)):
        window = Window.of(3, 2, stride=stride, input_size=(13, 11))
        shape = 1, 32, *window.output_size((13, 11))
        grad = rng.integers(-8, 9, shape) * (rng.random(shape) < 0.2)
        case = Case(grad.astype(np.float32), weight, None, (13, 11), window)
        np.testing.assert_array_equal(case.got(), case.expected())


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("room", [1, sparse_plan.LISTS])
def test_the_same_bits_with_any_number_of_threads(
    stride: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse_plan, "LISTS", room)
    rng = np.random.default_rng(0)
    window = Window.of(5, 2, stride=stride, padding=2, input_size=(31, 29))
    shape = 2, 40, *window.output_size((31, 29))
    grad = rng.standard_normal(shape).astype(np.float32)
    weight = rng.standard_normal((40, 40 - 8 * stride, 5, 5)).astype(np.float32)
    found = set()
    for threads in (1, 2, 3, 7):
        forget()
        with team.limited(threads):
            case = Case(grad, weight, None, (31, 29), window)
            found.add(case.got().tobytes())
    forget()
    assert len(found) == 1


@given(st.floats(0, 1), st.integers(1, 70), st.integers(1, 300))
def test_density_is_about_the_share_of_what_is_not_zero(
    share: float, channels: int, pixels: int
) -> None:
    rng = np.random.default_rng(0)
    x = rng.random((1, channels, pixels)) < share
    allowed = 0.1 if x.size > sparse.PLACES * sparse.NEIGHBOURS else 1e-9
    numbers = x.astype(np.float32)
    last = np.ascontiguousarray(numbers.transpose(0, 2, 1)).transpose(0, 2, 1)
    for laid in (numbers, last):
        assert abs(sparse.density(laid) - x.mean()) < allowed
    part = np.concatenate([last, 0 * last], axis=1)[:, :channels]
    assert abs(sparse.density(part) - x.mean()) < 0.1 + 30 / x.size


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 70), st.integers(1, 300))
def test_sparse_is_what_has_few_numbers_that_are_not_zero(
    share: float, below: float, channels: int, pixels: int
) -> None:
    x = np.random.default_rng(0).random((1, channels, pixels)) < share
    numbers = x.astype(np.float32)
    last = np.ascontiguousarray(numbers.transpose(0, 2, 1)).transpose(0, 2, 1)
    part = np.concatenate([last, 0 * last], axis=1)[:, :channels]
    for laid in (numbers, last, part):
        found = sparse.density(laid)
        if sparse.is_sparse(laid, below):
            assert found < below
        else:
            assert found >= below or x.mean() > below / 2


def test_a_glance_at_the_middle_saves_looking_further() -> None:
    grad = np.zeros((1, 64, 64, 64), np.float32)
    assert sparse.is_sparse(grad, 0.05)
    grad.reshape(-1)[grad.size // 2 :][: sparse.GLANCE] = 1
    assert not sparse.is_sparse(grad, 0.05)
    assert sparse.is_sparse(grad, 0.5)


@pytest.mark.parametrize(
    ("changes", "least", "most"),
    [
        ({}, 0.08, 0.15),  # beside Winograd's filtering
        ({"winograd": False}, 0.6, 0.8),
        ({"filters": 3}, 0.02, 1.6 / LANES),  # beside a column for each tap
        # three numbers along a row, which any vector holds; and more than any
        ({"filters": 1, "window": Window.of(3, 2, stride=2)}, 1.0, 1.0),
        ({"filters": 4, "window": Window.of(5, 2, stride=2)}, 0.6, 0.6),
        ({"filters": 3, "window": Window.of(11, 2, stride=4)}, 0.5, 0.9),
        ({"window": Window.of(1, 2)}, 0.01, 0.1),
        ({"window": Window.of(3, 2, dilation=2)}, 0.0, 0.0),
        ({"groups": 2}, 0.0, 0.0),
        ({"channels": 512, "filters": 512}, 0.05, 0.1),
    ],
    ids=str,
)
def test_when_zeros_are_skipped(
    changes: dict[str, Any], least: float, most: float
) -> None:
    plain: dict[str, Any] = {
        "batch": 1,
        "channels": 64,
        "filters": 64,
        "window": Window.of(3, 2, padding=1),
        "padding": ((1, 1), (1, 1)),
        "outputs": (56, 56),
        "places": (56, 56),
        "groups": 1,
        "dtype": np.dtype(np.float32),
        "winograd": True,
    }
    assert least <= sparse_below(Problem(**{**plain, **changes})) <= most
