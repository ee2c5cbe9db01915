"""Which tests notice a wrong kernel: the oracle's, and those in use today.

``python benchmarks/oracle/kill_rates.py benchmarks/results/oracle-kill-rates`` lets
every shipped mutant be judged by the oracle's default check; by
``torch.testing.assert_close`` and ``numpy.allclose(rtol=atol=1e-2)`` on the very calls
of that check, and on normally distributed numbers; by ``assert_close`` on PyTorch's
OpInfo samples; and by the ONNX node tests with their own tolerance.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from contenders import torch_peer
from long_run_table import machine
from other_suites import Sample, node_samples, opinfo_samples
from torch import from_numpy
from torch.testing import assert_close

from numpy_deconv import oracle
from numpy_deconv.io.atomic import atomic_write
from numpy_deconv.oracle import OPERATIONS, Mutant
from numpy_deconv.oracle.call import bind
from numpy_deconv.oracle.checking.engine import KINDS, TURNS
from numpy_deconv.oracle.drawing import RandomSource, Wishes, draw_case
from numpy_deconv.oracle.evaluation import evaluate

EXAMPLES = 300
SUITES = (
    *("oracle", "assert_close", "allclose", "randn", "loose randn"),
    *("opinfo", "onnx"),
)
TITLES = {
    "oracle": "oracle.check, as it comes",
    "assert_close": "assert_close, the same calls",
    "allclose": "allclose(1e-2), the same calls",
    "randn": "assert_close, randn",
    "loose randn": "allclose(1e-2), randn",
    "opinfo": "PyTorch's OpInfo samples",
    "onnx": "ONNX node tests",
}
Agrees = Callable[[Any, Any], bool]


class Expected(NamedTuple):
    """A call with the result that is compared with."""

    arrays: tuple[Any, ...]
    attrs: dict[str, Any]
    wanted: tuple[Any, ...]


def by_assert_close(got: Any, wanted: Any) -> bool:
    """PyTorch's default tolerances for the dtype."""
    try:
        assert_close(_tensor(got), _tensor(wanted), equal_nan=True)
    except AssertionError:
        return False
    return True


def _tensor(array: Any) -> Any:
    return from_numpy(np.array(array, order="C"))


def by_allclose(got: Any, wanted: Any) -> bool:
    """One part in a hundred, as kernels are often judged."""
    close = np.allclose(got, wanted, rtol=1e-2, atol=1e-2, equal_nan=True)
    return np.shape(got) == np.shape(wanted) and close


def by_onnx(got: Any, wanted: Any) -> bool:
    """The node tests' own tolerance."""
    close = np.allclose(got, wanted, rtol=1e-3, atol=1e-7, equal_nan=True)
    return np.shape(got) == np.shape(wanted) and close


def parts_of(found: Any, op: str) -> tuple[Any, ...]:
    """A kernel's results in order, None for a gradient that is absent."""
    if isinstance(found, dict):
        return tuple(found.get(o.name) for o in OPERATIONS[op].outputs)
    return tuple(found) if isinstance(found, tuple | list) else (found,)


def passes(kernel: Any, op: str, calls: Sequence[Expected], agrees: Agrees) -> bool:
    """Whether a kernel gives what is expected on every call."""
    for call in calls:
        try:
            found = parts_of(kernel(*call.arrays, **call.attrs), op)
            pairs = zip(found, call.wanted, strict=False)
            if not all(
                agrees(got, want)
                for got, want in pairs
                if got is not None and want is not None
            ):
                return False
        except Exception:
            return False
    return True


def truth_of(op: str, arrays: Sequence[Any], attrs: dict[str, Any]) -> tuple[Any, ...]:
    """The true results, rounded to the arrays' dtype."""
    call = bind(op, list(arrays), attrs)
    return tuple(
        None if y is None else y if y.dtype.kind in "iu" else y.astype(call.dtype)
        for y in evaluate(call)
    )


