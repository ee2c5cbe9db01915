"""Fully connected layers of many rows, whose depth is cut into portions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fenced_arrays import answered, fenced

from numpy_deconv import oracle
from numpy_deconv.backends.numba_cpu import NumbaBackend, arena, batched

OURS = NumbaBackend()


@pytest.mark.parametrize(
    ("rows", "ins", "outs", "dtype"),
    [
        (8, 9000, 57, np.float32),
        (200, 1500, 15, np.float32),
        (33, 2501, 113, np.float32),
        (70, 1999, 8, np.float64),
        (300, 33, 300, np.float64),
    ],
)
def test_every_portion_is_added_up(rows: int, ins: int, outs: int, dtype: Any) -> None:
    rng = np.random.default_rng([rows, ins, outs])
    x = fenced(rng.standard_normal((rows, ins)).astype(dtype), False)
    weight = fenced(rng.standard_normal((outs, ins)).astype(dtype), False)
    bias = fenced(rng.standard_normal((1, outs)).astype(dtype), False)
    assert batched.suits(rows, ins, outs)
    (got,) = answered(lambda *a: OURS.linear(*a[:2], a[2][0]), x, weight, bias)
    oracle.assert_conforms(got, "linear", [x, weight, bias[0]])


def test_other_rows_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 2000)).astype(np.float32)
    weight = rng.standard_normal((20, 2000)).astype(np.float32)
    x[7] = np.nan
    got = OURS.linear(x, weight, None)
    assert np.isnan(got[7]).all()
    assert not np.isnan(np.delete(got, 7, axis=0)).any()


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize(("ins", "outs"), [(17, 2500), (8, 1024), (3, 1), (1000, 1041)])
def test_rows_of_a_transposed_weight_are_added_up(
    rows: int, ins: int, outs: int
) -> None:
    rng = np.random.default_rng([rows, ins, outs])
    x = fenced(rng.standard_normal((rows, ins)).astype(np.float32), False)
    weight = fenced(rng.standard_normal((ins, outs)).astype(np.float32), False)
    (got,) = answered(lambda a, b: OURS.linear(a, b.T, None), x, weight)
    oracle.assert_conforms(got, "linear", [x, weight.T, None])


def test_many_rows_take_little_memory() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2000, 512)).astype(np.float32)
    weight = rng.standard_normal((256, 512)).astype(np.float32)
    arena.release()
    before = arena.usage().peak
    got = OURS.linear(x, weight, None)
    assert arena.usage().peak - before < 3 * (x.nbytes + weight.nbytes + got.nbytes)
    oracle.assert_conforms(got, "linear", [x, weight, None])


def test_few_products_are_dot_products() -> None:
    assert not batched.suits(8, 64, 10)
    assert not batched.suits(4, 4096, 4096)
