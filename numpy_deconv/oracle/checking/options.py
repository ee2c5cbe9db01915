"""What a check is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...errors import OptionError
from ..adapters import Adapter
from ..drawing import Case
from ..numerics import Numerics
from ..operations import Operation
from ..semantics import Semantics
from .candidate import Takes

MODES = ("exact", "bound", "specials", "shape_errors", "adjoint", "harness")
LAYOUTS = ("C", "channels_last", "strided", "neg_step", "offset")


@dataclass(frozen=True, slots=True)
class Budget:
    """How many calls to draw, for how long, and how long one may take."""

    examples: int = 300
    seconds: float = 60.0
    call_seconds: float = 10.0

    def __post_init__(self) -> None:
        for name in ("examples", "seconds", "call_seconds"):
            if not getattr(self, name) > 0:
                raise OptionError(
                    f"{name} must be more than 0, got {getattr(self, name)}"
                )


@dataclass(frozen=True)
class Request:
    """A check's resolved options."""

    candidate: Any
    name: str
    operation: Operation
    takes: Takes
    adapter: Adapter
    semantics: Semantics
    numerics: Numerics
    grads: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ("float32",)
    ranks: tuple[int, ...] = (2, 1, 3)
    layouts: tuple[str, ...] = LAYOUTS
    modes: tuple[str, ...] = MODES
    supports: Callable[[Case], bool] | None = None
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    strict: bool = False
    isolate: bool = False
    shrink: bool = True


def known_modes(modes: tuple[str, ...]) -> tuple[str, ...]:
    """``modes``, if there are such; OptionError names the others."""
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes:
        raise OptionError(
            f"modes has {unknown[0]!r}: use some of {MODES}"
            if unknown
            else f"modes is empty: use some of {MODES}"
        )
    return modes
