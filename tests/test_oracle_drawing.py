"""What is drawn: by seed, by record, by Hypothesis; and kept in files."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.oracle import OPERATIONS, strategies
from numpy_deconv.oracle.drawing import (
    DRAWERS,
    RandomSource,
    ReplaySource,
    Wishes,
    draw_case,
)
from numpy_deconv.oracle.drawing.layouts import LAYOUTS, laid_out
from numpy_deconv.oracle.drawing.values import KINDS, Data, values

SETTINGS = settings(
    max_examples=30,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def drawn(op: str, count: int, **wishes: Any) -> list[oracle.Case]:
    cases = (draw_case(op, RandomSource(i), Wishes(**wishes)) for i in range(count))
    return [case for case in cases if case is not None]


def test_every_operation_can_be_drawn() -> None:
    assert set(DRAWERS) == {each.forward for each in OPERATIONS.values()}


@pytest.mark.parametrize("op", sorted(OPERATIONS))
def test_most_of_what_is_drawn_has_a_result(op: str) -> None:
    assert len(drawn(op, 40)) >= 30


def test_half_of_the_windows_differ_between_axes() -> None:
    cases = [case for case in drawn("conv", 300) if case.rank > 1]
    unequal = [
        any(len(set(case.attrs[n])) > 1 for n in ("stride", "padding", "dilation"))
        for case in cases
    ]
    assert sum(unequal) > len(cases) / 2


def test_small_and_awkward_sizes_are_mixed() -> None:
    lengths = Counter(case.x.shape[-1] for case in drawn("relu", 300))
    assert sum(lengths[n] for n in (1, 2, 3, 4)) > 100
    assert {5, 7, 8, 9, 31, 32, 33, 127, 128, 129} <= set(lengths)


def test_a_record_draws_the_same_again() -> None:
    (case, *_) = drawn("conv", 5, layouts=tuple(LAYOUTS))
    again = draw_case(
        "conv", ReplaySource(case.choices), Wishes(layouts=tuple(LAYOUTS))
    )
    assert again is not None
    assert again.attrs == case.attrs
    assert again.layouts == case.layouts
    for name, array in case.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)


def test_an_empty_record_is_the_simplest_call() -> None:
    case = draw_case("conv", ReplaySource({}), Wishes())
    assert case is not None
    assert case.x.shape == case.weight.shape == (1, 1, 1, 1)


@pytest.mark.parametrize("how", sorted(LAYOUTS))
def test_layouts_have_the_same_values(how: str) -> None:
    x = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(laid_out(x, how), x)
    assert laid_out(x, how).flags.c_contiguous == (how == "C")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint8"])
def test_every_set_of_every_dtype(kind: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for rate in range(4):
        for role in ("x", "weight", "grad"):
            made = values(Data(rng, np.dtype(dtype), kind, rate), (2, 3, 5), role)
            assert made.dtype == dtype
            assert made.shape == (2, 3, 5)
            if kind == "integers":
                assert np.all(made != 0)


def test_a_case_survives_the_disk(tmp_path: Path) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    case = drawn("conv", 9, dtypes=("bfloat16",), semantics=oracle.SEMANTICS["onnx"])[0]
    path = case.save(tmp_path / "new" / "case.npz", **{"out.y": np.ones(3)})
    again, extra = oracle.load_case(path)
    assert again.attrs == case.attrs
    assert again.semantics == case.semantics
    assert again.choices == case.choices
    assert again.x.dtype == ml_dtypes.bfloat16
    assert again.x.tobytes() == case.x.tobytes()
    assert list(extra) == ["out.y"]
    assert [p.name for p in path.parent.iterdir()] == ["case.npz"]


def test_files_that_are_no_cases(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="there is no case"):
        oracle.load_case(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    with pytest.raises(FileFormatError, match="is no case of the oracle"):
        oracle.load_case(tmp_path / "other.npz")


def test_a_case_reads_as_its_call() -> None:
    case = drawn("conv", 3)[0]
    assert case.groups == case.attrs["groups"]
    assert case.x is case.arrays["x"]
    assert str(case).startswith("conv(x[")
    with pytest.raises(AttributeError, match="this conv has no 'kernel'"):
        _ = case.kernel


@SETTINGS
@given(case=strategies.max_pool(semantics="onnx"))
def test_a_public_strategy(case: oracle.Case) -> None:
    with np.errstate(all="ignore"):
        want = oracle.reference(case.op, case.inputs, case.attrs, semantics="onnx")
    assert len(want) == 2


@SETTINGS
@given(data=st.data())
def test_data_sets_of_a_strategy(data: st.DataObject) -> None:
    exact = data.draw(strategies.conv.exact(ranks=(1,)))
    assert exact.rank == 1
    assert np.array_equal(np.rint(exact.x), exact.x)
    assert data.draw(strategies.conv.tosa_set(3)).kind == "tosa3"
    assert data.draw(strategies.relu.specials()).kind == "specials"
    assert data.draw(strategies.conv_backward.bound()).op == "conv.backward"
    assert data.draw(strategies.of("softmax.backward")()).op == "softmax.backward"


def test_hypothesis_shrinks_them() -> None:
    case = find(
        strategies.conv.exact(ranks=(2,)),
        lambda case: case.stride[0] != case.stride[1],
        settings=settings(SETTINGS, phases=[Phase.generate, Phase.shrink]),
    )
    assert case.size <= 12


def test_strategies_that_are_not() -> None:
    with pytest.raises(AttributeError, match="there is no strategy 'cnov'"):
        _ = strategies.cnov
    with pytest.raises(OptionError, match="there are TOSA sets 0 to 5, not 6"):
        strategies.conv.tosa_set(6)
    assert {"conv", "conv_backward", "max_pool"} <= set(dir(strategies))


def test_strategies_without_hypothesis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "numpy_deconv.oracle.strategies")
    with pytest.raises(OptionError, match=r"oracle.strategies needs Hypothesis"):
        oracle.__getattr__("strategies")


def test_checking_does_not_import_hypothesis() -> None:
    import subprocess

    code = (
        "import sys, numpy_deconv as nd; from numpy_deconv import oracle\n"
        "oracle.check(nd.relu, op='relu', budget=oracle.Budget(examples=30))\n"
        "print([n for n in ('hypothesis', 'pytest', 'torch') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_bfloat16_needs_ml_dtypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(OptionError, match="bfloat16 arrays need ml_dtypes"):
        oracle.check(nd.relu, op="relu", dtypes=("bfloat16",))
