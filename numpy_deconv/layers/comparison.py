"""Truth values of activations: they choose, and have no gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import OptionError
from .arithmetic import Operation

COMPARISONS: dict[str, Any] = {
    "and": np.logical_and,
    "equal": np.equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "is_nan": np.isnan,
    "less": np.less,
    "less_equal": np.less_equal,
    "not": np.logical_not,
    "or": np.logical_or,
    "xor": np.logical_xor,
}


@dataclass(frozen=True, eq=False)
class Compare(Operation):
    """One of :data:`COMPARISONS` of its operands, element by element.

    Raises OptionError for a name that is none of them.

    >>> Compare((None, np.array(0.5)), "greater").forward(np.array([0.0, 1.0]))[0]
    array([False,  True])
    """

    name: str = "equal"

    def __post_init__(self) -> None:
        if self.name not in COMPARISONS:
            raise OptionError(
                f"there is no comparison {self.name!r}: there are "
                f"{', '.join(COMPARISONS)}"
            )

    def value(self, *operands: Array) -> Array:
        return COMPARISONS[self.name](*operands)

    def slopes(self, gy: Array, *operands: Array) -> tuple[Array | None, ...]:
        return (None,) * len(operands)

    def describe(self) -> str:
        return f"Compare {self.name}"
