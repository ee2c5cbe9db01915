"""What stays on the device between calls: weights that cannot change, and what they are
packed to; and that nothing else does."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import strict_cupy
from on_stand_in import PLAIN, REFERENCE, error, normal

from numpy_deconv import registry
from numpy_deconv.backends.cupy_gpu.residence import Residents, fixed_owner
from numpy_deconv.backends.cupy_gpu.stand_in import compiler
from numpy_deconv.window import Window

STRIDED = Window((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1))


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The backend on CuPy's look-alike."""
    if compiler() is None:
        pytest.skip("needs a C++ compiler")
    strict_cupy.installed(monkeypatch)
    yield registry.get_backend("cupy")


def fixed(array: Any) -> Any:
    array.setflags(write=False)
    return array


def there(array: Any) -> Any:
    return sys.modules["cupy"].asarray(array)


def packings(ours: Any) -> int:
    """How often weights were put into another form so far."""
    made = Counter(kernel.function for kernel in ours.device.launches)
    return made["pack"] + made["pack_words"] + made["transform_weight"]


def test_an_array_that_cannot_change_is_sent_once() -> None:
    sent: list[Any] = []
    kept, weight = Residents(), np.ones((4, 6), np.float32)
    weight.setflags(write=False)

    def send(array: Any) -> int:
        sent.append(array)
        return len(sent)

    assert fixed_owner(weight.swapaxes(0, 1)) is weight
    assert [kept.copy_of(weight, 0, send) for _ in range(3)] == [1, 1, 1]
    turned = [kept.copy_of(weight.swapaxes(0, 1), 0, send) for _ in range(2)]
    assert turned == [2, 2]
    assert kept.copy_of(weight, 1, send) == 3  # another device
    sent.clear()
    del weight
    assert not kept._kept


def test_an_array_that_may_change_is_sent_again() -> None:
    weight = np.ones(3)
    shown = weight.view()
    shown.setflags(write=False)  # but who holds the weight may write to it
    assert fixed_owner(shown) is None
    kept = Residents()
    assert [kept.copy_of(shown, 0, lambda a: float(a.sum())) for _ in range(2)] == [
        3,
        3,
    ]
    weight[:] = 2
    assert kept.copy_of(shown, 0, lambda a: float(a.sum())) == 6


class Copy:
    """An array of the device."""

    nbytes = 10


def test_forms_lie_beside_a_copy_and_go_with_it() -> None:
    kept, weight, made = Residents(25), fixed(np.ones(4)), []
    copy = kept.copy_of(weight, 0, lambda _: Copy())

    def make() -> Copy:
        made.append(Copy())
        return made[-1]

    def form(key: Any, of: Any = copy) -> Any:
        return kept.form_of(of, key, make, make)

    assert form("a") is form("a")
    assert form("b") is form("b") is not form("a")
    assert form("c") is not form("c")  # there is no more room
    stranger = Copy()
    assert form("a", stranger) is not form("a", stranger)
    del weight
    another = fixed(np.zeros(4))
    copy = kept.copy_of(another, 0, lambda _: Copy())
    assert form("c", copy) is form("c", copy)  # there is room again
    assert kept._left == 15


def test_a_form_that_two_make_at_a_time_is_counted_once() -> None:
    kept, weight = Residents(100), fixed(np.ones(4))
    copy = kept.copy_of(weight, 0, lambda _: Copy())

    def overtaken() -> Copy:
        kept.form_of(copy, "a", Copy, Copy)
        return Copy()

    kept.form_of(copy, "a", overtaken, overtaken)
    assert kept._left == 90
    del weight
    assert kept._left == 100


def test_a_view_that_is_gone_is_not_taken_for_another() -> None:
    kept, weight = Residents(), fixed(np.arange(40.0))
    sent = [kept.copy_of(weight[i : i + 3], 0, np.copy) for i in range(30)]
    np.testing.assert_array_equal([a[0] for a in sent], np.arange(30))


@pytest.mark.parametrize("shape", [(40, 64, 3, 3), (20, 6, 3, 3)], ids=str)
def test_a_weight_that_cannot_change_is_packed_once(ours: Any, shape: Any) -> None:
    """For Winograd's filtering, and for tiles; whatever the batch and the size."""
    weight = fixed(normal(*shape))
    for batch, size in ((8, 23), (8, 25), (9, 23)):
        x = normal(batch, shape[1], size, size)
        got = ours.conv(there(x), weight, None, PLAIN, 1)
        want = REFERENCE.conv(x.astype("f8"), weight.astype("f8"), None, PLAIN, 1)
        assert error(got.get(), want) < 3e-6
    assert packings(ours) == 1


