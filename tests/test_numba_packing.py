"""Packed weights are found again, and never taken for another's."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from numpy_deconv.backends.numba_cpu import packing
from numpy_deconv.backends.numba_cpu.winograd_matrices import BY_TILE
from numpy_deconv.backends.numba_cpu.winograd_weights import transformed


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    packing.forget()
    yield
    packing.forget()


class Counted:
    """A way of packing that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, weight: np.ndarray) -> np.ndarray:
        self.calls += 1
        return weight + 1


def frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def test_equal_content_is_packed_once() -> None:
    pack, weight = Counted(), np.arange(30.0).reshape(5, 6)
    for again in (weight, weight.copy(), weight):
        np.testing.assert_array_equal(
            packing.packed(again, "a", pack), (weight + 1).reshape(-1)
        )
    assert pack.calls == 1


@pytest.mark.parametrize("index", [(0, 0), (2, 3), (4, 6)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_change_in_place_is_seen(index: tuple[int, int], dtype: type) -> None:
    pack, weight = Counted(), np.ones((5, 7), dtype)
    packing.packed(weight, "a", pack)
    for value in (np.nextafter(dtype(1), dtype(2)), dtype(-1), dtype(0)):
        weight[index] = value
        got = packing.packed(weight, "a", pack)
        np.testing.assert_array_equal(got, (weight + 1).reshape(-1))
    assert pack.calls == 4


def test_exchanged_and_negated_elements_are_seen() -> None:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((16, 16)).astype(np.float32)
    pack, seen = Counted(), 0
    for _ in range(200):
        i, j = rng.integers(16, size=2)
        if rng.random() < 0.5:
            weight[[i, j]] = weight[[j, i]]
        else:
            weight[i] *= -1
            weight[j] *= -1
        np.testing.assert_array_equal(
            packing.packed(weight, "a", pack), (weight + 1).reshape(-1)
        )
        seen += 1
    assert 0 < pack.calls <= seen


def test_ways_options_shapes_and_types_are_kept_apart() -> None:
    pack, weight = Counted(), np.zeros((4, 6))
    packing.packed(weight, "a", pack)
    packing.packed(weight, "b", pack)
    packing.packed(weight, "a", pack, 3)
    packing.packed(weight.reshape(6, 4), "a", pack)
    packing.packed(weight.view(np.int64), "a", pack)
    packing.packed(weight.T, "a", pack)
    assert pack.calls == 6


def test_immutable_weights_are_found_by_who_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(weight: np.ndarray) -> int:
        raise AssertionError("the content was read")

    monkeypatch.setattr(packing, "_fingerprint", never)
    pack, weight = Counted(), frozen(np.arange(12.0))
    packing.packed(weight, "a", pack)
    packing.packed(weight, "a", pack)
    assert pack.calls == 1
    other = frozen(np.arange(12.0) * 2)
    np.testing.assert_array_equal(packing.packed(other, "a", pack), other + 1)


def test_a_read_only_view_of_something_writable_is_read_every_time() -> None:
    base = np.ones(20)
    view = frozen(base[:10])
    assert not packing.is_immutable(view)
    pack = Counted()
    packing.packed(view, "a", pack)
    base[3] = 7
    np.testing.assert_array_equal(packing.packed(view, "a", pack), view + 1)
    assert packing.is_immutable(np.frombuffer(b"12345678"))
    assert not packing.is_immutable(np.frombuffer(bytearray(8)))


def test_a_new_array_with_the_number_of_an_old_one_is_another() -> None:
    pack = Counted()
    for value in range(50):
        weight = frozen(np.full(10, float(value)))
        got = packing.packed(weight, "a", pack)
        np.testing.assert_array_equal(got, (weight + 1).reshape(-1))
        del weight, got
        gc.collect()
    assert pack.calls == 50


def test_memory_for_packed_weights_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LIMIT", 10_000)
    pack = Counted()
    first = np.zeros(500)
    packing.packed(first, "a", pack)
    for value in range(1, 20):
        packing.packed(np.full(500, float(value)), "a", pack)
        assert packing._bytes <= 10_000
    packing.packed(first, "a", pack)
    assert pack.calls == 21
    big = np.zeros(5000)
    packing.packed(big, "a", pack)
    packing.packed(big, "a", pack)
    assert pack.calls == 23


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # from Python 3.12
def test_a_child_forked_while_weights_are_looked_up_can_look_them_up() -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with packing._lock:
            held.set()
            done.wait(30)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(30)
    child = os.fork()
    if not child:
        signal.alarm(10)
        packing.packed(np.ones(9), "a", lambda weight: weight)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    done.set()
    other.join()
    assert status == 0


def test_what_an_array_was_before_is_let_go() -> None:
    """Training changes the same arrays over and over: one pack of each is enough."""
    pack, weight, other = Counted(), np.zeros((64, 64)), np.ones((64, 64))
    packing.packed(other, "a", pack)
    packing.packed(weight, "b", pack)
    for step in range(1, 6):
        weight += 1
        np.testing.assert_array_equal(
            packing.packed(weight, "a", pack), (weight + 1).reshape(-1)
        )
        assert packing._bytes <= 3 * weight.nbytes, step
    packing.packed(other, "a", pack)
    packing.packed(np.zeros((64, 64)), "b", pack)
    assert pack.calls == 6  # 1 is what other was packed for, and b's zeros are there
    del weight
    gc.collect()
    assert len(packing._latest) <= 2


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("filters", "channels"), [(1, 1), (33, 7), (70, 40)])
@pytest.mark.parametrize("tile", list(BY_TILE))
def test_transformed_weights_are_the_formula_s(
    tile: int, filters: int, channels: int, dtype: type, flipped: bool
) -> None:
    filtering = BY_TILE[tile]
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(filters, channels, 3, 3)).astype(dtype)
    w = weight[:, :, ::-1, ::-1].swapaxes(0, 1) if flipped else weight
    g = np.array(filtering.weights)
    wide = np.einsum("ia,kcab,jb->ijck", g, w.astype(np.float64), g)
    want = packing.in_panels(wide.reshape(tile * tile, *wide.shape[2:]))
    got = transformed(weight, filtering, flipped=flipped)
    panels, width = len(got), got.shape[3]
    flat = np.moveaxis(got, 0, 2).reshape(tile * tile, w.shape[1], panels * width)
    count = len(w)
    assert not flat[..., count:].any()
    wanted = np.moveaxis(want, 0, 2).reshape(tile * tile, w.shape[1], -1)
    np.testing.assert_allclose(
        flat[..., :count], wanted[..., :count], rtol=4 * np.finfo(dtype).eps, atol=1e-15
    )
