"""``oracle.check``: verdicts, what is restricted, what is reported."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import oracle_kernels
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import OptionError
from numpy_deconv.oracle import Budget

FEW = Budget(examples=60)


def test_a_kernel_takes_what_its_signature_says() -> None:
    report = oracle.check(oracle_kernels.plain_conv, op="conv", budget=FEW)
    assert report.verdict == "PASS"
    assert report.restricted == ("dilation", "groups")
    assert "not taken by the kernel: dilation, groups" in str(report)


def test_the_minimal_case_and_the_diagnosis() -> None:
    report = oracle.check(oracle_kernels.wrong_stride, op="conv")
    assert report.verdict == "FAIL"
    assert not report.ok
    failure = report.failure
    assert failure is not None
    assert failure.case.size <= 8
    assert set(failure.case.attrs["stride"]) != {1}
    assert "it looks like this: stride[0] used on every axis" in failure.diagnosis
    assert str(failure).startswith(failure.reason)


def test_the_script_reproduces_it(tmp_path: Path, capsys: Any) -> None:
    report = oracle.check(oracle_kernels.wrong_stride, op="conv", budget=FEW)
    assert report.failure is not None
    script = tmp_path / "repro.py"
    text = report.failure.repro()
    assert "from oracle_kernels import wrong_stride as candidate" in text
    script.write_text(text)
    with pytest.raises(AssertionError, match="conv: output 'y': FAIL"):
        runpy.run_path(str(script))
    assert "want" in capsys.readouterr().out


def test_forms_for_machines() -> None:
    report = oracle.check(oracle_kernels.wrong_stride, op="conv", budget=FEW)
    found = json.loads(report.to_json())
    assert found["verdict"] == "FAIL"
    assert found["failure"]["attrs"]["stride"]
    (case,) = ElementTree.fromstring(report.to_junit().encode())
    assert case[0].tag == "failure"
    assert "stride[0] used on every axis" in report.to_markdown()
    right = oracle.check(nd.relu, op="relu", budget=FEW)
    (case,) = ElementTree.fromstring(right.to_junit().encode())
    assert case[0].tag == "system-out"
    assert json.loads(right.to_json())["failure"] is None
    assert "worst error" in right.to_markdown()


def test_the_same_seed_is_the_same_check() -> None:
    first, second = (
        oracle.check(oracle_kernels.wrong_stride, op="conv", budget=FEW, seed=5)
        for _ in range(2)
    )
    assert first.failure is not None
    assert second.failure is not None
    assert first.failure.case.choices == second.failure.case.choices
    assert first.examples == second.examples


def test_what_supports_leaves_out_is_counted() -> None:
    report = oracle.check(
        nd.conv, op="conv", budget=FEW, supports=lambda case: case.groups == 1
    )
    assert report.verdict == "PASS"
    assert report.rejected > 0
    assert f"left out by supports: {report.rejected}" in str(report)


def test_too_little_is_left_to_trust() -> None:
    report = oracle.check(
        nd.conv, op="conv", budget=FEW, supports=lambda case: case.rank == 1
    )
    assert report.verdict == "MISTRUSTED"
    assert "supports left out" in report.why[0]
    (case,) = ElementTree.fromstring(report.to_junit().encode())
    assert case[0].tag == "error"
    narrow = oracle.check(nd.conv, op="conv", budget=FEW, ranks=(1,))
    assert narrow.verdict == "PASS"


def test_a_check_that_found_no_time_is_not_trusted() -> None:
    report = oracle.check(nd.conv, op="conv", budget=Budget(seconds=1e-9))
    assert report.verdict == "MISTRUSTED"
    assert "only 0 of 300 examples were judged" in report.why


def test_windows_that_never_overlap_are_not_trusted() -> None:
    report = oracle.check(
        nd.max_pool,
        op="max_pool",
        budget=FEW,
        modes=("bound",),
        supports=lambda case: max(case.kernel_size) == 1,
    )
    assert "no windows overlap: every kernel has one tap" in report.why


@pytest.mark.parametrize("numerics", ["tf32", "bf16", "f16-out"])
def test_less_precision_is_told_and_may_be_declared(numerics: str) -> None:
    name = {"tf32": "tf32 inputs", "bf16": "bf16 inputs", "f16-out": "f16 output"}
    (kernel,) = (
        m for m in oracle.mutants("conv") if m.name == f"conv: {name[numerics]}"
    )
    report = oracle.check(kernel, op="conv", modes=("bound",))
    assert report.verdict == "FAIL"
    declared = oracle.check(
        kernel, op="conv", modes=("bound",), numerics=numerics, budget=FEW
    )
    assert declared.failure is None, declared


def test_right_on_whole_numbers_and_less_precise() -> None:
    (kernel,) = (m for m in oracle.mutants("conv") if m.name == "conv: tf32 inputs")

    def small(x, weight, bias=None, **attrs):
        """Exact where the numbers have few bits."""
        whole = np.array_equal(np.rint(x), x)
        return (nd.conv if whole else kernel)(x, weight, bias, **attrs)

    report = oracle.check(small, op="conv")
    assert report.failure is not None
    assert any("consistent with tf32 inputs" in t for t in report.failure.diagnosis)


def test_strict_makes_suspicious_wrong() -> None:
    def leaning(x, weight):
        """All errors as large as if none of them ever cancelled."""
        wide = [a.astype(np.float64) for a in (x, weight)]
        size = nd.linear(*map(np.abs, wide))
        error = max(0.0, 0.9 * x.shape[-1] - 1.5) * 2.0**-24
        return (nd.linear(*wide) + error * size).astype(np.float32)

    loose = oracle.check(leaning, op="linear", modes=("bound",))
    strict = oracle.check(leaning, op="linear", modes=("bound",), strict=True)
    assert loose.verdict == "WARN"
    assert "errors larger than rounding in the declared precision" in loose.why[0]
    assert strict.verdict == "FAIL"


def test_calls_without_a_result_should_be_refused() -> None:
    def careless(x, kernel_size):
        kernel = tuple(min(k, n) for k, n in zip(kernel_size, x.shape[2:], strict=True))
        return nd.avg_pool(x, kernel)

    report = oracle.check(careless, op="avg_pool", budget=FEW)
    assert report.verdict == "WARN"
    assert "it accepts a window larger than the input" in report.why


def test_gradients_of_the_candidate_itself() -> None:
    class Conv:
        def __call__(self, x, weight, bias=None, **attrs):
            return nd.conv(x, weight, bias, **attrs)

        def backward(self, grad, *arrays, **attrs):
            return nd.vjp(nd.conv, *arrays, **attrs)[1](grad)

    assert (
        oracle.check(Conv(), op="conv", grads=("x", "w", "b"), budget=FEW).verdict
        == "PASS"
    )

    class Wrong(Conv):
        def backward(self, grad, *arrays, **attrs):
            gx, *rest = nd.vjp(nd.conv, *arrays, **attrs)[1](grad)
            return (gx[..., ::-1].copy(), *rest)

    report = oracle.check(Wrong(), op="conv", grads=("x",), budget=FEW)
    assert report.failure is not None
    assert report.failure.case.op == "conv.backward"
    assert report.failure.case.size <= 12
    assert ".gradients(candidate, grad, [x, weight, bias]" in report.failure.repro()


def test_integers_and_halves() -> None:
    dtypes = ("int32", "float16", "float64")
    report = oracle.check(nd.conv, op="conv", dtypes=dtypes, budget=FEW)
    assert report.verdict == "PASS"
    assert {f"dtype {name}" for name in dtypes} <= set(report.features)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modes": ("fast",)}, "modes has 'fast': use some of"),
        ({"modes": ()}, "modes is empty"),
        ({"dtypes": ("float31",)}, "dtypes has 'float31', which NumPy does not know"),
        ({"dtypes": ("str",)}, "give floating or integer dtypes"),
        ({"ranks": (4,)}, "ranks may be 1, 2 and 3"),
        ({"layouts": ("odd",)}, "there is no layout"),
        ({"adapter": "tpu"}, "adapter='tpu' is not known"),
        ({"grads": ("z",)}, "grads has 'z', which conv does not take"),
        ({"grads": ("x",)}, "needs gradients: give the candidate a method"),
        ({"supports": lambda case: case.nothing}, "supports raises AttributeError"),
    ],
)
def test_wrong_options(options: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        oracle.check(nd.conv, op="conv", **options)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (3, "the candidate is int, which cannot be called"),
        (lambda x: x, "takes 1 arrays, but conv needs 'weight' too"),
        (lambda x, w, b, depth: x, "needs 'depth', which conv does not have"),
        ("nowhere", "'nowhere' is no candidate: give MODULE:FUNCTION"),
        ("nowhere:f", "cannot import 'nowhere'"),
        ("numpy_deconv:konv", "'numpy_deconv' has no 'konv'"),
    ],
)
def test_wrong_candidates(kernel: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        oracle.check(kernel, op="conv")


def test_a_pool_needs_its_kernel_size() -> None:
    with pytest.raises(OptionError, match="has no argument 'kernel_size', which max_p"):
        oracle.check(lambda x: x, op="max_pool")


def test_grads_of_a_gradient() -> None:
    with pytest.raises(OptionError, match=r"relu.backward is a gradient already"):
        oracle.check(lambda grad, x: x, op="relu.backward", grads=("x",))


@pytest.mark.parametrize("name", ["examples", "seconds", "call_seconds"])
def test_budgets_are_positive(name: str) -> None:
    with pytest.raises(OptionError, match=f"{name} must be more than 0, got 0"):
        Budget(**{name: 0})
