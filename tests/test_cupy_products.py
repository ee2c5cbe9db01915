"""What cuBLAS is asked for, held against a cuBLAS that reads the same arguments."""

from __future__ import annotations

import ctypes
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from numpy_deconv.backends.cupy_gpu.products import multiply, product_shape

TF32 = 3  # CUBLAS_TF32_TENSOR_OP_MATH


class Cublas(ModuleType):
    """By its documentation: matrices by columns, op(A) @ op(B), a stride per matrix."""

    def __init__(self) -> None:
        super().__init__("cublas")
        self.mode, self.seen = 0, []  # type: tuple[int, list[int]]

    def getMathMode(self, handle: int) -> int:
        return self.mode

    def setMathMode(self, handle: int, mode: int) -> None:
        self.mode = mode

    def sgemm(self, *given: Any) -> None:
        self._product(np.float32, *given)

    def dgemm(self, *given: Any) -> None:
        self._product(np.float64, *given)

    def sgemmStridedBatched(self, *given: Any) -> None:
        self._batched(np.float32, *given)

    def dgemmStridedBatched(self, *given: Any) -> None:
        self._batched(np.float64, *given)

    def _batched(
        self, dtype: Any, handle: int, transa: int, transb: int, m: int, n: int, k: int,
        alpha: int, a: int, lda: int, stride_a: int, b: int, ldb: int, stride_b: int,
        beta: int, c: int, ldc: int, stride_c: int, count: int,
    ) -> None:  # fmt: skip
        size = np.dtype(dtype).itemsize
        for i in range(count):
            first, second = a + i * stride_a * size, b + i * stride_b * size
            last = c + i * stride_c * size
            self._product(
                dtype, handle, transa, transb, m, n, k, alpha, first, lda, second, ldb,
                beta, last, ldc,
            )  # fmt: skip

    def _product(
        self, dtype: Any, handle: int, transa: int, transb: int, m: int, n: int, k: int,
        alpha: int, a: int, lda: int, b: int, ldb: int, beta: int, c: int, ldc: int,
    ) -> None:  # fmt: skip
        assert handle == 7
        self.seen.append(self.mode)
        assert _by_columns(alpha, 1, 1, 1, dtype) == 1
        assert _by_columns(beta, 1, 1, 1, dtype) == 0
        first = _operand(a, m, k, lda, transa, dtype)
        second = _operand(b, k, n, ldb, transb, dtype)
        _by_columns(c, m, n, ldc, dtype)[...] = first @ second


def _operand(at: int, rows: int, columns: int, ld: int, op: int, dtype: Any) -> Any:
    if op:
        return _by_columns(at, columns, rows, ld, dtype).T
    return _by_columns(at, rows, columns, ld, dtype)


def _by_columns(at: int, rows: int, columns: int, ld: int, dtype: Any) -> Any:
    assert ld >= rows
    size = np.dtype(dtype).itemsize * ((columns - 1) * ld + rows)
    flat = np.frombuffer((ctypes.c_char * size).from_address(at), dtype)
    return np.lib.stride_tricks.as_strided(
        flat, (rows, columns), (flat.itemsize, ld * flat.itemsize)
    )


@pytest.fixture
def cublas(monkeypatch: pytest.MonkeyPatch) -> Cublas:
    made = Cublas()
    device = SimpleNamespace(get_cublas_handle=lambda: 7)
    cuda: Any = ModuleType("cupy.cuda")
    cuda.cublas, cuda.device = made, device
    monkeypatch.setitem(sys.modules, "cupy", ModuleType("cupy"))
    monkeypatch.setitem(sys.modules, "cupy.cuda", cuda)
    return made


def there(array: Any) -> Any:
    """With CuPy's ``data.ptr``."""
    data = SimpleNamespace(ptr=array.ctypes.data)
    about = {"shape": array.shape, "dtype": array.dtype, "ndim": array.ndim}
    return SimpleNamespace(data=data, **about)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("stack", [(), (3,)])
@pytest.mark.parametrize("sizes", [(4, 5, 6), (1, 7, 2), (6, 1, 5), (3, 2, 1)])
def test_a_product(
    cublas: Cublas, dtype: Any, turned: bool, stack: Any, sizes: Any
) -> None:
    rows, inner, columns = sizes
    rng = np.random.default_rng(0)
    a = rng.standard_normal((*stack, rows, inner)).astype(dtype)
    shape = (columns, inner) if turned else (inner, columns)
    b = rng.standard_normal((*stack, *shape)).astype(dtype)
    out = np.empty(product_shape(a, b, turned), dtype)
    multiply(there(a), there(b), turned, there(out))
    want = a @ (b.swapaxes(-1, -2) if turned else b)
    assert out.shape == want.shape
    np.testing.assert_allclose(out, want, rtol=1e-5)


def test_nobody_else_decides_on_tf32(
    cublas: Cublas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUPY_TF32", "1")  # CuPy's own matmul would look at it
    cublas.mode = TF32
    a, out = np.ones((2, 2), np.float32), np.empty((2, 2), np.float32)
    multiply(there(a), there(a), False, there(out))
    assert cublas.seen == [0]
    assert cublas.mode == TF32  # as it was found


def test_a_wish_for_tf32_outlives_a_product_that_fails(
    cublas: Cublas, monkeypatch: pytest.MonkeyPatch
) -> None:
    cublas.mode = TF32

    def full(*_: Any) -> None:
        raise RuntimeError("CUBLAS_STATUS_ALLOC_FAILED")

    monkeypatch.setattr(cublas, "sgemm", full)
    a = there(np.ones((2, 2), np.float32))
    with pytest.raises(RuntimeError, match="ALLOC_FAILED"):
        multiply(a, a, False, a)
    assert cublas.mode == TF32
