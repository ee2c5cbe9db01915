"""Magnitudes that are found in another way than by the operation on absolute values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numpy_deconv.oracle.call import Call, bind
from numpy_deconv.oracle.evaluation import evaluate
from numpy_deconv.oracle.terms.magnitudes import MAGNITUDES, PIECE, magnitudes, mapped

SHAPES = [
    (2, 3, 5),
    (1, 2, 4, 7),
    (0, 3, 4, 4),
    (2, 2, 2, 3, 4),
    (3, PIECE // 64, 8, 9),  # planes that fill one piece and a part of another
    (2, 1, 1, PIECE + 5),  # a plane larger than a piece
]


def drawn(op: str, shape: tuple[int, ...]) -> Call:
    rng = np.random.default_rng(3)
    x: Any = rng.normal(size=shape)
    if op == "global_avg_pool":
        return bind(op, [x])
    grad = rng.normal(size=(*shape[:2], *(1 for _ in shape[2:])))
    return bind(op, [grad, x])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("op", MAGNITUDES)
def test_they_are_those_of_the_operation(op: str, shape: tuple[int, ...]) -> None:
    call = drawn(op, shape)
    (wanted,) = evaluate(mapped(call, np.abs))
    (found,) = magnitudes(call)
    np.testing.assert_array_equal(np.broadcast_to(found, wanted.shape), wanted)


def test_infinite_and_missing_numbers_stay_what_they_are() -> None:
    x = np.array([[[-np.inf, 1.0]], [[np.nan, 2.0]], [[-3.0, 5.0]]])
    (found,) = magnitudes(bind("global_avg_pool", [x]))
    np.testing.assert_array_equal(found.ravel(), [np.inf, np.nan, 4.0])
