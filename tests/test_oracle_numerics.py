"""Declared approximations and running sums: what ONNX Runtime's kernels need."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import OptionError
from numpy_deconv.oracle import Budget, Numerics

f4 = np.float32
FEW = Budget(examples=80)


def flat_sigmoid(x: Any) -> Any:
    """0 and 1 far from 0."""
    return np.where(np.abs(x) > 16, (x > 0).astype(f4), nd.sigmoid(x))


def test_an_approximated_sigmoid_must_be_declared() -> None:
    assert not oracle.check(flat_sigmoid, op="sigmoid", shrink=False).ok
    declared = Numerics(approximation=2.0**-22)
    report = oracle.check(
        flat_sigmoid, op="sigmoid", numerics=declared, modes=("exact", "bound")
    )
    assert report.verdict == "PASS", report


def test_an_approximation_adds_to_the_bound() -> None:
    x = np.array([[[0.5, -3.0]]], f4)
    for op, factor in (("sigmoid", 1.0), ("tanh", 1.0), ("silu", np.abs(x))):
        plain = oracle.bound(op, [x]).H
        wide = oracle.bound(op, [x], numerics=Numerics(approximation=1e-3)).H
        np.testing.assert_allclose(wide - plain, 1e-3 * factor, rtol=1e-3)


def test_an_approximation_is_a_small_error() -> None:
    with pytest.raises(OptionError, match="approximation=2 must be an error from 0 to"):
        Numerics(approximation=2)


def running_norm(
    x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    """One sum that slides over the channels."""
    before, after = size // 2, (size - 1) // 2
    squares, channels = np.square(x), x.shape[1]
    total = squares[:, :after].sum(axis=1, dtype=f4)
    y = np.empty_like(x)
    for c in range(channels):
        if c + after < channels:
            total = total + squares[:, c + after]
        if c - before - 1 >= 0:
            total = total - squares[:, c - before - 1]
        y[:, c] = x[:, c] * (k + alpha / size * total) ** f4(-beta)
    return y


def test_a_running_sum_must_be_declared() -> None:
    modes = ("exact", "bound")
    op = "local_response_norm"
    assert not oracle.check(running_norm, op=op, modes=modes, shrink=False).ok
    declared = Numerics(algo="running")
    report = oracle.check(running_norm, op=op, modes=modes, numerics=declared)
    assert report.verdict in ("PASS", "MISTRUSTED"), report
    assert report.failure is None


def test_a_running_sum_is_direct_elsewhere() -> None:
    x, w = np.ones((1, 2, 5), f4), np.ones((1, 2, 2), f4)
    plain = oracle.bound("conv", [x, w]).H
    running = oracle.bound("conv", [x, w], numerics=Numerics(algo="running")).H
    np.testing.assert_array_equal(plain, running)
