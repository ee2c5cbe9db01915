"""A kernel's tasks, shared with threads that wait for them in compiled code.

Waking a thread costs more than a small layer takes. So the threads of a team stay
awake for a moment after each job, watching a word of memory; a job is published there
(the address of a function and of its arguments), everybody who sees it takes tasks
until none is left, and nobody touches Python or its lock meanwhile.

The words of a team, each on cache lines of its own: the number of the OPEN job (0 if
there is none), the NEXT task, how many are INSIDE, and what the job is. A thread goes
inside before it looks at a job a second time, and a job is closed before its caller
waits until nobody is inside: so no argument is read after its call has returned.
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.compiler import Flags
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from .compiled import compiled
from .vectors import I64

LINE = 64  # bytes: what two threads write to lies on lines of its own
OPEN, NEXT, INSIDE = 0, 2 * LINE, 4 * LINE
TASKS, PORTION, HELPERS, FUNCTION = (6 * LINE + 8 * n for n in range(4))
ARGUMENTS = 8 * LINE
SIZE = ARGUMENTS + 8192  # bytes of a team's words, arguments included

_PAUSE = "llvm.x86.sse2.pause" if platform.machine() in ("x86_64", "AMD64") else ""


def words() -> np.ndarray[Any, Any]:
    """The memory of a team."""
    return np.zeros(SIZE // 8 + LINE // 8, np.int64)


def address(memory: np.ndarray[Any, Any]) -> int:
    """Where a team's words begin in its memory: on a line."""
    start = int(memory.ctypes.data)
    return start + -start % LINE


def _beyond(builder: Any, base: Any, offset: Any) -> Any:
    offset = ir.Constant(I64, offset) if isinstance(offset, int) else offset
    return builder.add(base, offset)


def _at(builder: Any, base: Any, offset: Any) -> Any:
    return builder.inttoptr(_beyond(builder, base, offset), I64.as_pointer())


@intrinsic
def _look(typingctx, team, word):  # type: ignore[no-untyped-def]
    """Read a word that another thread may be writing."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load_atomic(_at(builder, *args), "seq_cst", 8)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def _advance(typingctx, team, word, step):  # type: ignore[no-untyped-def]
    """Add to a word; what it was before."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _at(builder, *args[:2]), args[2], "seq_cst")

    return types.int64(types.int64, types.int64, types.int64), codegen


@intrinsic
def _pause(typingctx):  # type: ignore[no-untyped-def]
    """Tell the processor that this thread is only waiting."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if _PAUSE:
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(
                cgutils.get_or_insert_function(builder.module, kind, _PAUSE), []
            )
        return context.get_dummy_value()

    return types.void(), codegen


class _Kernel:
    """A kernel as a part of the function that shares it: compiled there, only there."""

    def __init__(
        self, context: Any, builder: Any, dispatcher: Any, args: Any, own: bool
    ):
        self.context, self.own = context, own
        self.kinds = args.types
        first = self.kinds[:1]
        if own:
            first = (types.Array(first[0].dtype, 1, "C"),)
        kinds = (types.int64, types.int64, *first, *self.kinds[1:])
        self.signature = types.none(*kinds)
        flags = Flags()
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        flags.error_model = "numpy"
        function = dispatcher.py_func
        self.made = context.compile_subroutine(
            builder, function, self.signature, flags=flags
        )

    def call(self, builder: Any, who: Any, start: Any, stop: Any, args: Any) -> None:
        """Tasks ``start`` to ``stop``, with thread ``who``'s own row of the first."""
        first, *rest = (builder.extract_value(args, n) for n in range(len(self.kinds)))
        if self.own:
            first = self._row(builder, first, who)
        values = (start, stop, first, *rest)
        self.context.call_internal_no_propagate(
            builder, self.made.fndesc, self.signature, values
        )

    def _row(self, builder: Any, array: Any, which: Any) -> Any:
        """``array[which]``, an array too."""
        rows = make_array(self.kinds[0])(self.context, builder, array)
        pitch, step = cgutils.unpack_tuple(builder, rows.strides)
        start = builder.add(builder.ptrtoint(rows.data, I64), builder.mul(which, pitch))
        row = make_array(self.signature.args[2])(self.context, builder)
        populate_array(
            row,
            data=builder.inttoptr(start, rows.data.type),
            shape=cgutils.unpack_tuple(builder, rows.shape)[1:],
            strides=[step],
            itemsize=rows.itemsize,
            meminfo=None,
        )
        return row._getvalue()


