"""The vectorised reference held against the naive definition, call by call.

A reference can have a bug in common with what it judges, so the truth is written
twice: what is small enough is computed loop by loop as well, and of what is larger a
few elements are, as direct dot products.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import OracleError, ShapeError
from ..per_axis import entries_of, is_several
from .call import Array, Call
from .definition import DEFINITIONS, GRADIENTS
from .elements import can_sample, element
from .pool import rescales
from .pooling_semantics import POOLS
from .terms import Results, terms

WHOLE = 2000  # terms up to which the definition computes everything
SAMPLES = 6
UNIT = 2.0**-53
SMALLEST = 2.0**-1074  # below the normal numbers a product errs by up to half of it


def check_against_definition(call: Call, results: Results) -> None:
    """Raise OracleError if reference and definition disagree on this call."""
    own = call.operation.forward in POOLS or "momentum" in call.attributes
    if own and not _is_plain(call):
        return
    if _work(call, results) <= WHOLE:
        _check_whole(call, results)
    elif can_sample(call):
        _check_samples(call, results)


def _is_plain(call: Call) -> bool:
    """Whether the call's semantics come to what the definition computes."""
    flags, attributes = call.semantics, call.attributes
    name = call.operation.name
    if name == "max_unpool.backward" and attributes["overlap"] == "assign":
        return flags.unpool_grad == "winner"
    if name.startswith("batch_norm_training"):
        return (flags.momentum, flags.running_var) == ("new", "sample")
    if call.operation.forward == "local_response_norm":
        return flags.lrn_centre == "before" or attributes["size"] % 2 == 1
    if attributes.get("ceil_mode") and (
        flags.ceil_rule == "keep" or flags.divisor == "window"
    ):
        return False
    return flags.nan != "drop" and flags.tie != "last"


def _definition_attributes(call: Call) -> dict[str, Any]:
    attributes = dict(call.attributes)
    name = call.operation.forward
    if name == "lp_pool":
        attributes["rescale_clipped"] = rescales(call)
    if name == "local_response_norm" and call.semantics.lrn_alpha == "sum":
        attributes["alpha"] *= attributes["size"]
    attributes |= _sizes(call)
    padding = attributes.get("padding", "")
    wide = call.semantics.pad_limit == "none" and name.endswith("_pool")
    if wide and not isinstance(padding, str):
        entries = entries_of(padding, call["x"].ndim - 2, "padding")
        pairs = (tuple(e) if is_several(e) else (e, e) for e in entries)
        attributes["padding"] = tuple(pairs)
    return attributes


def _sizes(call: Call) -> dict[str, Any]:
    """Sizes spelt out, one number for each axis, as the definition wants them."""
    name, attributes = call.operation.forward, call.attributes
    if name == "conv_weight_grad":
        kernel = attributes["kernel_size"]
        return {"kernel_size": entries_of(kernel, call["x"].ndim - 2, "kernel_size")}
    if name == "conv_input_grad":
        size = attributes["input_size"]
        return {"input_size": entries_of(size, call["grad"].ndim - 2, "input_size")}
    if name == "max_unpool":
        size = attributes["output_size"]
        return {"output_size": entries_of(size, call["y"].ndim - 2, "output_size")}
    if name.startswith("adaptive"):
        size = call["x"].shape[2:]
        given = entries_of(attributes["output_size"], len(size), "output_size")
        kept = [n if e is None else e for e, n in zip(given, size, strict=True)]
        return {"output_size": kept}
    return {}


def _work(call: Call, results: Results) -> int:
    """Roughly how many terms the definition would add up."""
    name = call.operation.forward
    sizes = sum(a.size for a in call.given)
    if name in ("conv", "conv_input_grad"):
        filters = call["weight"]
        outputs = call["grad"] if "grad" in call.arrays else results[0]
        return int(np.size(outputs)) * math.prod(filters.shape[1:])
    if name == "conv_transpose":
        return call["x"].size * math.prod(call["weight"].shape[1:])
    if name == "conv_weight_grad":
        return call["grad"].size * math.prod(np.shape(results[0])[1:])
    if name == "linear":
        return call["x"].size * len(call["weight"])
    outputs = sum(int(np.size(y)) for y in results if y is not None)
    kernel = call.attributes.get("kernel_size", 1)
    rank = call.given[-1].ndim - 2
    taps = math.prod(kernel) if is_several(kernel) else kernel ** max(rank, 1)
    if name in ("softmax", "log_softmax", "cross_entropy", "local_response_norm"):
        taps = max(call.given[-1].shape, default=1)
    return (outputs + sizes) * int(taps)


