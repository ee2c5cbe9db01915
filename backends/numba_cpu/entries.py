"""How compiled code is entered: one function of the address of a call's words.

The words are a header, if the kernel is shared, and the arguments (``arguments``). What
is called shared takes the tasks of a job, alone or with the threads of a team, whose
words are those of ``job``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from . import job
from .arguments import DATA, HEADER, LENGTHS, STRIDES
from .codegen import bare_flags
from .native import SYMBOL
from .vectors import I64

#: How often a job's caller looks whether all helpers have left, before it gives way.
LOOKS = 1000


def entry_of(
    function: FunctionType, form: str, kinds: tuple[Any, ...]
) -> Callable[[int], int]:
    """The Python function to be compiled, in whose module the entry will be."""

    @intrinsic
    def enter(typingctx, words):  # type: ignore[no-untyped-def]
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            _Entry(context, builder, function, form, kinds).define()
            return args[0]

        return types.int64(types.int64), codegen

    def entry(words):  # type: ignore[no-untyped-def]
        return enter(words)

    entry.__qualname__ = entry.__name__ = f"{function.__name__}_{form}"
    return entry


class _Entry:
    """The entry of one kernel, for arguments of these types."""

    def __init__(
        self,
        context: Any,
        builder: Any,
        function: FunctionType,
        form: str,
        kinds: tuple[Any, ...],
    ):
        self.context, self.module = context, builder.module
        self.shared, self.own = form != "plain", form == "own"
        self.types = kinds
        if self.shared:
            first = kinds[:1]
            if self.own:
                first = (types.Array(first[0].dtype, 1, "C"),)
            kinds = (types.int64, types.int64, *first, *kinds[1:])
        result = types.none if self.shared else None
        self.made = context.compile_subroutine(
            builder, function, signature(result, *kinds), flags=bare_flags()
        )

    def define(self) -> None:
        """Write the function that is entered."""
        function = ir.Function(self.module, ir.FunctionType(I64, [I64]), SYMBOL)
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        words = function.args[0]
        if self.shared:
            self._share(builder, words, self._arguments(builder, words, HEADER))
        else:
            values = self._arguments(builder, words, 0)
            builder.ret(self._whole(builder, self._call(builder, values)))

    def _arguments(self, builder: Any, words: Any, first: int) -> list[Any]:
        """Numba's values from the words of a call, beginning with the ``first``."""
        values = []
        for kind in self.types:
            if isinstance(kind, types.Array):
                values.append(self._array(builder, _word(builder, words, first), kind))
                first += 1
            elif isinstance(kind, types.BaseTuple):
                numbers = [
                    self._number(
                        builder, job.beyond(builder, words, 8 * (first + n)), t
                    )
                    for n, t in enumerate(kind.types)
                ]
                values.append(self.context.make_tuple(builder, kind, numbers))
                first += len(numbers)
            else:
                address = job.beyond(builder, words, 8 * first)
                values.append(self._number(builder, address, kind))
                first += 1
        return values

    def _number(self, builder: Any, address: Any, kind: Any) -> Any:
        if kind == types.boolean:
            byte = builder.load(_pointer(builder, address, ir.IntType(8)))
            return builder.icmp_unsigned("!=", byte, ir.Constant(ir.IntType(8), 0))
        form = self.context.get_value_type(kind)
        return builder.load(_pointer(builder, address, form), align=8)

    def _array(self, builder: Any, instance: Any, kind: Any) -> Any:
        """Numba's array of NumPy's object, whose memory it does not own."""
        array = make_array(kind)(self.context, builder)
        lengths, strides = (
            [
                _word(builder, _word(builder, instance, 0, at), n)
                for n in range(kind.ndim)
            ]
            for at in (LENGTHS, STRIDES)
        )
        data = _word(builder, instance, 0, DATA)
        size = self.context.get_abi_sizeof(self.context.get_data_type(kind.dtype))
        populate_array(
            array,
            data=builder.inttoptr(data, array.data.type),
            shape=lengths,
            strides=strides,
            itemsize=ir.Constant(I64, size),
            meminfo=None,
        )
        return array._getvalue()

    def _call(self, builder: Any, values: list[Any]) -> Any:
        _, result = self.context.call_internal_no_propagate(
            builder, self.made.fndesc, self.made.signature, values
        )
        return result

    def _whole(self, builder: Any, result: Any) -> Any:
        """What a kernel returns, as a whole number."""
        kind = self.made.signature.return_type
        if isinstance(kind, types.Integer | types.Boolean):
            return builder.zext(result, I64) if result.type != I64 else result
        return ir.Constant(I64, 0)

    def _share(self, builder: Any, words: Any, values: list[Any]) -> None:
        """Do all tasks here, or publish them as a job and take part in it."""
        team, number, tasks, portion, helpers = (
            _word(builder, words, n) for n in range(HEADER)
        )
        nobody = ir.Constant(I64, 0)
        alone = builder.icmp_signed("==", helpers, nobody)
        with builder.if_then(alone):
            self._work(builder, nobody, nobody, tasks, values)
            builder.ret(ir.Constant(I64, 1))
        kind = ir.LiteralStructType([value.type for value in values])
        if self.context.get_abi_sizeof(kind) > job.SIZE - job.ARGUMENTS:
            raise ValueError(f"{self.made.fndesc} has too many arguments for a team")
        part = self._part(kind)
        facts = {job.TASKS: tasks, job.PORTION: portion, job.HELPERS: helpers}
        threads = builder.add(helpers, ir.Constant(I64, 1))
        most = ir.Constant(I64, job.MOST)
        few = builder.icmp_signed("<", threads, most)
        shares = builder.select(few, threads, most)
        facts |= {job.SHARES: shares, job.FUNCTION: builder.ptrtoint(part, I64)}
        for word, value in facts.items():
            builder.store(value, job.at(builder, team, word))
        with cgutils.for_range(builder, shares) as share:
            first = _first_of(builder, share.index, shares, tasks)
            builder.store(first, _next_of(builder, team, share.index))
        here = _pointer(builder, job.beyond(builder, team, job.ARGUMENTS), kind)
        packed = ir.Constant(kind, ir.Undefined)
        for n, value in enumerate(values):
            packed = builder.insert_value(packed, value, n)
        builder.store(packed, here, align=8)
        opened = job.at(builder, team, job.OPEN)
        builder.store_atomic(number, opened, "seq_cst", 8)
        builder.call(part, [team, nobody])
        builder.store_atomic(nobody, opened, "seq_cst", 8)
        with cgutils.for_range(builder, ir.Constant(I64, LOOKS)):
            inside = job.at(builder, team, job.INSIDE)
            inside = builder.load_atomic(inside, "seq_cst", 8)
            with builder.if_then(builder.icmp_signed("==", inside, nobody)):
                builder.ret(ir.Constant(I64, 1))
            job.pause(builder)
        builder.ret(nobody)

    def _work(
        self, builder: Any, who: Any, start: Any, stop: Any, values: list[Any]
    ) -> None:
        """Tasks ``start`` to ``stop``, with thread ``who``'s own row of the first."""
        first, *rest = values
        if self.own:
            first = self._row(builder, first, who)
        self._call(builder, [start, stop, first, *rest])

    def _row(self, builder: Any, array: Any, which: Any) -> Any:
        """``array[which]``, an array too."""
        rows = make_array(self.types[0])(self.context, builder, array)
        pitch, step = cgutils.unpack_tuple(builder, rows.strides)
        start = builder.add(builder.ptrtoint(rows.data, I64), builder.mul(which, pitch))
        kind = types.Array(self.types[0].dtype, 1, "C")
        row = make_array(kind)(self.context, builder)
        populate_array(
            row,
            data=builder.inttoptr(start, rows.data.type),
            shape=cgutils.unpack_tuple(builder, rows.shape)[1:],
            strides=[step],
            itemsize=rows.itemsize,
            meminfo=None,
        )
        return row._getvalue()

    def _part(self, kind: Any) -> Any:
        """The function ``(team, who)`` that takes tasks of the open job while there are
        any."""
        function = ir.Function(
            self.module,
            ir.FunctionType(ir.VoidType(), [I64, I64]),
            "numpy_deconv_part",
        )
        function.linkage = "internal"
        team, who = function.args
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        here = _pointer(builder, job.beyond(builder, team, job.ARGUMENTS), kind)
        packed = builder.load(here, align=8)
        values = [builder.extract_value(packed, n) for n in range(len(self.types))]
        tasks, portion, shares = (
            builder.load(job.at(builder, team, word))
            for word in (job.TASKS, job.PORTION, job.SHARES)
        )
        # one's own share first, then those of the others
        with cgutils.for_range(builder, shares) as looked_at:
            share = builder.urem(builder.add(who, looked_at.index), shares)
            after = builder.add(share, ir.Constant(I64, 1))
            end = _first_of(builder, after, shares, tasks)
            following = _next_of(builder, team, share)
            take, work, done = map(builder.append_basic_block, ("take", "work", "done"))
            builder.branch(take)
            builder.position_at_end(take)
            start = builder.atomic_rmw("add", following, portion, "seq_cst")
            builder.cbranch(builder.icmp_signed("<", start, end), work, done)
            builder.position_at_end(work)
            stop = builder.add(start, portion)
            stop = builder.select(builder.icmp_signed("<", stop, end), stop, end)
            self._work(builder, who, start, stop, values)
            builder.branch(take)
            builder.position_at_end(done)
        builder.ret_void()
        return function


def _first_of(builder: Any, share: Any, shares: Any, tasks: Any) -> Any:
    """The first task of a share."""
    return builder.sdiv(builder.mul(share, tasks), shares)


def _next_of(builder: Any, team: Any, share: Any) -> Any:
    """Where it stands which task of a share is next."""
    line = builder.mul(share, ir.Constant(I64, job.LINE))
    return job.at(builder, job.beyond(builder, team, job.NEXT), line)


def _pointer(builder: Any, address: Any, kind: Any) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


def _word(builder: Any, address: Any, number: int, offset: int = 0) -> Any:
    """The word that lies so many words and bytes beyond an address."""
    here = job.beyond(builder, address, 8 * number + offset)
    return builder.load(_pointer(builder, here, I64), align=8)
