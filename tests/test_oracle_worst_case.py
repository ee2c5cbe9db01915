"""Hard bounds are neither too small nor vacuous: correct kernels come near, and no
kernel whose operations err twice as far as they may passes."""

from __future__ import annotations

import numpy as np
import oracle_worst_ways  # noqa: F401  it fills WORST
import pytest
from oracle_worst_case import UNIT, Machine, Number, worst
from oracle_worst_kernels import WORST, nearest


@pytest.mark.parametrize("op", sorted(WORST))
def test_the_worst_correct_kernel_comes_near_its_bound(op: str) -> None:
    assert 0.5 <= nearest(op) <= 1


@pytest.mark.parametrize("op", sorted(WORST))
def test_twice_the_permitted_error_is_beyond_it(op: str) -> None:
    assert nearest(op, strength=2.0) > 1


def test_every_operation_errs_in_the_same_direction() -> None:
    def product_of_differences(m: Machine) -> Number:
        a, b = m.given(3.0), m.given(7.0)
        return (a - b) * (a - b)

    # of 16, two roundings of the differences and one of the product
    off = worst(product_of_differences, 1.0) - 16
    np.testing.assert_allclose(off / (16 * UNIT), 3, rtol=1e-4)


def test_errors_that_cancel_do_so_here_too() -> None:
    def quotient(m: Machine) -> Number:
        total = m.given(1.0) + m.given(np.array([2.0]))
        return total / total

    # the sum's error is in both
    off = worst(quotient, 1.0) - 1
    np.testing.assert_allclose(off / UNIT, 1, rtol=1e-4)