@cache
def drawn_calls(op: str, normal: bool = False) -> tuple[Expected, ...]:
    """Calls as of the oracle's default check, with the truth rounded once; or such
    calls with nothing but normally distributed numbers in them."""
    return tuple(_drawn_calls(op, normal))


def _drawn_calls(op: str, normal: bool) -> Iterator[Expected]:
    found, number, made = OPERATIONS[op], 0, 0
    turns = [t for t in TURNS if not (found.is_backward and t == "specials")]
    while made < EXAMPLES and number < 40 * EXAMPLES:
        kinds = ("normal",) if normal else KINDS[turns[number % len(turns)]]
        wishes = Wishes(kinds=kinds)
        case = draw_case(op, RandomSource((0, number)), wishes)
        number += 1
        if case is None:
            continue
        made += 1
        arrays = tuple(case.arrays.values())
        attrs = dict(case.attrs)
        yield Expected(arrays, attrs, truth_of(op, arrays, attrs))


@cache
def suite_calls(op: str, suite: str) -> tuple[Expected, ...]:
    """A suite's calls that this library computes and agrees on."""
    samples = (opinfo_samples if suite == "opinfo" else node_samples)(op)
    agrees = by_assert_close if suite == "opinfo" else by_onnx
    made = (_expected(op, sample) for sample in samples)

    def control(*arrays: Any, **attrs: Any) -> tuple[Any, ...]:
        return truth_of(op, arrays, attrs)

    return tuple(c for c in made if c is not None and passes(control, op, [c], agrees))


def _expected(op: str, sample: Sample) -> Expected | None:
    """A sample with what it demands: PyTorch's answer if it says nothing."""
    found = OPERATIONS[op]
    arrays, attrs, forward = sample.arrays, sample.attrs, found.forward
    if sample.wanted is not None:
        return Expected(arrays, attrs, sample.wanted)
    try:
        plain = [a for a in arrays if a is not None]
        y = torch_peer.value(forward, *plain, **attrs)
        if not found.is_backward:
            return Expected(arrays, attrs, parts_of(y, op))
        first = parts_of(y, forward)[0]
        grad = np.random.default_rng(0).normal(size=first.shape).astype(np.float32)
        gradients = torch_peer.gradients(forward, grad, *plain, **attrs)
    except Exception:
        return None
    names = [n for n, a in zip(found.inputs[1:], arrays, strict=False) if a is not None]
    by_name = dict(zip(names, gradients, strict=False))
    wanted = tuple(by_name.get(o.name) for o in found.outputs)
    return Expected((grad, *arrays), attrs, wanted)


def kills(mutant: Mutant) -> dict[str, bool | None]:
    """Which suites notice; None where a suite has no calls of the operation."""
    op = mutant.op
    report = oracle.check(mutant, op=op, shrink=False)
    drawn, normal = drawn_calls(op), drawn_calls(op, True)
    found: dict[str, bool | None] = {
        "oracle": report.verdict == "FAIL",
        "assert_close": not passes(mutant, op, drawn, by_assert_close),
        "allclose": not passes(mutant, op, drawn, by_allclose),
        "randn": not passes(mutant, op, normal, by_assert_close),
        "loose randn": not passes(mutant, op, normal, by_allclose),
    }
    for suite, agrees in (("opinfo", by_assert_close), ("onnx", by_onnx)):
        calls = suite_calls(op, suite)
        found[suite] = None if not calls else not passes(mutant, op, calls, agrees)
    return found


def false_alarms(op: str) -> dict[str, int]:
    """Of the drawn calls, those on which PyTorch's own kernel is rejected."""
    found = dict.fromkeys(("oracle", "assert_close", "allclose"), 0)
    for call in drawn_calls(op):
        plain = [a for a in call.arrays if a is not None]
        try:
            y = parts_of(torch_peer.value(op, *plain, **call.attrs), op)[0]
        except RuntimeError:
            continue  # a call that PyTorch refuses
        want = call.wanted[0]
        found["assert_close"] += not by_assert_close(y, want)
        found["allclose"] += not by_allclose(y, want)
        first = {OPERATIONS[op].outputs[0].name: y}
        report = oracle.conform(first, op, list(call.arrays), call.attrs)
        found["oracle"] += not all(each.ok for each in report.values())
    return found


