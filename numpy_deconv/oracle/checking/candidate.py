"""What a kernel takes, by its signature, and the arguments it is called with."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, signature
from typing import Any, NamedTuple

from ...arrays import Array
from ...errors import OptionError
from ..drawing import Case
from ..operations import REQUIRED, Operation

POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class Takes(NamedTuple):
    """Inputs by position, attributes by name (None: all there are), and ``out``."""

    arrays: tuple[str, ...]
    attributes: tuple[str, ...] | None
    out: bool = False

    def names(self, found: Operation) -> frozenset[str] | None:
        """Everything that may be drawn; None if that is all."""
        if self.attributes is None and self.arrays == found.inputs:
            return None
        attributes = self.attributes
        if attributes is None:
            attributes = tuple(found.attributes)
        return frozenset((*self.arrays, *attributes))

    def missing(self, found: Operation) -> tuple[str, ...]:
        """Inputs and attributes that are left at their defaults."""
        names = self.names(found)
        if names is None:
            return ()
        return tuple(n for n in (*found.inputs, *found.attributes) if n not in names)


def takes_of(kernel: Any, found: Operation) -> Takes:
    """What the kernel takes; OptionError if it cannot be called as this operation.

    A kernel without a readable signature is taken to have all of it.
    """
    whole = Takes(found.inputs, None)
    try:
        parameters = list(signature(kernel).parameters.values())
    except (ValueError, TypeError):
        return whole
    attributes = found.attributes
    places = [p for p in parameters if p.kind in POSITIONAL]
    anything = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
    if any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        arrays = found.inputs
    else:
        arrays = _arrays(places, found)
    named = [p.name for p in parameters if p.kind is not Parameter.POSITIONAL_ONLY]
    own = tuple(name for name in attributes if name in named)
    _check(kernel, found, arrays, own, parameters, anything)
    return Takes(arrays, None if anything else own, "out" in named)


def _arrays(places: list[Parameter], found: Operation) -> tuple[str, ...]:
    count = 0
    for place in places:
        if place.name in found.attributes or place.name == "out":
            break
        count += 1
    return found.inputs[:count]


def _check(
    kernel: Any,
    found: Operation,
    arrays: tuple[str, ...],
    own: tuple[str, ...],
    parameters: list[Parameter],
    anything: bool,
) -> None:
    name = name_of(kernel)
    short = [n for n in found.inputs if n not in arrays and n not in found.optional]
    if short:
        raise OptionError(
            f"{name} takes {len(arrays)} arrays, but {found.name} needs {short[0]!r} "
            f"too: its arrays are {found.inputs}"
        )
    needed = [n for n, v in found.attributes.items() if v is REQUIRED]
    lacking = [n for n in needed if n not in own and not anything]
    if lacking:
        raise OptionError(
            f"{name} has no argument {lacking[0]!r}, which {found.name} needs: wrap "
            "it in a function that has"
        )
    places = [p for p in parameters if p.kind in POSITIONAL]
    several = any(p.kind is Parameter.VAR_POSITIONAL for p in parameters)
    rest = [] if several else places[len(arrays) :]
    rest += [p for p in parameters if p.kind is Parameter.KEYWORD_ONLY]
    for parameter in rest:
        known = parameter.name in (*found.attributes, "out")
        if parameter.default is Parameter.empty and not known:
            raise OptionError(
                f"{name} needs {parameter.name!r}, which {found.name} does not have: "
                f"it has the arrays {found.inputs} and {tuple(found.attributes)}"
            )


def name_of(kernel: Any) -> str:
    """What to call a kernel in a report."""
    if isinstance(kernel, str):
        return kernel
    for candidate in (kernel, getattr(kernel, "func", None)):
        name = getattr(candidate, "__qualname__", None) or getattr(
            candidate, "name", None
        )
        if isinstance(name, str):
            return name
    return type(kernel).__name__


def arguments(
    case: Case, takes: Takes, found: Operation
) -> tuple[list[Array | None], dict[str, Any]]:
    """Arrays by position and attributes by name, as the kernel is handed them."""
    arrays = list(case.arrays.values())
    if not found.variadic:
        arrays = [case.arrays.get(name) for name in takes.arrays]
    if takes.attributes is None:
        return arrays, dict(case.attrs)
    attrs = {}
    for name in takes.attributes:
        default = found.attributes[name]
        attrs[name] = case.attrs.get(name, _spelt(default, name, case))
    return arrays, attrs


def _spelt(default: Any, name: str, case: Case) -> Any:
    """A default that is one number, for each axis."""
    if name == "stride" and default is None:
        return case.attrs["kernel_size"]
    sliding = name in ("stride", "padding", "dilation", "output_padding")
    if not sliding or not isinstance(default, int):
        return default
    like: Mapping[str, Any] = case.attrs
    rank = case.rank
    for other in ("kernel_size", "output_size"):
        if isinstance(like.get(other), tuple):
            rank = len(like[other])
    return (default,) * rank
