"""An operation's results by the vectorised reference, whatever backend is in use."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import functional
from ..registry import use_backend
from .batch_training import evaluated
from .call import Array, Call
from .pooling_semantics import POOLS

Results = tuple[Array, ...]


def evaluate(call: Call) -> Results:
    """One result for each of the operation's outputs; None without its input.

    A variadic gradient gives one for each array.
    """
    with use_backend("numpy"), np.errstate(all="ignore"):
        if call.operation.forward == "batch_norm_training":
            return evaluated(call)
        if call.operation.forward in POOLS:
            return POOLS[call.operation.forward](call)
        if call.operation.name == "conv.backward":
            return _conv_gradients(call)
        if call.operation.is_backward:
            return _gradients(call)
        return forward(call)


def forward(call: Call) -> Results:
    """The public function's results."""
    given = tuple(call.arrays.values())
    results = call.operation.function(*given, **call.attributes)
    return results if isinstance(results, tuple) else (np.asarray(results),)


def _gradients(call: Call) -> Results:
    grad, *rest = call.arrays.values()
    _, pullback = functional.vjp(call.operation.function, *rest, **call.attributes)
    gradients = pullback(grad)
    if call.operation.variadic:
        return gradients
    names = [
        name for name, a in call.arrays.items() if a is not None and name != "grad"
    ]
    found = dict(zip(names, gradients, strict=True))
    return tuple(found.get(output.name) for output in call.operation.outputs)


def _conv_gradients(call: Call) -> Results:
    """As above, without the convolution that the pull-back does not need."""
    grad, x, weight = call["grad"], call["x"], call["weight"]
    options: dict[str, Any] = dict(call.attributes)
    bias = None
    if call.arrays["bias"] is not None:
        bias = np.asarray(grad.sum(axis=(0, *range(2, grad.ndim))))
    return (
        functional.conv_input_grad(grad, weight, x.shape[2:], **options),
        functional.conv_weight_grad(grad, x, weight.shape[2:], **options),
        bias,
    )
