"""The contract that every backend keeps, runnable on any of them.

A backend's kernels answer as the reference does: equal where values are moved, chosen
or counted, within rounding where they are summed. They leave their inputs alone, give
the same bits twice, and return memory of their own.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..backend import Backend
from ..errors import OptionError
from ..registry import get_backend
from . import dense, sliding, windowing  # noqa: F401  they fill RECIPES
from .agreement import Finding
from .examination import drawn, examine
from .recipes import RECIPES, Call
from .report import ContractReport, Failure, spelled

__all__ = ["ContractReport", "Failure", "check_backend"]


def check_backend(
    name: str | Backend,
    *,
    kernels: Iterable[str] | None = None,
    examples: int = 200,
    seed: int = 0,
) -> ContractReport:
    """Run the contract on a backend: ``examples`` seeded random calls of each kernel.

    Every option is drawn independently per axis: spatial ranks 1 to 3, groups,
    dilation, asymmetric padding, ceil_mode, empty batches, all dtypes, ties, NaN and
    infinities, any memory layout. The answer is judged against the reference.
    ``kernels`` narrows it to some of :class:`Backend`'s methods. Raises BackendError,
    as ``get_backend``, for a backend that is unknown or cannot run here.

    >>> print(check_backend("numpy", kernels=["conv"], examples=50))
    backend 'numpy' meets the contract: 50 cases of 1 kernel, 0 defects (seed 0)
    """
    if examples < 1:
        raise OptionError(f"examples must be at least 1, got {examples}")
    chosen = tuple(RECIPES) if kernels is None else tuple(kernels)
    unknown = [kernel for kernel in chosen if kernel not in RECIPES]
    if unknown:
        raise OptionError(
            f"there is no kernel {unknown[0]!r}: a backend has {', '.join(RECIPES)}"
        )
    backend = name if isinstance(name, Backend) else get_backend(name)
    failures = [
        failure
        for kernel in chosen
        for failure in _checked(backend, kernel, examples, seed)
    ]
    cases = dict.fromkeys(chosen, examples)
    return ContractReport(backend.name, seed, cases, tuple(failures))


def _checked(backend: Backend, kernel: str, examples: int, seed: int) -> list[Failure]:
    found: dict[str, list[tuple[int, int, Call, Finding]]] = {}
    for example in range(examples):
        rng = np.random.default_rng([seed, example, *kernel.encode()])
        call = drawn(kernel, backend.family, rng)
        for finding in examine(backend, kernel, call):
            entry = (_size(call), example, call, finding)
            found.setdefault(finding.defect, []).append(entry)
    failures = []
    for defect, entries in found.items():
        _, example, call, finding = min(entries, key=lambda entry: entry[:2])
        worst = max(entry[-1].error for entry in entries)
        failures.append(
            Failure(
                kernel,
                defect,
                finding.detail,
                spelled(kernel, call),
                example,
                len(entries),
                worst,
            )
        )
    return failures


def _size(call: Call) -> int:
    return sum(a.size for a in call.arguments if isinstance(a, np.ndarray))
