"""Flags of a Semantics about windows: which there are, and what they are divided by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numpy_deconv import oracle
from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.oracle import Semantics

NAN, INF = np.nan, np.inf


def row(*values: float) -> np.ndarray[Any, Any]:
    return np.array([[values]], np.float64)


def reference(op: str, inputs: Any, options: Any, **flags: Any) -> Any:
    return oracle.reference(op, inputs, options, semantics=Semantics(**flags))


def test_ceil_rule() -> None:
    options = {"kernel_size": 2, "stride": 3, "padding": ((0, 2),), "ceil_mode": True}
    y, switches = reference("max_pool", [row(1, 2, 3, 4)], options)
    np.testing.assert_array_equal(y, [[[2, 4]]])
    flags = {"ceil_rule": "keep", "empty_window": "-inf"}
    y, switches = reference("max_pool", [row(1, 2, 3, 4)], options, **flags)
    np.testing.assert_array_equal(y, [[[2, 4, -INF]]])
    np.testing.assert_array_equal(switches, [[[1, 3, -1]]])


def test_a_kept_window_counts_in_means_and_gradients() -> None:
    options = {"kernel_size": 3, "stride": 2, "padding": ((0, 1),), "ceil_mode": True}
    x = row(1, 2, 3, 4)
    dropped = reference("avg_pool", [x], options)
    kept = reference("avg_pool", [x], options, ceil_rule="keep")
    np.testing.assert_array_equal(dropped, kept)
    grad = np.ones_like(dropped)
    np.testing.assert_allclose(
        reference("avg_pool.backward", [grad, x], options),
        reference("avg_pool.backward", [grad, x], options, ceil_rule="keep"),
    )


def test_wide_padding() -> None:
    options = {"kernel_size": 2, "padding": 2}
    with pytest.raises(OptionError, match="more than half of the window"):
        reference("avg_pool", [row(1, 2)], options)
    found = reference("avg_pool", [row(1, 2)], options, pad_limit="none")
    np.testing.assert_array_equal(found, [[[0, 1.5, 0]]])
    with pytest.raises(ShapeError, match="is all padding: use less, or semantics with"):
        reference("max_pool", [row(1, 2)], options, pad_limit="none")
    y, _ = reference(
        "max_pool", [row(1, 2)], options, pad_limit="none", empty_window="-inf"
    )
    np.testing.assert_array_equal(y, [[[-INF, 2, -INF]]])


def test_divisor_of_a_window_that_hangs_over() -> None:
    options = {"kernel_size": 3, "stride": 2, "ceil_mode": True}
    x = row(1, 2, 3, 4, 5, 6)
    np.testing.assert_allclose(reference("avg_pool", [x], options), [[[2, 4, 5.5]]])
    whole = reference("avg_pool", [x], options, divisor="window")
    np.testing.assert_allclose(whole, [[[2, 4, 11 / 3]]])
    back = reference("avg_pool.backward", [row(0, 0, 3), x], options, divisor="window")
    np.testing.assert_allclose(back, [[[0, 0, 0, 0, 1, 1]]])


def test_norm_of_a_clipped_window() -> None:
    options = {"norm_type": 2, "kernel_size": 2, "stride": 2, "ceil_mode": True}
    torch_like = reference("lp_pool", [row(1, 1, 1)], options)
    np.testing.assert_allclose(torch_like, [[[2**0.5, 2**0.5]]])
    plain = reference("lp_pool", [row(1, 1, 1)], options, lp_clipped="norm")
    np.testing.assert_allclose(plain, [[[2**0.5, 1]]])
