"""What a run of the contract found, as values and as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

from ..backend import Backend
from .recipes import Call


@dataclass(frozen=True)
class Failure:
    """One sort of defect of one kernel, shown by the smallest case that has it.

    ``call`` spells that case, ``detail`` says what was wrong with it; ``cases`` is how
    many had the defect and ``worst`` the largest error among them: a relative L2
    error, or the share of wrong elements where the answer is exact.
    """

    kernel: str
    defect: str
    detail: str
    call: str
    example: int
    cases: int
    worst: float

    def __str__(self) -> str:
        worst = f", worst error {self.worst:.2g}" if self.worst else ""
        return (
            f"{self.kernel}: {self.defect}, in {_counted(self.cases, 'case')}{worst}\n"
            f"    example {self.example}: {self.call}\n"
            f"    {self.detail}"
        )


@dataclass(frozen=True)
class ContractReport:
    """Result of ``check_backend``: how many cases of each kernel ran, what failed.

    ``str()`` of it is for people; the same ``seed`` gives the same cases again.
    """

    backend: str
    seed: int
    cases: Mapping[str, int]
    failures: tuple[Failure, ...]

    @property
    def ok(self) -> bool:
        """Whether the backend met the contract in every case."""
        return not self.failures

    def __str__(self) -> str:
        verdict = "meets" if self.ok else "does not meet"
        head = (
            f"backend {self.backend!r} {verdict} the contract: "
            f"{_counted(sum(self.cases.values()), 'case')} of "
            f"{_counted(len(self.cases), 'kernel')}, "
            f"{_counted(len(self.failures), 'defect')} (seed {self.seed})"
        )
        return "\n".join([head, *map(str, self.failures)])


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def spelled(kernel: str, call: Call) -> str:
    """The call as text, arrays by dtype, shape and strides."""
    names = list(signature(getattr(Backend, kernel)).parameters)[1:]
    given = list(zip(names, call.arguments, strict=False)) + list(call.options.items())
    return f"{kernel}({', '.join(f'{name}={_spelled(v)}' for name, v in given)})"


def _spelled(value: Any) -> str:
    if not hasattr(value, "dtype"):
        return repr(value)
    strides = tuple(step // value.itemsize for step in value.strides)
    return f"{value.dtype} {value.shape} strides {strides}"
