"""What an error bound is made of, for one output of one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..call import Array, Call

Results = tuple[Array, ...]


@dataclass(frozen=True)
class Terms:
    """The parts of ``γ_rounds · A``, as arrays that broadcast against the truth.

    ``A`` is the operation on absolute values, ``n`` how many terms an element has and
    ``rounds`` how many roundings any of them meets; of each term ``products`` factors
    were rounded first, and ``S`` is the root of the sum of squared terms. ``floor`` is
    absolute slack in smallest normal numbers (an exponential that underflows),
    ``jump`` slack in its own right, ``peak`` and ``trough`` the largest and smallest
    number met on the way, ``skip`` marks elements on which correct kernels differ.
    ``bent`` is by what an approximated function of size 1 is multiplied.
    """

    A: Array
    n: Array
    rounds: Array
    products: int = 0
    S: Callable[[], Array] | None = None
    floor: Array | float = 0.0
    jump: Array | float = 0.0
    peak: Array | None = None
    trough: Array | None = None
    skip: Array | None = None
    bent: Array | float = 0.0


Make = Callable[[Call, Results], tuple[Terms | None, ...]]
TERMS: dict[str, Make] = {}


def terms_of(*names: str) -> Callable[[Make], Make]:
    """Register the decorated function as what bounds the operations of these names."""

    def register(make: Make) -> Make:
        for name in names:
            TERMS[name] = make
        return make

    return register
