"""Compiling everything beforehand: one small call of each kernel, for each dtype."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...layers.boxes import Boxes
from ...window import Window
from . import job, switch_windows, team
from .arguments import words_of
from .batched import SMALLEST

if TYPE_CHECKING:
    from .backend import NumbaBackend

OVERLAPS = ("sum", "assign", "first", "max", "mean")


def warm(backend: NumbaBackend) -> None:
    """Compile (or find on disk) all kernels, for float32 and float64.

    Where there are cores for it, another process makes those for float64 meanwhile.
    """
    job.left.entry("plain", words_of((0, 0))[0])  # what waits, if a helper is late
    with _meanwhile("float64") if team.size() > 1 else nullcontext():
        for_type(backend, np.float32)
    for_type(backend, np.float64)


def for_type(backend: NumbaBackend, dtype: Any) -> None:
    """The kernels for arrays of one type."""
    for threads in (1, 5):  # with many, blocks are shared out in another way
        with team.limited(threads):
            _convolutions(backend, dtype)
    _pools(backend, dtype)
    _pointwise(backend, dtype)


_ELSEWHERE = """
import sys
sys.path[:] = {path!r}
from numpy_deconv.backends.numba_cpu import NumbaBackend
from numpy_deconv.backends.numba_cpu.warm import for_type
for_type(NumbaBackend(), {dtype!r})
"""


@contextmanager
def _meanwhile(dtype: str) -> Iterator[None]:
    """Have another Python make code for a type, and wait for it in the end.

    If it cannot be had or fails nothing is lost but time.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        yield  # that would be the program itself once more
        return
    told = _ELSEWHERE.format(path=sys.path, dtype=dtype)
    try:
        other = subprocess.Popen(
            [sys.executable, "-c", told],
            env={**os.environ, "NUMPY_DECONV_QUIET": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        yield
        return
    try:
        yield
        other.wait()
    finally:
        other.terminate()  # nothing, where it has ended
        other.wait()


def _ones(dtype: Any, *shape: int) -> np.ndarray[Any, Any]:
    return np.ones(shape, dtype)


def _convolutions(backend: NumbaBackend, dtype: Any) -> None:
    row = np.zeros(1, np.int64)
    plain, strided = Window.of(3, 2, padding=1), Window.of(3, 2, padding=1, stride=2)
    # Winograd's filtering by 4 and by 2 outputs, and the product of matrices
    for channels, filters, batch, size in (
        (16, 16, 1, 24), (64, 64, 1, 7), (3, 5, 1, 9),
    ):  # fmt: skip
        x = _ones(dtype, batch, channels, size, size)
        weight = _ones(dtype, filters, channels, 3, 3)
        for window in (plain, strided):
            y = backend.conv(x, weight, None, window, 1)
            backend.conv_input_grad(y, weight, None, (size, size), window, 1)
            backend.conv_weight_grad(y, x, window, 1)
        for side in (3, 5):  # all that a small window reaches
            y = _ones(dtype, 4, filters, side, side)
            size_ = side + 2, side + 2
            backend.conv_input_grad(y, weight, None, size_, Window.of(3, 2), 1)
        places = Boxes(np.ones((batch, 2), np.int64), (size, size), (size, size), row)
        backend.conv_input_grad_moved(y, weight, (size, size), window, 1, 0, places)
        # mostly zeros go another way, and what is mostly depends on the vectors
        backend.conv_input_grad(y * 0, weight, None, (size, size), window, 1)
    x, weight = _ones(dtype, 1, 3, 9, 9), _ones(dtype, 5, 3, 1, 1)
    backend.conv(x, weight, None, Window.of(1, 2), 1)
    x, weight = _ones(dtype, 1, 16, 9, 9), _ones(dtype, 3, 16, 3, 3)
    backend.conv(x, weight, None, plain, 1)
    x = _ones(dtype, 1, 32, 20, 20)
    for taps in (1, 3, 5):  # along a row
        weight = _ones(dtype, 32, 1, 1, taps)
        for stride in (1, 2):
            window = Window.of((1, taps), 2, padding=(0, taps // 2), stride=stride)
            y = backend.conv(x, weight, None, window, 32)
            backend.conv_input_grad(y, weight, None, (20, 20), window, 32)
    rows, matrix = _ones(dtype, 5, 70), _ones(dtype, 64, 70)
    for each in (matrix, np.asfortranarray(matrix)):
        backend.linear(rows, each, None)
    backend.linear(_ones(dtype, SMALLEST // 64 // 70 + 1, 70), matrix, None)
    columns = backend.im2col(x, plain, (20, 20))
    backend.col2im(columns, plain, (20, 20), (20, 20))


def _pools(backend: NumbaBackend, dtype: Any) -> None:
    x = _ones(dtype, 1, 17, 9, 9)
    size = (9, 9)
    for window in (Window.of_pool(2, 2), Window.of_pool(3, 2, stride=2)):
        y, switches = backend.max_pool(x, window)
        for overlap in OVERLAPS:
            backend.scatter(y, switches, size, overlap)
            backend.scatter_grad(x, y, switches, overlap)
        backend.scatter_masked(y, switches, size, x)
        backend.gather(x, switches)
        for padded in (False, True):
            y = backend.avg_pool(x, window, padded)
            backend.avg_pool_grad(y, size, window, padded)
        for power in (1.0, 2.0, 3.0):
            y = backend.lp_pool(x, window, power, True)
            backend.lp_pool_grad(y, x, y, window, power, True)
    y, switches = backend.max_pool(x, Window.of_pool(2, 2))
    row = np.zeros(1, np.int64)
    output = Boxes(np.ones((1, 2), np.int64), (2, 2), y.shape[2:], row)
    inputs = Boxes(np.full((1, 2), 2), (4, 4), size, row)
    backend.cut(x, inputs)
    last = np.moveaxis(_ones(dtype, 1, 9, 9, 17), -1, 1)
    both = backend.concat(last, last, axis=1)
    backend.split_channels(both, (17, 17), last, None)
    backend.activation(both, "relu")
    backend.max_pool(both[:, 3:20], window)
    for stays in (None, switches >= 0):
        for planes in (size, (switch_windows.EXACT, 1)):
            windows = y[:, :, :2, :2], switches, stays, planes, output, inputs
            backend.scatter_windows(*windows)
        codes = backend.switch_codes(switches, stays, size)
        backend.scatter_windows(*windows[:3], size, output, inputs, codes)
    blocks = _ones(dtype, 1, 64, 8, 8)  # channels in whole vectors, whatever those are
    y, switches = backend.max_pool(blocks, Window.of_pool(2, 2))
    backend.scatter(y, switches, (8, 8), "sum")
    codes = backend.switch_codes(switches, None, (8, 8))
    output, inputs = (
        replace(each, plane=(n, n)) for each, n in ((output, 4), (inputs, 8))
    )
    windows = y[:, :, :2, :2], switches, None, (8, 8), output, inputs
    backend.scatter_windows(*windows, codes)
    y, switches = backend.adaptive_max_pool(x, (2, 4))
    backend.scatter(y, switches, size, "sum")
    backend.adaptive_avg_pool_grad(backend.adaptive_avg_pool(x, (2, 4)), size)
    for mode in ("nearest", "linear"):
        y = backend.upsample(x, (2.0, 1.5), mode)
        backend.upsample_grad(y, size, (2.0, 1.5), mode)


def _pointwise(backend: NumbaBackend, dtype: Any) -> None:
    x = _ones(dtype, 1, 17, 9, 9)
    for name, options in (
        ("relu", {}),
        ("clip", {"low": 0, "high": 6}),
        ("leaky_relu", {"slope": 0.1}),
        ("sigmoid", {}),
        ("silu", {}),
        ("gelu", {"approximate": "none"}),
    ):
        backend.activation(x, name, **options)
        backend.activation_grad(x, x, name, **options)
    each = _ones(dtype, 17)
    backend.batch_norm(x, each, each, each, each, 1e-5)
    backend.batch_norm_input_grad(x, each, each, 1e-5)
    for beta in (0.75, 0.6):
        backend.local_response_norm(x, 5, 1e-4, beta, 1.0)
        backend.local_response_norm_grad(x, x, 5, 1e-4, beta, 1.0)
