"""Arguments per axis: every spelling of them, and those that are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numpy_deconv.errors import NumpyDeconvError, OptionError, ShapeError
from numpy_deconv.per_axis import per_axis
from numpy_deconv.window import Window


def test_spellings_of_the_same_window() -> None:
    for padding in (
        1,
        (1, 1),
        [1, 1],
        np.array([1, 1]),
        ((1, 1), (1, 1)),
        [[1, 1]] * 2,
    ):
        window = Window.of(3, 2, padding=padding)
        assert window == Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    assert Window.of((2, 3), 2, padding=(1, (0, 2))).padding == ((1, 1), (0, 2))
    assert Window.of(3, 2, padding="valid") == Window.of(3, 2)
    assert Window.of(np.int64(3), 1, stride=np.array([2])).stride == (2,)
    assert Window.of(np.array(3), 2, stride=(2,)).stride == (2, 2)  # as torch
    assert Window.of_pool(3, 2, padding=np.array([1, 0])).padding == ((1, 1), (0, 0))


REFUSED: list[tuple[dict[str, Any], type[NumpyDeconvError], str]] = [
    (
        {"kernel_size": (3, 3, 3)},
        ShapeError,
        r"kernel_size=\(3, 3, 3\) has 3 entries, but the arrays have 2 spatial axes: "
        "give one number, or 2 of them",
    ),
    ({"stride": (1, 1, 1)}, ShapeError, r"stride=\(1, 1, 1\) has 3 entries"),
    ({"stride": 2**63}, OptionError, "stride is beyond any array"),
    ({"padding": ((1, 2),)}, ShapeError, r"padding=\(\(1, 2\),\) has 1 entries"),
    ({"stride": 0}, OptionError, "stride must be at least 1, got 0"),
    ({"dilation": 0}, OptionError, "dilation must be at least 1, got 0"),
    ({"kernel_size": 0}, OptionError, "kernel_size must be at least 1, got 0"),
    ({"stride": 1.5}, OptionError, "stride must be whole numbers, got 1.5"),
    ({"stride": 2.0}, OptionError, "stride must be whole numbers, got 2.0"),
    ({"stride": True}, OptionError, "stride must be whole numbers, got True"),
    ({"stride": None}, OptionError, "stride must be whole numbers, got None"),
    ({"padding": "full"}, OptionError, "padding='full' is not known: give numbers, 'v"),
    ({"padding": "same"}, OptionError, "padding='same' needs an input to be sized fr"),
    ({"padding": -1}, OptionError, "padding must be at least 0, got -1"),
    ({"padding": (1, (0, -2))}, OptionError, "padding must be at least 0, got -2"),
    ({"padding": 0.5}, OptionError, "padding must be whole numbers, got 0.5"),
    (
        {"padding": (1, 1, 1)},
        ShapeError,
        r"padding=\(1, 1, 1\) has 3 entries, but the arrays have 2 spatial axes: give "
        r"one number, 2 numbers, or 2 \(begin, end\) pairs$",
    ),
    ({"padding": (1, (1, 2, 3))}, ShapeError, r"padding \(1, 2, 3\) must be"),
]


@pytest.mark.parametrize(("options", "error", "text"), REFUSED)
def test_refused(
    options: dict[str, Any], error: type[NumpyDeconvError], text: str
) -> None:
    given_options = {"kernel_size": 3} | options
    with pytest.raises(error, match=text):
        Window.of(given_options.pop("kernel_size"), 2, **given_options)


def test_a_pair_for_one_axis_is_told_how_it_is_written() -> None:
    with pytest.raises(
        ShapeError, match=r"a begin/end pair, which is written \(\(1, 2\),\)"
    ):
        Window.of(3, 1, padding=(1, 2))


def test_per_axis_takes_whatever_counts() -> None:
    assert per_axis(np.int32(2), 3, "stride") == (2, 2, 2)
    assert per_axis([np.uint8(1), 2], 2, "stride") == (1, 2)
