"""Products of matrices by cuBLAS, in the precision of their type and in no other.

CuPy's own ``matmul`` lets the environment's CUPY_TF32 decide; here the caller does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np

from ...arrays import Array

KEPT, TURNED = 0, 1  # CUBLAS_OP_N and CUBLAS_OP_T
FULL_PRECISION = 0  # CUBLAS_DEFAULT_MATH: no fewer bits than the type has
LETTERS = {"float32": "s", "float64": "d"}
# 1 and 0, where cuBLAS can read them
SCALARS = {name: (np.ones(1, name), np.zeros(1, name)) for name in LETTERS}


def product_shape(a: Array, b: Array, turned: bool) -> tuple[int, ...]:
    """Of ``a @ b`` or, turned, ``a @ b.T``."""
    return (*a.shape[:-1], b.shape[-2 if turned else -1])


def multiply(a: Array, b: Array, turned: bool, out: Array) -> None:
    """``a @ b`` into ``out``, or ``a @ b.T`` where turned; or stacks of them.

    All are contiguous, of one type, float32 or float64, and none is empty. cuBLAS reads
    matrices by columns: what lies there as ``a`` is ``a.T`` to it, so it is asked for
    ``out.T = b.T @ a.T``.
    """
    from cupy.cuda import cublas, device

    rows, inner = a.shape[-2:]
    columns = out.shape[-1]
    letter = LETTERS[a.dtype.name]
    one, zero = (number.ctypes.data for number in SCALARS[a.dtype.name])
    sizes = (TURNED if turned else KEPT, KEPT, columns, rows, inner)
    places = [
        (b.data.ptr, inner if turned else columns),
        (a.data.ptr, inner),
        (out.data.ptr, columns),
    ]
    handle = device.get_cublas_handle()
    with _full_precision(cublas, handle):
        if a.ndim == 2:
            second, first, last = places
            product = getattr(cublas, f"{letter}gemm")
            product(handle, *sizes, one, *second, *first, zero, *last)
            return
        steps = (columns * inner, rows * inner, rows * columns)
        each = [(*place, step) for place, step in zip(places, steps, strict=True)]
        product = getattr(cublas, f"{letter}gemmStridedBatched")
        product(handle, *sizes, one, *each[0], *each[1], zero, *each[2], a.shape[0])


@contextmanager
def _full_precision(cublas: ModuleType, handle: int) -> Iterator[None]:
    """Whatever somebody has asked of this thread's handle."""
    mode = cublas.getMathMode(handle)
    if mode == FULL_PRECISION:
        yield
        return
    cublas.setMathMode(handle, FULL_PRECISION)
    try:
        yield
    finally:
        cublas.setMathMode(handle, mode)
