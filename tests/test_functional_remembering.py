"""What is remembered of checks, and what is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numpy_deconv import conv, conv_input_grad
from numpy_deconv.errors import OptionError
from numpy_deconv.functional.remembering import remembered


def counted() -> tuple[Any, list[tuple[Any, ...]]]:
    seen: list[tuple[Any, ...]] = []

    def check(shapes: tuple[Any, ...], options: tuple[Any, ...]) -> int:
        seen.append((shapes, options))
        if "wrong" in options:
            raise OptionError("wrong")
        return len(seen)

    return remembered(check), seen


@pytest.mark.parametrize(
    "options", [(1, None), ((1, 2), ((0, 1), 3)), ("same", 1), (("same", 1), (2, 2))]
)
def test_plain_options_are_checked_once(options: tuple[Any, ...]) -> None:
    check, seen = counted()
    shapes = ((1, 2, 9), (3, 2, 3), None)
    assert [check(shapes, options) for _ in range(3)] == [1, 1, 1]
    assert check(((1, 2, 8), (3, 2, 3), None), options) == 2
    assert len(seen) == 2


class Called(str):
    """Equal to a string, but perhaps of another meaning."""


@pytest.mark.parametrize(
    "options", [(1.0,), (True,), (np.int64(1),), (Called("same"),), ((1.0, 1),)]
)
def test_what_only_equals_something_plain_is_checked_again(
    options: tuple[Any, ...],
) -> None:
    check, seen = counted()
    plain = {1.0: 1}.get(options[0], options[0])
    check((), (plain,))
    assert [check((), options), check((), options)] == [len(seen) - 1, len(seen)]


def test_errors_are_raised_anew() -> None:
    check, seen = counted()
    for _ in range(2):
        with pytest.raises(OptionError, match="wrong"):
            check((), ("wrong",))
    assert len(seen) == 2


@pytest.mark.parametrize("padding", ["same", "same_lower"])
def test_same_depends_on_the_size(padding: str) -> None:
    """Twice each, so that every second answer is a remembered one."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(2, 3, 4))
    for length in (9, 10, 11, 9, 10, 11):
        x = rng.normal(size=(1, 3, length))
        total = max(0, (-(-length // 3) - 1) * 3 + 4 - length)
        pads = total // 2, total - total // 2
        pair = (pads if padding == "same" else pads[::-1],)
        y = conv(x, weight, stride=3, padding=padding)
        np.testing.assert_array_equal(y, conv(x, weight, stride=3, padding=pair))
        back = conv_input_grad(y, weight, (length,), stride=3, padding=padding)
        want = conv_input_grad(y, weight, (length,), stride=3, padding=pair)
        np.testing.assert_array_equal(back, want)
