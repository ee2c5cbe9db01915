"""The compiled backend is judged as any stranger's kernel is: by ``oracle.check``."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pytest

import numpy_deconv as nd
from numpy_deconv import functional, oracle
from numpy_deconv.oracle import Budget

NAMES = sorted(
    name
    for name in oracle.OPERATIONS
    if hasattr(functional, name) and name not in ("concat", "cross_entropy", "mse")
)
"""What has kernels of its own; calls of many shapes are small, so that sums are direct
(Winograd's filtering is judged in ``test_numba_convolution``)."""
PATIENT = Budget(examples=60, seconds=600, call_seconds=300)
"""The first call compiles."""
SECOND_ORDER = ("conv_input_grad", "conv_weight_grad")


class Compiled:
    """A public function on the compiled backend, with its gradients."""

    def __init__(self, name: str, **options: Any) -> None:
        self.function, self.options = getattr(functional, name), options
        self.__signature__ = signature(self.function)

    def __call__(self, *arrays: Any, **attrs: Any) -> Any:
        with nd.use_backend("numba", **self.options):
            return self.function(*arrays, **attrs)

    def backward(self, grad: Any, *arrays: Any, **attrs: Any) -> Any:
        with nd.use_backend("numba", **self.options):
            _, pullback = nd.vjp(self.function, *arrays, **attrs)
            return pullback(grad)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_every_function_and_gradient_passes(name: str, dtype: str) -> None:
    found = oracle.operation(name)
    grads = (
        ()
        if name in SECOND_ORDER
        else tuple(
            each for each in found.inputs if each not in ("switches", *found.optional)
        )
    )
    report = oracle.check(
        Compiled(name, winograd=False),
        op=name,
        grads=grads,
        semantics="numpy_deconv",
        dtypes=(dtype,),
        budget=PATIENT,
    )
    assert report.verdict == "PASS", report
