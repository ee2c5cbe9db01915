"""Lower precision than declared is noticed, and correct kernels are not accused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.oracle import Numerics, Winograd
from numpy_deconv.oracle.winograd import convolved

RUNS = 30
Array = np.ndarray[Any, Any]
f4 = np.float32


def shortened(x: Array, digits: int) -> Array:
    """``x`` rounded to so many binary digits."""
    mantissa, exponent = np.frexp(x.astype(np.float64))
    return np.ldexp(np.rint(np.ldexp(mantissa, digits)), exponent - digits).astype(f4)


def direct(x: Array, w: Array) -> Array:
    return nd.conv(x, w, padding=1)


def reversed_order(x: Array, w: Array) -> Array:
    return nd.conv(x[:, ::-1], w[:, ::-1], padding=1)


def winograd(x: Array, w: Array) -> Array:
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    return convolved(padded, w, 1, Winograd(4, 3))


def tf32(x: Array, w: Array) -> Array:
    return nd.conv(shortened(x, 11), shortened(w, 11), padding=1)


def bf16(x: Array, w: Array) -> Array:
    return nd.conv(shortened(x, 8), shortened(w, 8), padding=1)


def f16_output(x: Array, w: Array) -> Array:
    return nd.conv(x, w, padding=1).astype(np.float16)


def f16_accumulation(x: Array, w: Array) -> Array:
    columns = nd.im2col(x, 3, padding=1)[0].astype(np.float16)
    matrix = w.reshape(len(w), -1).astype(np.float16)
    total = np.zeros((len(w), columns.shape[1]), np.float16)
    for row in range(len(columns)):
        total += matrix[:, row, None] * columns[row]
    return total.reshape(1, len(w), *x.shape[2:])


def runs(kernel: Callable[[Array, Array], Array]) -> list[tuple[str, str | None]]:
    """Verdict and inferred precision of each run, float32 being declared."""
    found = []
    for run in range(RUNS):
        rng = np.random.default_rng(run)
        channels = int(rng.choice([16, 32, 64]))
        x = rng.normal(size=(1, channels, 12, 12)).astype(f4)
        scale = (2 / (9 * channels)) ** 0.5
        w = (rng.normal(size=(8, channels, 3, 3)) * scale).astype(f4)
        report = oracle.conform(
            kernel(x, w), "conv", [x, w], {"padding": 1}, numerics="f32"
        )["y"]
        found.append((report.verdict, report.precision))
    return found


@pytest.mark.parametrize("kernel", [direct, reversed_order, winograd])
def test_float32_is_not_accused(kernel: Any) -> None:
    assert [verdict for verdict, _ in runs(kernel)] == ["PASS"] * RUNS


@pytest.mark.parametrize(
    ("kernel", "names"),
    [
        (tf32, {"tf32", "f16-out"}),
        (bf16, {"bf16"}),
        (f16_output, {"f16-out"}),
        (f16_accumulation, {"f16-acc", "bf16", "tf32"}),
    ],
)
def test_less_than_float32_is_noticed(kernel: Any, names: set[str]) -> None:
    found = runs(kernel)
    flagged = [precision for verdict, precision in found if verdict != "PASS"]
    assert len(flagged) >= RUNS - 1
    assert sum(precision in names for precision in flagged) >= RUNS - 1


@pytest.mark.parametrize(("kernel", "profile"), [(tf32, "tf32"), (bf16, "bf16")])
def test_a_declared_precision_passes(kernel: Any, profile: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 32, 9, 9)).astype(f4)
    w = rng.normal(size=(8, 32, 3, 3)).astype(f4)
    got = kernel(x, w)
    options = {"padding": 1}
    assert oracle.conform(got, "conv", [x, w], options, numerics=profile)["y"].ok
    assert not oracle.conform(got, "conv", [x, w], options)["y"].ok


def test_what_no_precision_explains() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 4, 9)).astype(f4)
    w = rng.normal(size=(3, 4, 2)).astype(f4)
    wrong = nd.conv(x, w) + 1
    assert oracle.inferred_precision({"y": wrong}, "conv", [x, w]).startswith("less")
    right = nd.conv(x, w)
    assert oracle.inferred_precision({"y": right}, "conv", [x, w]) == "f32"


def test_double_precision_is_told_from_single() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 4, 9)), rng.normal(size=(3, 4, 2))
    right = nd.conv(x, w)
    assert oracle.inferred_precision({"y": right}, "conv", [x, w]) == "f64"
    single = nd.conv(x.astype(f4), w.astype(f4)).astype(np.float64)
    assert oracle.inferred_precision({"y": single}, "conv", [x, w]) != "f64"
    assert not oracle.conform(single, "conv", [x, w])["y"].ok
    # single precision of double arrays: factors are rounded to float32 as well
    assert oracle.conform(
        single, "conv", [x, w], numerics=Numerics("f32", "f32", "f32")
    )["y"].ok
