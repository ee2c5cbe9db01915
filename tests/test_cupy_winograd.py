"""Winograd's filtering on the stand-in: how many tiles are taken at a time."""

from __future__ import annotations

import numpy as np
import pytest
from on_stand_in import PLAIN, REFERENCE, backend, error, normal

from numpy_deconv.backends.cupy_gpu import winograd
from numpy_deconv.backends.cupy_gpu.algorithms import Setting
from numpy_deconv.backends.cupy_gpu.problem import Problem
from numpy_deconv.backends.cupy_gpu.stand_in import compiler


@pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler")
def test_winograd_takes_a_few_tiles_at_a_time() -> None:
    x, weight, bias = normal(7, 33, 30, 27), normal(40, 33, 3, 3), normal(40)
    where = normal(7, 33, 30, 27)
    ours = backend()
    got = ours.conv_clipped(x, weight, bias, PLAIN, 1, -1, 2)
    back = ours.conv_input_grad_clipped(
        got, weight, None, (30, 27), PLAIN, 1, -1, 2, where
    )
    names = [kernel.function for kernel in ours.device.launches]
    assert names.count("transform_input") == names.count("transform_output") == 4
    x, weight, bias, where, y = (a.astype("f8") for a in (x, weight, bias, where, got))
    want = REFERENCE.conv_clipped(x, weight, bias, PLAIN, 1, -1, 2)
    assert error(got, want) < 1e-5
    want = REFERENCE.conv_input_grad_clipped(
        y, weight, None, (30, 27), PLAIN, 1, -1, 2, where
    )
    assert error(back, want) < 1e-5


CARDS = {"V100": (70, 80, 6), "A100": (80, 108, 40), "H200": (90, 132, 50)}
VGG = [(64, 224), (128, 112), (256, 56), (512, 28), (512, 14)]


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize(("channels", "size"), VGG)
def test_winograd_s_tiles_fill_the_card_and_little_more_than_its_cache(
    card: str, batch: int, channels: int, size: int
) -> None:
    capability, units, cache = CARDS[card]
    setting = Setting(capability, units, cache=cache << 20)
    sizes = ((size, size), (size, size), False, np.dtype(np.float32))
    problem = Problem(PLAIN, batch, channels, channels, 1, *sizes)
    tiles = batch * (-(-size // 4)) ** 2
    each = winograd.tiles_at_once(problem, setting)
    assert each % 128 == 0
    bytes_of = 36 * 2 * channels * 4 * min(each, tiles)
    blocks = 36 * -(-channels // 128) * (each // 128)
    assert bytes_of <= max(1.6 * (cache << 20), 110 << 20)
    assert each >= tiles or blocks >= 2 * units
    assert -(-tiles // each) <= (100 if card == "V100" else 50)  # products


def test_winograd_s_workspace_has_an_end() -> None:
    sizes = ((64, 64), (64, 64), False, np.dtype(np.float32))
    problem = Problem(PLAIN, 64, 4096, 4096, 1, *sizes)
    each = winograd.tiles_at_once(problem, Setting(90, 1000))
    assert 36 * 2 * 4096 * 4 * each <= winograd.WORKSPACE
