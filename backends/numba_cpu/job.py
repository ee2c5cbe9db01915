"""A kernel's tasks, shared with threads that wait for them in compiled code.

Waking a thread costs more than a small layer takes. So the threads of a team stay
awake for a moment after each job, watching a word of memory; a job is published there
(the address of a function and of its arguments), everybody who sees it takes tasks
until none is left, and nobody touches Python or its lock meanwhile.

Each thread has a share of the tasks, in order, and takes what others have not begun
when its own is done. So what a layer has written is read by the next one where it still
is in the cache of the same core.

The words of a team, each on cache lines of its own: the number of the OPEN job (0 if
there is none), how many are INSIDE, what the job is, and the NEXT task of each share. A
thread goes inside before it looks at a job a second time, and a job is closed before
its caller waits until nobody is inside: so no argument is read after its call has
returned.
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
from llvmlite import ir

from .compiled import cgutils, compiled, intrinsic, types
from .vectors import I64

LINE = 64  # bytes: what two threads write to lies on lines of its own
OPEN, INSIDE = 0, 2 * LINE
TASKS, PORTION, HELPERS, SHARES, FUNCTION = (4 * LINE + 8 * n for n in range(5))
#: Shares of a job at most: setting their words up takes time, too.
MOST = 32
NEXT = 6 * LINE
ARGUMENTS = NEXT + MOST * LINE
SIZE = ARGUMENTS + 8192  # bytes of a team's words, arguments included

_PAUSE = "llvm.x86.sse2.pause" if platform.machine() in ("x86_64", "AMD64") else ""


def words() -> np.ndarray[Any, Any]:
    """The memory of a team."""
    return np.zeros(SIZE // 8 + LINE // 8, np.int64)


def address(memory: np.ndarray[Any, Any]) -> int:
    """Where a team's words begin in its memory: on a line."""
    start = int(memory.ctypes.data)
    return start + -start % LINE


def beyond(builder: Any, base: Any, offset: Any) -> Any:
    """An address so many bytes further on."""
    offset = ir.Constant(I64, offset) if isinstance(offset, int) else offset
    return builder.add(base, offset)


def at(builder: Any, base: Any, offset: Any) -> Any:
    """A pointer to the word so many bytes further on."""
    return builder.inttoptr(beyond(builder, base, offset), I64.as_pointer())


@intrinsic
def _look(typingctx, team, word):  # type: ignore[no-untyped-def]
    """Read a word that another thread may be writing."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load_atomic(at(builder, *args), "seq_cst", 8)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def _advance(typingctx, team, word, step):  # type: ignore[no-untyped-def]
    """Add to a word; what it was before."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", at(builder, *args[:2]), args[2], "seq_cst")

    return types.int64(types.int64, types.int64, types.int64), codegen


@intrinsic
def _pause(typingctx):  # type: ignore[no-untyped-def]
    """Tell the processor that this thread is only waiting."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pause(builder)
        return context.get_dummy_value()

    return types.void(), codegen


def pause(builder: Any) -> None:
    """Tell the processor that this thread is only waiting."""
    if _PAUSE:
        kind = ir.FunctionType(ir.VoidType(), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, _PAUSE), [])


@intrinsic
def _run(typingctx, team, who):  # type: ignore[no-untyped-def]
    """Call the function of the open job."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        target = builder.load(at(builder, args[0], FUNCTION))
        kind = ir.FunctionType(ir.VoidType(), [I64, I64])
        builder.call(builder.inttoptr(target, kind.as_pointer()), list(args))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@compiled
def serve(team, who, seen, patience):  # type: ignore[no-untyped-def]
    """Take part in jobs as they come; return after ``patience`` looks in vain.

    The number of the last job seen goes in and comes out.
    """
    waited = 0
    while waited < patience:
        number = _look(team, OPEN)
        if number != 0 and number != seen and who <= _look(team, HELPERS):
            _advance(team, INSIDE, 1)
            if _look(team, OPEN) == number:
                seen = number
                _run(team, who)
                waited = 0
            _advance(team, INSIDE, -1)
        _pause()
        waited += 1
    return seen


@compiled
def left(team, patience):  # type: ignore[no-untyped-def]
    """Whether nobody is inside any more, after that many looks at most."""
    for _ in range(patience):
        if _look(team, INSIDE) == 0:
            return True
        _pause()
    return False
