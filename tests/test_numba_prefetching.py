"""Asking for memory beforehand changes no number, whatever is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from fenced_arrays import fenced

from numpy_deconv.backends.numba_cpu import (
    convolution,
    depthwise_plan,
    regular,
    separable,
    winograd,
)
from numpy_deconv.registry import get_backend
from numpy_deconv.window import Window

READERS = (depthwise_plan, separable, winograd)


def forget() -> None:
    """Plans are made anew."""
    for module in (convolution, depthwise_plan, regular, winograd):
        for each in vars(module).values():
            if hasattr(each, "cache_clear"):
                each.cache_clear()


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], None]]:
    def ask(always: bool) -> None:
        for module in READERS:
            monkeypatch.setattr(module, "FAR", 0 if always else 1 << 60)
        forget()

    yield ask
    monkeypatch.undo()
    forget()


CONVOLUTIONS = [
    # channels, filters, groups, kernel, stride, dilation
    (32, 48, 1, (3, 3), (1, 1), (1, 1)),
    (16, 16, 1, (3, 3), (1, 1), (1, 1)),
    (33, 33, 33, (3, 3), (1, 1), (1, 1)),
    (48, 48, 48, (5, 3), (2, 1), (1, 1)),
    (16, 16, 16, (3, 5), (1, 2), (2, 1)),
    (64, 64, 64, (1, 7), (3, 2), (1, 1)),
    (40, 40, 40, (7, 1), (1, 1), (1, 1)),
]


@pytest.mark.parametrize(
    ("channels", "filters", "groups", "kernel", "stride", "dilation"), CONVOLUTIONS
)
def test_convolutions_and_their_gradients(
    asking: Callable[[bool], None],
    channels: int,
    filters: int,
    groups: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> None:
    rng, size, backend = np.random.default_rng(0), (37, 41), get_backend("numba")
    padding = tuple((k // 2, k // 3) for k in kernel)
    window = Window(kernel, stride, padding, dilation)
    weight = rng.normal(size=(filters, channels // groups, *kernel)).astype("f4")
    results = []
    x = fenced(rng.normal(size=(2, channels, *size)).astype("f4"), True)
    for always in (False, True):
        asking(always)
        y = backend.conv(x, weight, None, window, groups)
        grad = fenced(np.array(y), True)
        results.append(
            (y, backend.conv_input_grad(grad, weight, None, size, window, groups))
        )
    for plainly, asked in zip(*results, strict=True):
        np.testing.assert_array_equal(asked, plainly)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (3, 1), (2, 3)])
def test_pools_and_unpooling(
    asking: Callable[[bool], None], rank: int, kernel: int, stride: int
) -> None:
    rng, size = np.random.default_rng(1), (70, 19, 11)[:rank]
    backend = get_backend("numba")
    x = fenced(rng.normal(size=(2, 35, *size)).astype("f4"), True)
    window = Window.of_pool(kernel, rank, stride=stride)
    results = []
    for always in (False, True):
        asking(always)
        y, switches = backend.max_pool(x, window)
        image = backend.scatter(y, switches, size, "sum")
        last = [np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (y, switches)]
        # another way would answer too, if this one did not
        short = np.array(regular.collected(*last, size, True) is not None)
        assert short or kernel < stride
        results.append((y, switches, image, short))
    for plainly, asked in zip(*results, strict=True):
        np.testing.assert_array_equal(asked, plainly)
