"""One call of an operation: its arrays and attributes, bound to their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array, as_array, is_float, to_numpy
from ..errors import DTypeError, OptionError, ShapeError
from ..per_axis import entries_of, is_several
from .operations import REQUIRED, Operation, operation
from .semantics import Semantics, semantics_of

__all__ = ["Array", "Attributes", "Call", "Inputs", "bind"]

Inputs = Mapping[str, Any] | Sequence[Any]
Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """Arrays by name (None: absent), every attribute, and what they are to mean.

    ``arrays`` are float64 or integers; ``dtype`` is what they were before.
    """

    operation: Operation
    arrays: Mapping[str, Array | None]
    attributes: Mapping[str, Any]
    semantics: Semantics
    dtype: np.dtype[Any]

    @property
    def given(self) -> tuple[Array, ...]:
        """The arrays that are there, in order."""
        return tuple(a for a in self.arrays.values() if a is not None)

    def __getitem__(self, name: str) -> Array:
        """The array of that name, which must be there."""
        array = self.arrays[name]
        if array is None:
            raise ShapeError(f"{self.operation.name} was called without {name}")
        return array

    def with_arrays(self, **arrays: Array | None) -> Call:
        """The same call with some arrays exchanged."""
        return replace(self, arrays={**self.arrays, **arrays})

    def with_attributes(self, **attributes: Any) -> Call:
        """The same call with some attributes exchanged."""
        return replace(self, attributes={**self.attributes, **attributes})


def bind(
    op: str,
    inputs: Inputs,
    attrs: Attributes | None = None,
    semantics: Semantics | str = "torch",
) -> Call:
    """Check the names of a call, fill in its defaults, and widen its arrays.

    ``inputs`` is a mapping by name, or a sequence in the operation's order in which
    optional ones may be None or left off.
    """
    found, meaning = operation(op), semantics_of(semantics)
    arrays = _arrays(found, inputs)
    floats = [a.dtype for a in arrays.values() if a is not None and is_float(a.dtype)]
    given = [a.dtype for a in arrays.values() if a is not None]
    dtype = floats[0] if floats else given[0]
    wide = {name: None if a is None else _widened(a) for name, a in arrays.items()}
    call = Call(found, wide, _attributes(found, attrs or {}, meaning), meaning, dtype)
    return _cropped(_checked(call))


def _arrays(found: Operation, inputs: Inputs) -> dict[str, Array | None]:
    if not isinstance(inputs, Mapping):
        values = list(inputs)
        if found.variadic:
            leading = found.inputs[:-1]
            stem = found.inputs[-1]
            counted = [f"{stem}{i}" for i in range(len(values) - len(leading))]
            inputs = dict(zip((*leading, *counted), values, strict=True))
        elif len(values) > len(found.inputs):
            raise ShapeError(
                f"{found.name} takes {len(found.inputs)} arrays {found.inputs}, got "
                f"{len(values)}"
            )
        else:
            inputs = dict(zip(found.inputs, values, strict=False))
    names = tuple(inputs) if found.variadic else found.inputs
    unknown = [name for name in inputs if name not in names]
    if unknown:
        raise OptionError(
            f"{found.name} has no input {unknown[0]!r}: its arrays are {names}"
        )
    arrays: dict[str, Array | None] = {}
    for name in names:
        value = inputs.get(name)
        if value is None and name not in found.optional:
            raise ShapeError(f"{found.name} needs the array {name!r}")
        arrays[name] = None if value is None else to_numpy(as_array(value, name))
    if not arrays:
        raise ShapeError(f"{found.name} needs at least one array")
    return arrays


def _checked(call: Call) -> Call:
    """The call, unless its semantics forbid its output padding."""
    extra = call.attributes.get("output_padding", 0)
    if call.semantics.output_padding == "stride" and extra:
        rank = call["x"].ndim - 2
        extras = entries_of(extra, rank, "output_padding")
        strides = entries_of(call.attributes["stride"], rank, "stride")
        for e, stride in zip(extras, strides, strict=True):
            if e >= stride:
                raise OptionError(
                    f"output_padding {e} must be smaller than the stride {stride} in "
                    "these semantics"
                )
    return call


def _cropped(call: Call) -> Call:
    """Negative padding taken off ``x``, where the semantics have it."""
    padding = call.attributes.get("padding", "")
    if call.semantics.negative_padding == "error" or isinstance(padding, str):
        return call
    if "x" not in call.arrays or call.operation.is_backward:
        return call
    x = call["x"]
    entries = entries_of(padding, x.ndim - 2, "padding")
    pairs = [tuple(e) if is_several(e) else (e, e) for e in entries]
    if all(begin >= 0 and end >= 0 for begin, end in pairs):
        return call
    cut = tuple(
        slice(max(0, -begin), n - max(0, -end))
        for n, (begin, end) in zip(x.shape[2:], pairs, strict=True)
    )
    kept = tuple((max(0, begin), max(0, end)) for begin, end in pairs)
    return call.with_arrays(x=x[(..., *cut)]).with_attributes(padding=kept)


def _widened(array: Array) -> Array:
    if array.dtype == np.uint64 and array.size and int(array.max()) >= 2**63:
        raise DTypeError(f"{array.max()} is beyond int64, in which the oracle counts")
    return array.astype(np.float64 if is_float(array.dtype) else np.int64, copy=False)


def _attributes(
    found: Operation, attrs: Attributes, semantics: Semantics
) -> dict[str, Any]:
    defaults = dict(found.attributes)
    if found.forward.startswith("batch_norm"):
        defaults["eps"] = semantics.batch_norm_eps
    unknown = [name for name in attrs if name not in defaults]
    if unknown:
        raise OptionError(
            f"{found.name} has no attribute {unknown[0]!r}: it has {tuple(defaults)}"
        )
    full = {**defaults, **attrs}
    missing = [name for name, value in full.items() if value is REQUIRED]
    if missing:
        raise OptionError(f"{found.name} needs the attribute {missing[0]!r}")
    return full