def share(rows: Sequence[dict[str, Any]], suite: str) -> str:
    """Mutants killed of those that the suite has calls for."""
    asked = [row[suite] for row in rows if row[suite] is not None]
    return f"{sum(asked)}/{len(asked)}" if asked else "-"


def markdown(rows: Sequence[dict[str, Any]], alarms: dict[str, dict[str, int]]) -> str:
    """The published table."""
    ops = list(dict.fromkeys(row["op"] for row in rows))
    lines = [
        "# Which tests notice a wrong kernel?",
        "",
        "Made by `python benchmarks/oracle/kill_rates.py`, with "
        + ", ".join(f"{name} {number}" for name, number in machine().items())
        + f". {len(rows)} shipped mutants (`oracle.mutants()`), each right but for one "
        "thing. The first three columns judge the same 300 calls, which the oracle "
        "draws: shapes, options and numbers chosen to tell kernels apart, and the "
        "exact truth to compare with. The next two have 300 calls with such shapes "
        "and options too, but normally distributed numbers. The last two are the calls "
        "that those suites come with, where they have the function (`-`: they have "
        "not). A call on which the right function fails its suite is left out.",
        "",
        "| killed of | " + " | ".join(TITLES.values()) + " |",
        "|---" * (len(SUITES) + 1) + "|",
    ]
    whole = " | ".join(f"**{share(rows, suite)}**" for suite in SUITES)
    lines.append(f"| **all** | {whole} |")
    asked = [row for row in rows if row["opinfo"] is not None]
    same = " | ".join(share(asked, suite) for suite in SUITES)
    lines.append(f"| those with OpInfo samples | {same} |")
    asked = [row for row in rows if row["onnx"] is not None]
    same = " | ".join(share(asked, suite) for suite in SUITES)
    lines.append(f"| those with ONNX node tests | {same} |")
    for op in ops:
        own = [row for row in rows if row["op"] == op]
        lines.append(
            f"| {op} | " + " | ".join(share(own, suite) for suite in SUITES) + " |"
        )
    lines += ["", "The price of a fixed tolerance is paid by right kernels. Calls, of "]
    total = EXAMPLES * len(alarms)
    lines[-1] += f"{total:,} of {len(alarms)} functions, on which PyTorch's own "
    lines[-1] += "kernel (float32, one thread) is rejected: " + ", ".join(
        f"{name} {sum(each[name] for each in alarms.values()):,}"
        for name in ("oracle", "assert_close", "allclose")
    )
    by_oracle = [op for op, each in alarms.items() if each["oracle"]]
    if by_oracle:
        lines[-1] += f" (the oracle's are all of {', '.join(by_oracle)}: findings)"
    lines[-1] += "."
    lines += [""]
    for suite in SUITES:
        names = [row["name"] for row in rows if row[suite] is False]
        if names:
            said = "; ".join(f"`{name}`" for name in names)
            lines += [f"Survive {TITLES[suite]}: {said}.", ""]
    return "\n".join(lines)


def main(target: Path) -> None:
    """Judge them all."""
    began, rows = time.monotonic(), []
    for mutant in oracle.mutants():
        row = {"name": mutant.name, "op": mutant.op, **kills(mutant)}
        rows.append(row)
        print(f"{time.monotonic() - began:5.0f} s", row, flush=True)
    functions = [op for op in torch_peer.PEERS if OPERATIONS[op].outputs]
    alarms = {op: false_alarms(op) for op in functions}
    found = {"machine": machine(), "mutants": rows, "right kernel rejected": alarms}
    texts = {".json": json.dumps(found, indent=1) + "\n", ".md": markdown(rows, alarms)}
    for suffix, text in texts.items():
        with atomic_write(target.with_suffix(suffix)) as file:
            file.write(text.encode())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    main(Path(sys.argv[1]))
