"""Window: sizes, ranges, taps and counts, against the formula written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.window import Window


@st.composite
def windows(draw: Any, rank: int | None = None) -> tuple[Window, tuple[int, ...]]:
    """Any window, and an input size that it may or may not fit."""
    rank = rank or draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    pairs = tuple(zip(each(0, 3), each(0, 3), strict=True))
    window = Window(each(1, 4), each(1, 4), pairs, each(1, 3), draw(st.booleans()))
    return window, each(1, 9)


def outputs_of(window: Window, size: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return window.output_size(size)
    except ShapeError:
        return None


def starts(window: Window, axis: int, length: int) -> list[int]:
    """Where windows begin, in the padded axis: one after the other while they fit."""
    begin, end = window.padding[axis]
    span = window.dilation[axis] * (window.kernel[axis] - 1) + 1
    step = window.stride[axis]
    found, start = [], 0
    while start + span <= length + begin + end:
        found.append(start)
        start += step
    if window.ceil_mode:
        # one more, of which only the beginning fits, if the last leaves samples over
        if length + begin + end - span > start - step:
            found.append(start)
        # torch: "if (outputs - 1) * stride >= length + begin, one output less"
        if found and found[-1] >= length + begin:
            found.pop()
    return found


@given(windows())
def test_output_size_counts_the_windows_that_fit(case: Any) -> None:
    window, size = case
    expected = tuple(len(starts(window, a, n)) for a, n in enumerate(size))
    if all(expected):
        assert window.output_size(size) == expected
    else:
        with pytest.raises(ShapeError, match="the window spans"):
            window.output_size(size)


@given(windows())
def test_taps_are_the_formula_in_row_major_order(case: Any) -> None:
    window, size = case
    outputs = outputs_of(window, size)
    if outputs is None:
        return
    taps = list(window.taps(size, outputs))
    assert [tap for tap, _, _ in taps] == list(range(window.size))
    for tap, places, reads in taps:
        offset = np.unravel_index(tap, window.kernel)
        for axis, (place, read) in enumerate(zip(places, reads, strict=True)):
            pairs = [
                (o, at)
                for o in range(outputs[axis])
                if 0
                <= (
                    at := o * window.stride[axis]
                    - window.padding[axis][0]
                    + int(offset[axis]) * window.dilation[axis]
                )
                < size[axis]
            ]
            assert list(range(*place.indices(outputs[axis]))) == [o for o, _ in pairs]
            assert list(range(*read.indices(size[axis]))) == [at for _, at in pairs]


@given(windows(), st.booleans())
def test_counts_are_what_the_taps_meet(case: Any, padded: bool) -> None:
    window, size = case
    outputs = outputs_of(window, size)
    if outputs is None:
        return
    counts = window.counts(size, outputs, padded=padded)
    assert counts.shape == outputs
    assert counts.dtype == np.int64
    for place in np.ndindex(*outputs):
        inside = 0
        for tap in np.ndindex(*window.kernel):
            positions = [
                o * s + a * d
                for o, s, a, d in zip(
                    place, window.stride, tap, window.dilation, strict=True
                )
            ]
            inside += all(
                (0 if padded else begin) <= at < begin + length + (end if padded else 0)
                for at, length, (begin, end) in zip(
                    positions, size, window.padding, strict=True
                )
            )
        assert counts[place] == inside


@given(windows(), st.data())
def test_reads_and_reaches_list_every_place_once(
    case: Any, data: st.DataObject
) -> None:
    window, size = case
    outputs = outputs_of(window, size)
    if outputs is None:
        return
    chosen, expected = [], []
    for axis, (length, count) in enumerate(zip(size, outputs, strict=True)):
        at = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
        places = {
            o * window.stride[axis]
            - window.padding[axis][0]
            + a * window.dilation[axis]
            for o in at
            for a in range(window.kernel[axis])
        }
        chosen.append(np.array(sorted(at)))
        expected.append(sorted(p for p in places if 0 <= p < length))
    read = window.reads(tuple(chosen), size)
    assert [r.tolist() for r in read] == expected
    for axis, reached in enumerate(window.reaches(read, outputs)):
        each = [
            o
            for o in range(outputs[axis])
            if any(
                (o * window.stride[axis] - window.padding[axis][0] + a * d)
                in read[axis]
                for d in (window.dilation[axis],)
                for a in range(window.kernel[axis])
            )
        ]
        assert reached.tolist() == each


@given(windows(), st.data())
def test_a_transposed_convolution_recovers_the_input_size(
    case: Any, data: st.DataObject
) -> None:
    window, size = case
    window = Window(window.kernel, window.stride, window.padding, window.dilation)
    outputs = outputs_of(window, size)
    if outputs is None:
        return
    extra = tuple(
        (n + sum(p) - span) % s
        for n, p, span, s in zip(
            size, window.padding, window.span, window.stride, strict=True
        )
    )
    assert window.transposed_size(outputs, extra) == size


def test_the_published_sizes_of_zfnet() -> None:
    seven = Window.of(7, 2, stride=2, padding=1)
    five = Window.of(5, 2, stride=2)
    pool = Window.of_pool(3, 2, stride=2, ceil_mode=True)
    sizes = [(224, 224)]
    for window in (seven, pool, five, pool, pool):
        sizes.append(window.output_size(sizes[-1]))
    assert [size[0] for size in sizes] == [224, 110, 55, 26, 13, 6]


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=3).flatmap(
        lambda size: st.tuples(
            st.just(tuple(size)),
            *(st.tuples(*(st.integers(1, high) for _ in size)) for high in (6, 5, 4)),
        )
    )
)
def test_same_keeps_the_strided_size_with_the_least_padding(case: Any) -> None:
    size, kernel, stride, dilation = case
    options = {"stride": stride, "dilation": dilation, "input_size": size}
    upper = Window.of(kernel, len(size), padding="same", **options)
    lower = Window.of(kernel, len(size), padding="same_lower", **options)
    wanted = tuple(-(-n // s) for n, s in zip(size, stride, strict=True))
    assert upper.output_size(size) == lower.output_size(size) == wanted
    for (short, long), swapped in zip(upper.padding, lower.padding, strict=True):
        assert 0 <= long - short <= 1
        assert swapped == (long, short)


def test_a_window_is_a_value() -> None:
    assert hash(Window.of(3, 2)) == hash(Window.of((3, 3), 2))
    window = Window.of((2, 3), 2, dilation=(1, 2), stride=(1, 2))
    assert (window.rank, window.size, window.span) == (2, 6, (2, 5))
    with pytest.raises(AttributeError):
        window.kernel = (1, 1)  # type: ignore[misc]


def test_pointwise_windows() -> None:
    assert Window.of(1, 2).is_pointwise
    assert Window.of(1, 2, dilation=3).is_pointwise
    for options in ({"stride": (1, 2)}, {"padding": ((0, 1), (0, 0))}):
        assert not Window.of(1, 2, **options).is_pointwise
    assert not Window.of((1, 2), 2).is_pointwise


def test_pools_stride_by_their_kernel_and_pad_half_of_what_they_span() -> None:
    assert Window.of_pool((2, 3), 2).stride == (2, 3)
    assert Window.of_pool((2, 3), 2, stride=1).stride == (1, 1)
    assert Window.of_pool(2, 1, padding=1, dilation=2).padding == ((1, 1),)
    with pytest.raises(OptionError, match=r"padding 2 .* which spans 3: use at most 1"):
        Window.of_pool(2, 1, padding=2, dilation=2)


def test_transposed_sizes_that_are_refused() -> None:
    window = Window.of(3, 1, stride=2, padding=3)
    with pytest.raises(OptionError, match=r"output_padding 2 .* at most 1"):
        window.transposed_size((2,), (2,))
    with pytest.raises(
        ShapeError,
        match=r"of 2 samples grows to 5 on spatial axis 0, and padding \(3, 3\) crops",
    ):
        window.transposed_size((2,), (0,))
