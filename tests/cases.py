"""Hypothesis strategies: legal arguments for every array function.

``strategy(name)`` draws a :class:`Case`. Every parameter is drawn for each axis by
itself, because equal ones hide swapped axes; sizes mix the small with the awkward; the
data are small integers, normals, ties or special values, made from a drawn seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import case_plain
import case_sliding
import numpy as np
import numpy.typing as npt
from case_request import MAKERS, Array, Request, values
from hypothesis import strategies as st

__all__ = [
    "DIVIDING",
    "EXACT",
    "FINITE",
    "MAKERS",
    "MOVING",
    "NAMES",
    "POOLED",
    "TOLERANT",
    "Array",
    "Case",
    "Request",
    "is_injective",
    "kinds_of",
    "strategy",
]

MODULES = (case_plain, case_sliding)
"""The modules that fill MAKERS when they are imported."""

NAMES = tuple(sorted(MAKERS))

FINITE = ("integers", "normal", "ties")
"""The kinds of data without special values."""

POOLED = {"max_pool", "adaptive_max_pool"}
"""Functions that return switches as well."""

MOVING = POOLED | {
    *("global_max_pool", "max_unpool", "im2col", "pad", "concat", "flatten"),
    *("relu", "clip"),
}
"""Functions that only move, choose or drop: no special value is too much for them."""

EXACT = MOVING | {
    *("conv", "conv_input_grad", "conv_weight_grad", "conv_transpose"),
    *("col2im", "linear"),
}
"""Functions that are exact on small integers, in any order of summation."""

DIVIDING = {"avg_pool", "adaptive_avg_pool", "global_avg_pool"}
"""Functions that integer arrays have as well, though they divide."""

TOLERANT = {"leaky_relu", "elu", "sigmoid", "tanh", "softplus", "hard_sigmoid"}
"""Functions of one element that are defined for special floats."""


@dataclass(frozen=True)
class Case:
    """One call ``name(*arrays, **options)``; ``kind`` says what the values are."""

    name: str
    arrays: tuple[Array, ...]
    options: dict[str, Any]
    kind: str
    seed: int

    @property
    def exact(self) -> bool:
        """Whether two correct results must be equal to the last bit."""
        if self.options.get("overlap") in ("sum", "mean"):
            return self.options["overlap"] == "sum" and self.kind != "normal"
        return self.name in MOVING or (self.name in EXACT and self.kind != "normal")

    @property
    def exact_grad(self) -> bool:
        """Whether two correct gradients must be equal: sums of normals need not be."""
        inexact = self.options.get("overlap") == "mean"
        return self.name in EXACT and self.kind != "normal" and not inexact

    def grad(self, y: npt.ArrayLike) -> Array:
        """A gradient for the output ``y``: exact numbers unless the data are normal."""
        like = np.asarray(y)
        kind = "normal" if self.kind == "normal" else "integers"
        dtype = np.dtype(np.float64) if like.dtype.kind in "iu" else like.dtype
        return values(np.random.default_rng([self.seed, 1]), like.shape, kind, dtype)


def is_injective(case: Case) -> bool:
    """Whether max_unpool's gradient is PyTorch's: no place with two values, or all of
    them kept."""
    switches = case.arrays[1]
    count = math.prod(switches.shape[2:])
    lines = switches.reshape(math.prod(switches.shape[:2]), count)
    distinct = all(len(set(line)) == len(line) for line in lines.tolist())
    return distinct or case.options["overlap"] in ("sum", "mean")


def kinds_of(name: str, dtype: npt.DTypeLike) -> tuple[str, ...]:
    """The kinds of data that ``name`` is tried on in ``dtype``."""
    if np.dtype(dtype).kind in "iu":
        return ("integers", "ties", *["specials"] * (name in MOVING))
    special = name in MOVING or name in TOLERANT
    return (*FINITE, *["specials"] * special)


@st.composite
def strategy(
    draw: Any,
    name: str,
    dtype: npt.DTypeLike = np.float64,
    torch_legal: bool = True,
    kinds: tuple[str, ...] | None = None,
) -> Case:
    """A case for function ``name``; with ``torch_legal`` one that PyTorch takes too."""
    kind = draw(st.sampled_from(kinds or kinds_of(name, dtype)))
    seed = draw(st.integers(0, 2**16))
    request = Request(draw, np.dtype(dtype), torch_legal, kind, seed)
    arrays, options = MAKERS[name](request)
    return Case(name, arrays, options, kind, seed)
