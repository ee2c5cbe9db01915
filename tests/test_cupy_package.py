"""The real CuPy, where it is installed, against the table that look-alikes go by; and
the look-alikes against the table. No GPU is needed."""

from __future__ import annotations

import importlib.util
import inspect
from types import SimpleNamespace
from typing import Any

import cupy_package
import fake_cuda
import pytest
from cupy_signatures import TABLE, signatures
from test_cupy_products import Cublas

from numpy_deconv.backends.cupy_gpu import products

LINES = cupy_package.read(TABLE.read_text(encoding="utf-8"))


def installed() -> Any:
    """CuPy with its libraries, or the end of the test."""
    try:
        spec = importlib.util.find_spec("cupy")
    except ValueError:  # a look-alike has none
        spec = None
    if spec is None:
        pytest.skip("needs cupy")
    try:
        return cupy_package.package()
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"needs CUDA's libraries: {error}")


def test_the_package_has_all_that_the_table_says() -> None:
    has = cupy_package.table(installed())
    common = cupy_package.shared(LINES, has)
    assert {
        n: (line, has.get(n)) for n, line in LINES.items() if common.get(n) != line
    } == {}


def test_every_name_that_is_used_is_in_the_table() -> None:
    used = (*cupy_package.CUDA, *cupy_package.ERRORS)
    assert {*used} <= {*signatures()}


@pytest.mark.parametrize("name", [n for n in LINES if n.startswith("cuda.cublas.")])
def test_the_pretended_cublas_takes_as_many_arguments(name: str) -> None:
    listed = signatures()[name]
    if listed is None:  # a constant, an error
        return
    function = getattr(Cublas(), name.rpartition(".")[2])
    if name[-4:] in ("gemm", "ched"):
        function = Cublas._product if name.endswith("gemm") else Cublas._batched
        assert len(inspect.signature(function).parameters) - 2 == len(listed)
    else:
        assert len(inspect.signature(function).parameters) == len(listed)


def test_the_numbers_that_cublas_is_given() -> None:
    values = {n: LINES[f"cuda.cublas.{n}"] for n in cupy_package.CONSTANTS}
    assert values == {
        "CUBLAS_OP_N": f": {products.KEPT}",
        "CUBLAS_OP_T": f": {products.TURNED}",
        "CUBLAS_DEFAULT_MATH": f": {products.FULL_PRECISION}",
    }


def test_the_pretended_module_takes_what_the_real_one_does() -> None:
    real = signatures()["RawModule"] or ()
    assert {*inspect.signature(fake_cuda.RawModule).parameters} <= {*real}


def test_errors_are_what_the_backend_takes_them_for() -> None:
    for name, base in cupy_package.ERRORS.items():
        assert LINES[name] == f": {base.__name__}"


def test_parameters_are_read_from_what_cython_writes() -> None:
    def documented(text: str) -> Any:
        class Builtin:
            __doc__ = text
            __signature__ = "none"

            def __call__(self) -> None:
                """Nothing."""

        return Builtin()

    line = cupy_package._line
    assert line(documented("f(intptr_t handle, int n=3) -> int")) == "(handle, n)"
    assert line(documented("T.g(self, str name, *, tuple options=())\n\nMore.")) == (
        "(name, options)"
    )
    assert line(documented("Says nothing.")) == "(*a, **k)"
    assert line(SimpleNamespace()) == ": attribute"
    assert line(lambda a, *b, **c: None) == "(a, *b, **c)"


def test_what_two_packages_share() -> None:
    one = {"f": "(a, b, c)", "g": ": ufunc", "h": "(a)", "i": "(a)"}
    other = {"f": "(a, c, d)", "g": ": ufunc", "h": ": attribute"}
    assert cupy_package.shared(one, other) == {"f": "(a, c)", "g": ": ufunc"}