def _part(kernel: _Kernel, module: Any, arguments: Any) -> Any:
    """The function ``(team, who)`` that takes tasks of the open job while there are."""
    function = ir.Function(
        module,
        ir.FunctionType(ir.VoidType(), [I64, I64]),
        f"numpy_deconv_part_{len(module.globals)}",
    )
    function.linkage = "internal"
    team, who = function.args
    names = ("entry", "work", "done")
    entry, work, done = (function.append_basic_block(name) for name in names)
    builder = ir.IRBuilder(entry)
    here = builder.inttoptr(_beyond(builder, team, ARGUMENTS), arguments.as_pointer())
    args = builder.load(here, align=8)
    tasks, portion = (builder.load(_at(builder, team, n)) for n in (TASKS, PORTION))

    def take() -> tuple[Any, Any]:
        start = builder.atomic_rmw("add", _at(builder, team, NEXT), portion, "seq_cst")
        return start, builder.icmp_signed("<", start, tasks)

    first, some = take()
    builder.cbranch(some, work, done)
    builder.position_at_end(work)
    start = builder.phi(I64)
    start.add_incoming(first, entry)
    stop = builder.add(start, portion)
    stop = builder.select(builder.icmp_signed("<", stop, tasks), stop, tasks)
    kernel.call(builder, who, start, stop, args)
    following, more = take()
    start.add_incoming(following, builder.block)
    builder.cbranch(more, work, done)
    builder.position_at_end(done)
    builder.ret_void()
    return function


def _sharing(own: bool) -> Any:
    """The intrinsic that does a kernel's tasks, alone or with a team's help."""

    @intrinsic
    def sharing(  # type: ignore[no-untyped-def]
        typingctx, team, number, tasks, portion, helpers, kernel, args
    ):
        i = types.int64
        signature = types.void(i, i, i, i, i, kernel, args)

        def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            team, number, tasks, portion, helpers, _, args_ = values
            arguments = context.get_value_type(args)
            if context.get_abi_sizeof(arguments) > SIZE - ARGUMENTS:
                raise ValueError(f"{kernel} has too many arguments for a team")
            called = _Kernel(context, builder, kernel.dispatcher, args, own)
            part = _part(called, builder.module, arguments)
            nobody = ir.Constant(I64, 0)
            alone = builder.icmp_signed("==", helpers, nobody)
            with builder.if_else(alone) as (by_itself, together):
                with by_itself:
                    called.call(builder, nobody, nobody, tasks, args_)
                with together:
                    facts = {TASKS: tasks, PORTION: portion, HELPERS: helpers}
                    facts |= {NEXT: nobody, FUNCTION: builder.ptrtoint(part, I64)}
                    for word, value in facts.items():
                        builder.store(value, _at(builder, team, word))
                    here = _beyond(builder, team, ARGUMENTS)
                    here = builder.inttoptr(here, arguments.as_pointer())
                    builder.store(args_, here, align=8)
                    opened = _at(builder, team, OPEN)
                    builder.store_atomic(number, opened, "seq_cst", 8)
                    builder.call(part, [team, nobody])
                    builder.store_atomic(nobody, opened, "seq_cst", 8)
            return context.get_dummy_value()

        return signature, codegen

    return sharing


_sharing_alike, _sharing_with_own = _sharing(False), _sharing(True)


def share(team, number, tasks, portion, helpers, *args):  # type: ignore[no-untyped-def]
    """Do all tasks of ``kernel``, a global of every copy of this function.

    ``number`` is another for every job of a team, none 0. With no ``helpers``, the
    team's words are not touched.
    """
    _sharing_alike(team, number, tasks, portion, helpers, kernel, args)  # type: ignore[name-defined]  # noqa: F821


def share_with_own(  # type: ignore[no-untyped-def]
    team, number, tasks, portion, helpers, *args
):
    """:func:`share`; of the first argument everybody's call gets a row of its own."""
    _sharing_with_own(team, number, tasks, portion, helpers, kernel, args)  # type: ignore[name-defined]  # noqa: F821


@intrinsic
def _run(typingctx, team, who):  # type: ignore[no-untyped-def]
    """Call the function of the open job."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        target = builder.load(_at(builder, args[0], FUNCTION))
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
