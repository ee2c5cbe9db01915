"""One line for an existing test: assert that an output is what it should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import as_array, to_numpy
from ..errors import ShapeError
from .acceptance import accepted
from .call import Attributes, Call, Inputs, bind
from .error_bound import analysed, assemble
from .judging import VERDICTS, BoundReport, judge
from .numerics import Numerics, numerics_of
from .precision import precision_of
from .semantics import Semantics
from .truth import truth


def conform(
    got: Any,
    op: str,
    inputs: Inputs,
    attrs: Attributes | None = None,
    *,
    numerics: Numerics | str | None = None,
    semantics: Semantics | str = "torch",
    strict: bool = False,
) -> dict[str, BoundReport]:
    """A report for every output of ``op`` that is in ``got``.

    ``got`` is an array, a tuple with one for each output, or a mapping by output name;
    None, and an output left off the end, are not judged.
    """
    call = bind(op, inputs, attrs, semantics)
    return conform_call(got, call, numerics_of(numerics), strict=strict)


def conform_call(
    got: Any, call: Call, numerics: Numerics, *, strict: bool = False
) -> dict[str, BoundReport]:
    """:func:`conform` for a call that is already bound."""
    found = truth(call)
    parts = analysed(call, found)
    outputs = named_outputs(got, call, found.names)
    resolved = numerics.resolved(call.dtype)
    reports = {}
    for name, array in outputs.items():
        if name not in parts:
            raise ShapeError(f"{call.operation.name} has no result {name!r} here")
        each, y = parts[name]
        bound = assemble(call, name, y, each, resolved)
        values = np.asarray(found.values[0])
        reports[name] = judge(
            array,
            bound,
            op=call.operation.name,
            output=name,
            accepted=accepted(call, name, array, values),
            strict=strict,
            strict_sign=call.semantics.strict_sign,
            leaning=call.operation.adds_up(name),
        )
    if any(report.verdict != "PASS" for report in reports.values()):
        fitting = {n: a for n, a in outputs.items() if a.shape == parts[n][1].shape}
        precision = precision_of(call, fitting, parts)
        reports = {n: replace(r, precision=precision) for n, r in reports.items()}
    return reports


def named_outputs(got: Any, call: Call, names: tuple[str, ...]) -> dict[str, Any]:
    """A kernel's outputs by name, as NumPy arrays."""
    if isinstance(got, Mapping):
        pairs = list(got.items())
    elif isinstance(got, tuple | list) and (
        len(names) > 1 or (len(got) == 1 and np.ndim(got[0]))
    ):
        if len(got) > len(names):
            raise ShapeError(
                f"{call.operation.name} has the outputs {names}, got {len(got)} of them"
            )
        pairs = list(zip(names, got, strict=False))
    else:
        pairs = [(names[0], got)]
    return {
        name: to_numpy(as_array(value, name))
        for name, value in pairs
        if value is not None
    }


def assert_conforms(
    got: Any,
    op: str,
    inputs: Inputs,
    attrs: Attributes | None = None,
    *,
    numerics: Numerics | str | None = None,
    semantics: Semantics | str = "torch",
    strict: bool = False,
) -> BoundReport:
    """Raise AssertionError unless ``got`` is a correct result of ``op``.

    Every element is judged by a rounding-error bound computed for these very inputs,
    so there is no tolerance to choose. Returns the report (of several outputs the
    worst one's). With ``strict`` errors that are merely improbable fail too.

    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(1, 1, 8)
    >>> w = np.ones((1, 1, 2), np.float32)
    >>> assert_conforms(x[..., 1:] + x[..., :-1], "conv", [x, w]).verdict
    'PASS'
    >>> assert_conforms(x[..., 1:], "conv", [x, w])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: conv: output 'y': FAIL: 7 of 7 elements are wrong, the first at ...
    """
    reports = conform(
        got, op, inputs, attrs, numerics=numerics, semantics=semantics, strict=strict
    )
    failed = [str(report) for report in reports.values() if not report.ok]
    if failed:
        raise AssertionError("\n".join(failed))
    return max(
        reports.values(), key=lambda r: (VERDICTS.index(r.verdict), r.worst_hard)
    )
