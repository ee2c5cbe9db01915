"""Arrays amid NaN, and calls that must leave that and everything else as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numpy_deconv.backends.numba_cpu import team

ROOM = 2048


def fenced(values: np.ndarray, last: bool = True) -> np.ndarray:
    """The same values, read-only, with poison before and after them in memory.

    Channels last in memory if ``last``. The poison is NaN, far outside of any plane for
    switches, and the first tap for their codes.
    """
    turned = np.moveaxis(values, 1, -1) if last else values
    integer = 1 << 40 if values.dtype.itemsize == 8 else 0
    poison: Any = np.nan if values.dtype.kind == "f" else integer
    memory = np.full(turned.size + 2 * ROOM, poison, values.dtype)
    inside = memory[ROOM : ROOM + turned.size].reshape(turned.shape)
    inside[...] = turned
    inside.flags.writeable = False
    return np.moveaxis(inside, -1, 1) if last else inside


def _memory(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def answered(call: Callable[..., Any], *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """The results of ``call(*arrays)``: the same bits from one thread and from two, and
    nothing written to the arrays or beside them."""
    before = [_memory(array).tobytes() for array in arrays]
    results = []
    for threads in (1, 2):
        with team.limited(threads):
            result = call(*arrays)
        results.append(result if isinstance(result, tuple) else (result,))
    for one, two in zip(*results, strict=True):
        assert (
            np.ascontiguousarray(one).tobytes() == np.ascontiguousarray(two).tobytes()
        )
    assert before == [_memory(array).tobytes() for array in arrays]
    return results[0]


def assert_close(got: np.ndarray, expected: np.ndarray) -> None:
    """Equal within the rounding of some hundred terms."""
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    tolerance = 1e-5 if got.dtype == np.float32 else 1e-12
    wide = expected.astype(np.float64)
    error = float(np.linalg.norm(got.astype(np.float64) - wide))
    assert error <= tolerance * max(float(np.linalg.norm(wide)), 1e-30)
