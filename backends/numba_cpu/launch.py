"""A kernel's call with everything said of it but its arrays.

Small layers are many, and what :func:`.team.spread` finds out anew in each call (the
kinds of the arguments, the code for them, their words) takes longer than such a layer.
A plan knows it beforehand: arrays come first, each of a dtype that it promises, and
what follows them stays the same. To the kernel an array is flat memory from its first
element on, however it lies: one that is not flat is for kernels that know its pitch,
and do not ask for its length.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

import numpy as np

from .arguments import Kinds, packed_words
from .compiled import Kernel
from .team import rows, share, size

Array = np.ndarray[Any, Any]


class Launch:
    """``kernel(start, stop, [own,] *arrays, *rest)`` for all tasks, on all threads.

    ``scratch`` and ``alone`` as in :func:`.team.spread`.
    """

    __slots__ = (
        "_code", "alone", "kernel", "kinds", "rest", "scratch", "tasks", "words",
    )  # fmt: skip

    def __init__(
        self,
        kernel: Kernel,
        tasks: int,
        dtypes: tuple[np.dtype[Any], ...],
        *rest: Any,
        scratch: tuple[int, Any] | None = None,
        alone: bool = False,
    ):
        self.kernel, self.tasks, self.alone = kernel, tasks, alone
        self.rest = rest  # holds the arrays whose addresses are among the words
        self.scratch = scratch
        kinds, self.words = packed_words(rest)
        own = () if scratch is None else ((np.dtype(scratch[1]), 2, True),)
        flat = tuple((dtype, 1, True) for dtype in dtypes)
        self.kinds: Kinds = (*own, *flat, *kinds)
        self._code: Callable[[bytes], int] | None = None

    def __call__(self, *arrays: Array) -> None:
        threads = 1 if self.alone else min(size(), self.tasks)
        if self.scratch is not None:
            arrays = rows(threads, *self.scratch), *arrays
        code = self._code
        if code is None:
            form = "shared" if self.scratch is None else "own"
            code = self._code = self.kernel.entry(form, self.kinds).call
        addresses = _ADDRESSES[len(arrays)](*map(id, arrays))
        share(code, self.tasks, threads, addresses + self.words)


#: What packs so many addresses.
_ADDRESSES = [Struct(f"={count}q").pack for count in range(12)]
