"""Hypothesis strategies: a public one for every operation, and its data sets.

``strategies.conv()`` draws a :class:`~numpy_deconv.oracle.Case`; ``conv.exact()``,
``conv.bound()``, ``conv.specials()`` and ``conv.tosa_set(3)`` keep to some data. A
gradient is ``strategies.conv_backward``::

    @given(case=oracle.strategies.max_pool(semantics="onnx"))
    def test_my_pool(case):
        got = my_pool(*case.inputs, **case.attrs)
        oracle.assert_conforms(got, case.op, case.inputs, case.attrs, semantics="onnx")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import OptionError
from .drawing import Case, Wishes, draw_case
from .drawing.values import BOUND, EXACT, SPECIALS
from .operations import OPERATIONS, operation
from .semantics import Semantics, semantics_of

try:
    from hypothesis import assume
    from hypothesis import strategies as st
    from hypothesis.strategies import DrawFn, SearchStrategy
except ImportError as error:
    raise OptionError(
        "oracle.strategies needs Hypothesis: pip install hypothesis"
    ) from error

TOSA_SETS = 6


class _Drawn:
    """Choices that Hypothesis makes, and shrinks."""

    def __init__(self, draw: DrawFn) -> None:
        self.taken: dict[str, int] = {}
        self._draw = draw

    def index(self, label: str, count: int) -> int:
        """A number from 0 to ``count - 1``."""
        self.taken[label] = self._draw(st.integers(0, count - 1), label)
        return self.taken[label]


@dataclass(frozen=True)
class Family:
    """The strategies of one operation."""

    op: str

    def __call__(
        self,
        *,
        semantics: Semantics | str = "torch",
        dtypes: Sequence[str] = ("float32",),
        ranks: Sequence[int] = (2, 1, 3),
        layouts: Sequence[str] = ("C",),
        max_elems: int = 20_000,
        kinds: Sequence[str] = (),
        names: Sequence[str] | None = None,
    ) -> SearchStrategy[Case]:
        """Calls with a result; ``names`` are the inputs and attributes to draw."""
        given = tuple(kinds) or EXACT + BOUND
        wishes = Wishes(
            semantics=semantics_of(semantics),
            dtypes=tuple(dtypes),
            ranks=tuple(ranks),
            names=None if names is None else frozenset(names),
            kinds=given,
            max_elems=max_elems,
            layouts=tuple(layouts),
        )
        return _cases(self.op, wishes)

    def exact(self, **options: Any) -> SearchStrategy[Case]:
        """Whole numbers whose sums are exact in any order."""
        return self(kinds=EXACT, **options)

    def bound(self, **options: Any) -> SearchStrategy[Case]:
        """Numbers that round: normal, lognormal, cancelling ..."""
        return self(kinds=BOUND, **options)

    def specials(self, **options: Any) -> SearchStrategy[Case]:
        """NaN, infinities, zeros of both signs, the largest and smallest numbers."""
        return self(kinds=SPECIALS, **options)

    def tosa_set(self, number: int, **options: Any) -> SearchStrategy[Case]:
        """Set 0 to 5 of Arm's TOSA reference model."""
        if number not in range(TOSA_SETS):
            raise OptionError(f"there are TOSA sets 0 to 5, not {number}")
        return self(kinds=(f"tosa{number}",), **options)


@st.composite
def _cases(draw: DrawFn, op: str, wishes: Wishes) -> Case:
    case = draw_case(op, _Drawn(draw), wishes)
    assume(case is not None)
    if case is None:
        raise OptionError(f"no call of {op} was drawn")
    return case


def of(op: str) -> Family:
    """The strategies of the operation of that name, ``"conv.backward"`` for one."""
    return Family(operation(op).name)


def __getattr__(name: str) -> Family:
    """``conv``, ``max_pool``, ``conv_backward`` ..."""
    op = name.removesuffix("_backward") + ".backward" * name.endswith("_backward")
    if op not in OPERATIONS:
        raise AttributeError(f"there is no strategy {name!r}")
    return Family(op)


def __dir__() -> list[str]:
    return sorted({*globals(), *(op.replace(".", "_") for op in OPERATIONS)})
