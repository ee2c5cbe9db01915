"""Recycled memory: never lent twice, bounded, given back."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from numpy_deconv.backends.numba_cpu import arena
from numpy_deconv.backends.numba_cpu.shelf import MOST

BIG = (300, 300)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    gc.collect()
    arena.release()
    limit = arena._store.limit
    yield
    arena.limit(limit)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_memory_comes_back_only_with_the_last_view() -> None:
    array = arena.take(BIG, np.float32)
    where, before = address(array), arena.usage()
    row = array[7]
    del array
    assert arena.usage() == before
    other = arena.take(BIG, np.float32)
    assert address(other) != where
    del row
    assert address(arena.take(BIG, np.float32)) == where


def test_arrays_are_aligned_writable_and_contiguous() -> None:
    for dtype in (np.float32, np.float64, np.int64):
        for shape in ((257, 259), (100_001,), (3, 5, 7, 4099)):
            array = arena.take(shape, dtype)
            assert array.shape == shape
            assert array.dtype == dtype
            assert address(array) % arena.ALIGNMENT == 0
            assert array.flags.c_contiguous
            assert array.flags.writeable
            array[...] = 3
            assert array.min() == array.max() == 3


def test_two_arrays_never_share_memory() -> None:
    rng = np.random.default_rng(0)
    held: list[tuple[np.ndarray, int]] = []
    for mark in range(300):
        if held and rng.random() < 0.4:
            array, expected = held.pop(int(rng.integers(len(held))))
            assert array.min() == array.max() == expected
            del array
        array = arena.take((int(rng.integers(10_000, 60_000)),), np.int64)
        array[...] = mark
        held.append((array, mark))
    assert all((a == mark).all() for a, mark in held)


def test_what_is_kept_is_bounded_and_can_be_released() -> None:
    arena.limit(1 << 20)
    for _ in range(4):
        several = [arena.take((1 << 17,), np.float32) for _ in range(6)]
        assert arena.usage().lent >= 6 << 19
        del several
        assert arena.usage().kept <= 1 << 20
    arena.release()
    assert arena.usage().kept == 0


def test_peak_is_the_most_ever_held() -> None:
    arrays = [arena.take((1 << 18,), np.float32) for _ in range(3)]
    most = arena.usage().lent
    assert most >= 3 << 20
    del arrays
    assert arena.usage().peak >= most


def test_threads_get_memory_of_their_own() -> None:
    def work(mark: int) -> bool:
        fine = True
        for _ in range(200):
            array = arena.take((20_000,), np.int32)
            array[...] = mark
            fine = fine and bool((array == mark).all())
        return fine

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_arrays_can_be_copied_and_pickled() -> None:
    array = arena.take(BIG, np.float64)
    array[...] = np.arange(array.size).reshape(BIG)
    for twin in (copy.deepcopy(array), pickle.loads(pickle.dumps(array))):
        np.testing.assert_array_equal(twin, array)
        assert not np.shares_memory(twin, array)


def test_small_memory_is_free_when_nobody_refers_to_it() -> None:
    array = arena.take((64, 40, 16), np.float32)
    where, lent = address(array), arena.usage().lent
    view = memoryview(array.transpose(2, 0, 1)[3:])
    del array
    assert arena.usage().lent == lent
    assert address(arena.take((64, 40, 16), np.float32)) != where
    del view
    assert arena.usage().lent == 0
    assert address(arena.take((64, 40, 16), np.float32)) == where


def test_so_many_small_arrays_that_the_shelf_is_full() -> None:
    arrays = [arena.take((10_000,), np.float32) for _ in range(MOST + 9)]
    for mark, array in enumerate(arrays):
        array[...] = mark
    assert all((array == mark).all() for mark, array in enumerate(arrays))
    assert len({address(array) for array in arrays}) == len(arrays)
    assert [len(each) for each in arena._store.shelf.blocks.values()] == [MOST]
    del arrays, array
    assert arena.usage().lent == 0


def test_small_blocks_and_large_ones_are_bounded_together() -> None:
    large = arena.take((1 << 20,), np.uint8)
    arena.limit(arena.usage().lent)
    del large
    assert arena.usage().kept > 1 << 20
    for n in range(1, 9):
        arena.take((1 << 15, n), np.uint8)
        assert arena.usage().kept <= arena._store.limit


def test_nothing_is_kept_where_nothing_may_be() -> None:
    arena.limit(0)
    for shape in ((10_000,), (1 << 20,)):
        array = arena.take(shape, np.float32)
        assert arena.usage().lent >= array.nbytes
        del array
        assert arena.usage().kept == 0


def test_arrays_that_outlive_the_interpreter_say_nothing() -> None:
    code = (
        "import numpy as np\n"
        "from numpy_deconv.backends.numba_cpu import arena\n"
        "held = [arena.take((n,), np.float32) for n in (10_000, 1 << 20)]\n"
        "vars(arena).update(dict.fromkeys(vars(arena)))\n"  # as it does at its end
        "del held\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
