"""What kernels are called with, in words, and the kinds that their code is for."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.backends.numba_cpu.arguments import packer, spelled, words_of
from numpy_deconv.backends.numba_cpu.compiled import Kernel, compiled

Pair = namedtuple("Pair", "first second")


@compiled
def _weigh(array, numbers, flag, factor):  # type: ignore[no-untyped-def]
    """Everything that came, in one number."""
    total = 0.0
    for i in range(array.shape[0]):
        for j in range(array.shape[1]):
            total += (1 + i + 10 * j) * array[i, j]
    total += numbers.first * 1000 + numbers.second * 10000
    if flag:
        total *= factor
    return int(total)


def _weighed(array: Any, numbers: Pair, flag: bool, factor: float) -> int:
    i, j = np.indices(array.shape)
    total = float(((1 + i + 10 * j) * array).sum())
    total += numbers.first * 1000 + numbers.second * 10000
    return int(total * factor if flag else total)


@pytest.fixture(autouse=True, scope="module")
def _forgotten() -> Any:
    """The kernel of this module is none of the backend's."""
    from numpy_deconv.backends.numba_cpu.compiled import KERNELS

    yield
    KERNELS.pop(_weigh.name, None)


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 5)),
    steps=st.tuples(st.sampled_from([-2, -1, 1, 3]), st.sampled_from([-3, 1, 2])),
    turned=st.booleans(),
    kind=st.sampled_from([np.float32, np.float64, np.int64]),
    numbers=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
    flag=st.booleans(),
    factor=st.integers(1, 4),
)
def test_kernels_see_what_they_are_given(
    shape: tuple[int, int],
    steps: tuple[int, int],
    turned: bool,
    kind: type,
    numbers: tuple[int, int],
    flag: bool,
    factor: int,
) -> None:
    memory = np.arange(20 * 20, dtype=kind).reshape(20, 20)
    array = memory[:: steps[0], :: steps[1]][: shape[0], : shape[1]]
    array = array.T if turned else array
    array.flags.writeable = False
    args = array, Pair(*numbers), flag, float(factor)
    assert _weigh(*args) == _weighed(*args)


def test_a_kind_is_spelled_the_same_in_every_process() -> None:
    args = (
        np.zeros((2, 3), np.float32), np.zeros((3, 2), "i8").T, 1, 2.0,
        np.float32(3), True, Pair(4, 5),
    )  # fmt: skip
    kinds, words = words_of(args)
    assert spelled(kinds) == "<f42C,<i82A,q,d,f4x,?7x,Pair:qq"
    assert words == [id(args[0]), id(args[1]), 1, 2.0, np.float32(3), True, 4, 5]


def test_every_argument_takes_whole_words() -> None:
    kinds, words = words_of((np.zeros(3), True, np.float32(1), 7))
    assert len(packer(kinds)(*words)) == 8 * 4


def test_what_is_neither_array_nor_number_is_refused() -> None:
    kinds, _ = words_of(("three",))
    with pytest.raises(TypeError, match="kernels take arrays and numbers, not <class"):
        packer(kinds)


def test_subclasses_of_arrays_are_arrays(tmp_path: Any) -> None:
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=(2, 3))
    assert words_of((mapped,))[0] == words_of((np.zeros((2, 3), "f4"),))[0]


def test_each_kind_has_code_of_its_own() -> None:
    kernel = _weigh
    assert isinstance(kernel, Kernel)
    before = len(kernel.entries)
    for dtype in (np.int32, np.int32, np.uint8):
        kernel(np.ones((2, 2), dtype), Pair(0, 0), False, 1.0)
    assert len(kernel.entries) == before + 2
