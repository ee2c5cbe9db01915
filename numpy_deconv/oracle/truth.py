"""The truth: what an operation's result is, to more digits than any candidate has.

* Integers are exact.
* float32 and halves are computed in float64.
* float64 sums (of products) are formed without any error, by slicing the factors
  (:mod:`.exact_sum`), and rounded once.
* float64 of the rest (means, softmax, normalisation, activations, powers) is float64
  itself, and its own error bound is added to the candidate's.

Each is computed by the vectorised reference, and held against the naive definition:
whole if it is small, at sampled elements if it is large.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .call import Array, Attributes, Call, Inputs, bind
from .evaluation import evaluate
from .exact_sum import exact
from .semantics import Semantics
from .twin import check_against_definition


class Truth(NamedTuple):
    """Results in float64 or int64 (None: an input was absent), and their names."""

    names: tuple[str, ...]
    values: tuple[Array, ...]


def truth(call: Call) -> Truth:
    """The results of a call, checked against the definition."""
    results = evaluate(call)
    check_against_definition(call, results)
    if call.dtype == np.float64:
        results = exact(call, results)
    return Truth(output_names(call), results)


def output_names(call: Call) -> tuple[str, ...]:
    """What a call's results are called: a variadic gradient has one for each array."""
    if call.operation.variadic and call.operation.is_backward:
        return tuple(name for name in call.arrays if name != "grad")
    return tuple(output.name for output in call.operation.outputs)


def reference(
    op: str,
    inputs: Inputs,
    attrs: Attributes | None = None,
    *,
    semantics: Semantics | str = "torch",
) -> Any:
    """The true result of ``op`` in float64 (integers: int64), a tuple if several.

    ``inputs`` are arrays by name or in order, ``attrs`` the public function's options.
    Raises OptionError and ShapeError for a call that has no result, and OracleError if
    the reference and the definition ever disagree.

    >>> import numpy as np
    >>> reference("avg_pool", [np.array([[[1.0, 2, 3, 4]]])], {"kernel_size": 2})
    array([[[1.5, 3.5]]])
    """
    values = truth(bind(op, inputs, attrs, semantics)).values
    return values[0] if len(values) == 1 else values
