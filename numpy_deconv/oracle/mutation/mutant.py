"""A kernel that is wrong in one way, and the register of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import OptionError
from ..operations import operation

Kernel = Callable[..., Any]


@dataclass(frozen=True)
class Mutant:
    """A wrong kernel: call it as the operation's own function.

    ``description`` says what it does wrong, in the words of a diagnosis.
    """

    name: str
    op: str
    description: str
    function: Kernel

    def __call__(self, *arrays: Any, **attrs: Any) -> Any:
        found = operation(self.op)
        if not found.variadic and len(arrays) > len(found.inputs):
            rest = arrays[len(found.inputs) :]
            attrs = {**dict(zip(found.attributes, rest, strict=False)), **attrs}
            arrays = arrays[: len(found.inputs)]
        with np.errstate(all="ignore"):
            return self.function(*arrays, **attrs)


MUTANTS: dict[str, Mutant] = {}


def mutant(op: str, name: str, description: str) -> Callable[[Kernel], Kernel]:
    """Register the decorated kernel as a mutant of ``op``."""

    def register(function: Kernel) -> Kernel:
        add(op, name, description, function)
        return function

    return register


def add(op: str, name: str, description: str, function: Kernel) -> None:
    """Register a kernel under ``op: name``, which must be new."""
    key = f"{operation(op).name}: {name}"
    if key in MUTANTS:
        raise OptionError(f"there is a mutant {key!r} already")
    MUTANTS[key] = Mutant(key, op, description, function)


def mutants(op: str | None = None) -> tuple[Mutant, ...]:
    """The shipped wrong kernels of ``op``, or all of them.

    Call each in place of your kernel to see whether your own tests notice.

    >>> any("stride[0]" in each.description for each in mutants("conv"))
    True
    """
    if op is not None:
        operation(op)
    return tuple(m for m in MUTANTS.values() if op in (None, m.op))


def axes(value: Any, rank: int) -> tuple[Any, ...]:
    """One entry per axis."""
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(value) if several else (value,) * rank


def with_first(name: str, function: Kernel) -> Kernel:
    """``function`` with the first axis' entry of an attribute used on every axis."""

    def run(*arrays: Any, **attrs: Any) -> Any:
        rank = np.ndim(arrays[0]) - 2
        if attrs.get(name) is not None:
            attrs[name] = (axes(attrs[name], rank)[0],) * rank
        return function(*arrays, **attrs)

    return run


def with_reversed(name: str, function: Kernel) -> Kernel:
    """``function`` with the entries of an attribute on the wrong axes."""

    def run(*arrays: Any, **attrs: Any) -> Any:
        if attrs.get(name) is not None:
            attrs[name] = axes(attrs[name], np.ndim(arrays[0]) - 2)[::-1]
        return function(*arrays, **attrs)

    return run


def without(name: str, value: Any, function: Kernel) -> Kernel:
    """``function`` that ignores an attribute."""

    def run(*arrays: Any, **attrs: Any) -> Any:
        if name in attrs:
            attrs[name] = value
        return function(*arrays, **attrs)

    return run