def test_each_use_of_a_weight_has_a_form_of_its_own(ours: Any) -> None:
    """Upwards and downwards, in one group and in two, on another window."""
    weight = fixed(normal(12, 12, 3, 3))
    x = normal(2, 12, 9, 10)
    twice = normal(2, 24, 9, 10)
    calls = [
        ("conv", x, None, PLAIN, 1),
        ("conv", x, None, STRIDED, 1),
        ("conv", twice, None, PLAIN, 2),
        ("conv_input_grad", x, None, (9, 10), PLAIN, 1),
        ("conv_input_grad", x, None, (18, 20), STRIDED, 1),
        ("conv_input_grad", x, None, (9, 10), PLAIN, 2),
    ]
    for _ in range(2):
        for name, given, *rest in calls:
            got = getattr(ours, name)(there(given), weight, *rest)
            want = getattr(REFERENCE, name)(
                given.astype("f8"), weight.astype("f8"), *rest
            )
            assert error(got.get(), want) < 3e-6
    assert packings(ours) <= len(calls)


def test_winograd_s_forms_upwards_and_downwards(ours: Any) -> None:
    weight, x = fixed(normal(40, 40, 3, 3)), normal(8, 40, 23, 23)
    wide = x.astype("f8"), weight.astype("f8")
    for _ in range(2):
        got = ours.conv(there(x), weight, None, PLAIN, 1)
        assert error(got.get(), REFERENCE.conv(*wide, None, PLAIN, 1)) < 3e-6
        got = ours.conv_input_grad(there(x), weight, None, (23, 23), PLAIN, 1)
        want = REFERENCE.conv_input_grad(*wide, None, (23, 23), PLAIN, 1)
        assert error(got.get(), want) < 3e-6
    names = [kernel.function for kernel in ours.device.launches]
    assert names.count("transform_weight") == 2


def test_a_depthwise_weight_is_turned_once(
    ours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned = []
    contiguous = sys.modules["cupy"].ascontiguousarray

    def counted(array: Any) -> Any:
        turned.append(array)
        return contiguous(array)

    monkeypatch.setattr(sys.modules["cupy"], "ascontiguousarray", counted)
    weight, grad = fixed(normal(6, 1, 3, 3)), normal(2, 6, 9, 10)
    for _ in range(3):
        got = ours.conv_input_grad(there(grad), weight, None, (9, 10), PLAIN, 6)
    want = REFERENCE.conv_input_grad(grad, weight, None, (9, 10), PLAIN, 6)
    assert error(got.get(), want) < 3e-6
    assert len(turned) == 1


@pytest.mark.parametrize("where", ["host", "device"])
def test_a_weight_that_may_change_is_packed_every_time(ours: Any, where: str) -> None:
    x, weight = normal(2, 6, 9, 10), normal(20, 6, 3, 3)
    moved = there(weight) if where == "device" else weight
    for _ in range(2):
        got = ours.conv(there(x), moved, None, PLAIN, 1)
        host = moved.get() if where == "device" else moved
        assert error(got.get(), REFERENCE.conv(x, host, None, PLAIN, 1)) < 3e-6
        moved *= -2
    assert packings(ours) == 2


def test_a_transposed_weight_that_cannot_change_is_packed_once(ours: Any) -> None:
    owner = fixed(normal(3, 3, 6, 20))
    weight = owner.transpose(3, 2, 0, 1)
    x = normal(2, 6, 9, 10)
    for _ in range(2):
        got = ours.conv(there(x), weight, None, PLAIN, 1)
    assert error(got.get(), REFERENCE.conv(x, weight, None, PLAIN, 1)) < 3e-6
    assert packings(ours) == 1


def test_many_threads_find_one_copy_and_one_form() -> None:
    kept, weight = Residents(1000), fixed(np.ones(4))

    def use(_: int) -> tuple[int, int]:
        copy = kept.copy_of(weight, 0, lambda _: Copy())
        kept.form_of(copy, "a", Copy, Copy)
        return id(copy), id(kept.form_of(copy, "a", Copy, Copy))

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(use, range(200)))
    assert len(found) == 1
    assert kept._left == 990
