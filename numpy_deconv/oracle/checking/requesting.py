"""A check's options, resolved before any work."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ...errors import OptionError
from ..adapters import Adapter, adapter_of
from ..drawing import Wishes
from ..numerics import Numerics, numerics_of
from ..operations import Operation, operation
from ..semantics import Semantics, semantics_of
from .candidate import Takes, name_of, takes_of
from .options import LAYOUTS, MODES, Budget, Request, known_modes


def request_of(
    candidate: Any,
    *,
    op: str,
    grads: Sequence[str] = (),
    semantics: Semantics | str = "torch",
    numerics: Numerics | str | None = None,
    layouts: Sequence[str] | None = None,
    adapter: Adapter | str | None = None,
    modes: Sequence[str] = MODES,
    budget: Budget | None = None,
    **rest: Any,
) -> Request:
    """A check's options, resolved and checked before any work."""
    found, chosen = operation(op), adapter_of(adapter)
    name = candidate if isinstance(candidate, str) else name_of(candidate)
    if isinstance(candidate, str) and chosen.name != "command":
        candidate = imported(candidate)
    chosen.checked(candidate)
    by_name = chosen.name in ("numpy", "torch", "cupy", "jax", "dlpack")
    takes = takes_of(candidate, found) if by_name else Takes(found.inputs, None)
    sequences = ("dtypes", "ranks")
    more: dict[str, Any] = {
        n: tuple(v) if n in sequences else v for n, v in rest.items()
    }
    request = Request(
        candidate,
        name,
        found,
        takes,
        chosen,
        semantics_of(semantics),
        numerics_of(numerics),
        grads=_gradients(grads, found, chosen, candidate),
        layouts=tuple(LAYOUTS if layouts is None else layouts),
        modes=known_modes(tuple(modes)),
        budget=Budget() if budget is None else budget,
        **more,
    )
    # refuses what cannot be drawn
    Wishes(dtypes=request.dtypes, ranks=request.ranks, layouts=request.layouts)
    return request


def _gradients(
    grads: Sequence[str], found: Operation, adapter: Adapter, candidate: Any
) -> tuple[str, ...]:
    names = tuple({"w": "weight", "b": "bias"}.get(name, name) for name in grads)
    unknown = [name for name in names if name not in found.inputs]
    if unknown:
        raise OptionError(
            f"grads has {unknown[0]!r}, which {found.name} does not take: its arrays "
            f"are {found.inputs}"
        )
    if names and found.is_backward:
        raise OptionError(f"{found.name} is a gradient already: leave out grads")
    if names and not adapter.has_gradients(candidate):
        raise OptionError(
            f"grads={tuple(grads)} needs gradients: give the candidate a method "
            "backward(grad, *arrays, **attrs), or check it as "
            f"op='{found.name}.backward'"
        )
    return names


def imported(spec: str) -> Any:
    """The function that ``"module:function"`` names."""
    module, _, path = spec.partition(":")
    if not module or not path:
        raise OptionError(f"{spec!r} is no candidate: give MODULE:FUNCTION")
    try:
        found: Any = import_module(module)
    except ImportError as error:
        raise OptionError(f"cannot import {module!r}: {error}") from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise OptionError(f"{module!r} has no {path!r}")
        found = getattr(found, part)
    return found