def _check_whole(call: Call, results: Results) -> None:
    attributes = _definition_attributes(call)
    arrays = list(call.arrays.values())
    while arrays and arrays[-1] is None:
        arrays.pop()
    try:
        if call.operation.is_backward:
            wanted = GRADIENTS[call.operation.forward](*arrays, **attributes)
        else:
            found = DEFINITIONS[call.operation.name](*arrays, **attributes)
            wanted = found if isinstance(found, tuple) else (found,)
    except ShapeError:
        if call.semantics.empty_window == "error":
            raise
        return
    if call.operation.is_backward and not call.operation.variadic:
        names = [name for name in call.arrays if name != "grad"]
        by_name = dict(zip(names, wanted, strict=False))
        wanted = tuple(by_name.get(o.name) for o in call.operation.outputs)
    moved = (
        call.semantics.index_base != "plane" or call.semantics.storage_order != "row"
    )
    analysed = terms(call, results)
    for index, (y, other) in enumerate(zip(results, wanted, strict=True)):
        if y is None or other is None or (moved and index == 1):
            continue
        parts = analysed[index]
        if parts is None:
            continue
        with np.errstate(all="ignore"):
            units = (4 * parts.rounds + 16) * (1 + _exponent(call) / 8)
            allowed = units * UNIT * parts.A + parts.jump + 1e-300
        allowed = np.where(parts.rounds > 0, allowed, 0.0)
        skip = np.zeros(y.shape, bool) if parts.skip is None else parts.skip
        _compare(call, y, np.asarray(other), allowed, np.broadcast_to(skip, y.shape))


def _exponent(call: Call) -> float:
    """Roundings of an exponential whose argument the definition takes from log-softmax:
    as many as the argument is large. The bound of each has eight roundings or more, so
    an eighth of them is counted for every one."""
    if call.operation.forward not in ("softmax", "log_softmax", "cross_entropy"):
        return 0.0
    x = np.abs(call.given[-2 if call.operation.forward == "cross_entropy" else -1])
    return float(np.max(x, initial=0.0, where=np.isfinite(x)))


def _compare(call: Call, y: Array, other: Array, allowed: Array, skip: Array) -> None:
    if y.shape != other.shape:
        raise OracleError(
            f"{call.operation.name}: the reference gives shape {y.shape}, the "
            f"definition {other.shape}"
        )
    with np.errstate(all="ignore"):
        near = np.abs(y - other) <= allowed
        same = (y == other) | (y != y) & (other != other)
    beyond = ~np.isfinite(allowed)  # an infinite magnitude: rounding decides
    wrong = ~(near | same | skip | beyond)
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        _disagree(call, at, y[at], other[at])


def _check_samples(call: Call, results: Results) -> None:
    rng = np.random.default_rng(0)
    for output, y in zip(call.operation.outputs, results, strict=True):
        if y is None or not y.size or output.name == "switches":
            continue
        for flat in {0, y.size - 1, *rng.integers(0, y.size, SAMPLES - 2).tolist()}:
            at = tuple(int(i) for i in np.unravel_index(flat, y.shape))
            value, magnitude, n = element(call, output.name, at)
            roundings = 2 * n + 8
            allowed = roundings * (UNIT * magnitude + SMALLEST)
            if not _agrees(float(y[at]), value, allowed):
                _disagree(call, at, y[at], value)


def _agrees(ours: float, other: float, allowed: float) -> bool:
    """Whether a finite result of ours is near the other.

    Of a special one nothing is asked here, for padding times an infinite weight is NaN
    in the one and nothing in the other; small calls compare those as well.
    """
    if not math.isfinite(ours):
        return True
    return math.isfinite(other) and abs(ours - other) <= allowed


def _disagree(call: Call, at: tuple[int, ...], ours: Any, other: Any) -> None:
    raise OracleError(
        f"internal error: at {at} of {call.operation.name} the vectorised reference "
        f"gives {ours!r} and the definition {other!r}; neither can judge. Please "
        f"report it with these attributes: {dict(call.attributes)}"
    )
