"""One case: run a backend's kernel on a drawn call and look at everything it did."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import Array, family, to_numpy
from ..backend import Backend
from .agreement import Finding, compare, run, wanted
from .draw import Draw
from .layout import LAYOUTS, laid_out, owner
from .recipes import RECIPES, Call

#: A pointwise window's columns are x itself, seen otherwise, as are runs of channels.
MAY_ALIAS = {"im2col", "split_channels"}

FLOATS = ("float32", "float32", "float64", "float16")
INTEGERS = ("int64", "int32", "int8", "uint8")


def drawn(kernel: str, family: str, rng: np.random.Generator) -> Call:
    """A call of this kernel, its arrays in any layout and any dtype of the family."""
    recipe = RECIPES[kernel]
    kinds = ["integers", "normal", "normal", "ties"] + ["specials"] * recipe.specials
    data = kinds[int(rng.integers(len(kinds)))]
    dtypes = [*FLOATS, *_brain_float(family)]
    if recipe.integers and data != "normal":
        dtypes += INTEGERS
    dtype = np.dtype(dtypes[int(rng.integers(len(dtypes)))])
    call = recipe.make(Draw(rng, dtype, data))
    return replace(
        call,
        arguments=tuple(
            laid_out(a, LAYOUTS[int(rng.integers(len(LAYOUTS)))])
            if isinstance(a, np.ndarray)
            else a
            for a in call.arguments
        ),
    )


def _brain_float(family: str) -> list[Any]:
    if family != "numpy":
        return []
    with contextlib.suppress(ImportError):
        import ml_dtypes

        return [ml_dtypes.bfloat16]
    return []


def examine(backend: Backend, kernel: str, call: Call) -> list[Finding]:
    """Everything wrong with the backend's answer to this call, worst sort first."""
    plain = replace(call, arguments=tuple(_copied(a) for a in call.arguments))
    want = wanted(kernel, plain)
    placed = replace(call, arguments=tuple(_placed(backend, a) for a in call.arguments))
    arrays = [a for a in placed.arguments if hasattr(a, "dtype")]
    before = [_bits(owner(a)) for a in arrays]
    try:
        _poison(want)
        first = run(backend, kernel, placed)
        _poison(want)
        second = run(backend, kernel, placed)
    except Exception as error:
        return [Finding("error", f"raised {type(error).__name__}: {error}", 0)]
    for part in (*first, *second):
        if not hasattr(part, "dtype") or family(part) != backend.family:
            return [Finding("type", f"returned {type(part).__name__}", 0)]
    findings = []
    if before != [_bits(owner(a)) for a in arrays]:
        findings.append(Finding("input", "wrote to an input, or beside it", 0))
    disagreement = compare(kernel, plain, tuple(map(to_numpy, first)), want)
    if disagreement is not None:
        findings.append(disagreement)
    elif list(map(_bits, first)) != list(map(_bits, second)):
        findings.append(Finding("repetition", "two runs gave different bits", 0))
    if kernel not in MAY_ALIAS and _shared(first, arrays):
        findings.append(Finding("aliasing", "an output shares an input's memory", 0))
    if kernel not in MAY_ALIAS and _shared(first, second):
        findings.append(Finding("reuse", "two runs' outputs share memory", 0))
    return findings


def _placed(backend: Backend, argument: Any) -> Any:
    if backend.family == "numpy" or not isinstance(argument, np.ndarray):
        return argument
    import cupy

    return cupy.asarray(argument)  # keeps the order of the axes, not reversals


def _copied(argument: Any) -> Any:
    return np.array(argument) if isinstance(argument, np.ndarray) else argument


def _bits(array: Array) -> bytes:
    return np.ascontiguousarray(to_numpy(array)).tobytes()


def _shared(some: Any, others: Any) -> bool:
    return any(np.may_share_memory(a, b) for a in some for b in others)


def _poison(like: tuple[Array, ...]) -> None:
    """Leave ones in freed memory, where an output that is not fully written is likely
    to be allocated next."""
    rooms = [np.full(max(1, a.nbytes), 255, np.uint8) for a in like for _ in range(8)]
    del rooms
