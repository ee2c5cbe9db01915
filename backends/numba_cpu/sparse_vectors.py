"""The two pieces of a product with mostly zeros: finding what is not, and adding it.

What is found of a pixel's channels is a list, values and channel numbers. The lists of
neighbours, one pixel or :data:`GROUP`, lie side by side behind the number of the first
pixel and their lengths. A block of accumulators, some rows of some vectors, stays in
registers while they are gone through: ``value * weight[channel, r, :]`` for each entry.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir

from .compiled import intrinsic, types
from .vectors import I32, I64, UNIT, Code, address_of

#: Accumulators of the largest block; a factor needs a register, a weight may need one.
ACCUMULATORS = 24 if UNIT.registers == 32 else 12
#: Vectors that a row of a block may have; any number is a sum of some of these.
WIDTHS = tuple(w for w in (24, 12, 8, 6, 4, 3, 2, 1) if w <= ACCUMULATORS)
#: Pixels whose sums are added up together where they overlap.
GROUP = 4 if UNIT.registers == 32 else 2
#: Neighbouring taps of a block for a group.
TAPS = (2, 3, 4, 5, 6)
#: Whether a vector is compressed in a register and stored whole: compressing to memory
#: takes AMD's processors ten times as long. Without an instruction for either, a store
#: for each lane (LLVM's way to write only some) is the least.
IN_REGISTERS = UNIT.width == 64 and binding.llvm_version_info >= (20, 0, 0)
#: Rows of a block: more would not help, and be compiled for nothing.
MOST_ROWS = 6


def rows_beside(vectors: int, group: int) -> int:
    """How many rows of so many vectors, for so many pixels, are one block."""
    return min(MOST_ROWS, ACCUMULATORS // (vectors + group - 1))


@intrinsic
def collect(typingctx, x, x_at, channel, store, found):  # type: ignore[no-untyped-def]
    """Append what is not zero of a vector of ``x``, and the numbers of its channels.

    ``store`` holds values from its beginning on, and channel numbers as 32-bit integers
    from its middle on; ``found`` entries are in there. Returns how many there are then;
    a vector more than that may have been written.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, x.dtype)
        base = address_of(context, builder, sig.args[0], args[0])
        values = code.load(builder.add(base, code.bytes_of(args[1])))
        mask = builder.fcmp_unordered("!=", values, code.number(0.0))
        numbers = ir.VectorType(I32, code.lanes)
        first = builder.insert_element(
            ir.Constant(numbers, ir.Undefined),
            builder.trunc(args[2], I32),
            ir.Constant(I32, 0),
        )
        nowhere = ir.Constant(numbers, [0] * code.lanes)
        channels = builder.add(
            builder.shuffle_vector(first, first, nowhere),
            ir.Constant(numbers, list(range(code.lanes))),
        )
        target = address_of(context, builder, sig.args[3], args[3])
        _compress(code, values, builder.add(target, code.bytes_of(args[4])), mask)
        at = _numbers(context, builder, sig.args[3], args[3])
        at = builder.add(at, builder.mul(args[4], ir.Constant(I64, 4)))
        _compress(code, channels, at, mask)
        bits = builder.bitcast(mask, ir.IntType(code.lanes))
        count = builder.zext(builder.ctpop(bits), I64)
        return builder.add(args[4], count)

    i8 = types.int64
    return types.int64(x, i8, i8, store, i8), codegen


def _compress(code: Code, values: Any, address: Any, mask: Any) -> None:
    """Store the chosen lanes side by side, in a whole vector or in what they take."""
    kind, builder, module = values.type, code.builder, code.builder.module
    name = f"v{kind.count}{'i' if kind.element == I32 else 'f'}"
    name += "32" if kind.element in (I32, ir.FloatType()) else "64"
    if IN_REGISTERS:
        name = f"llvm.experimental.vector.compress.{name}"
        signature = ir.FunctionType(kind, [kind, mask.type, kind])
        function = module.globals.get(name) or ir.Function(module, signature, name)
        rest = ir.Constant(kind, ir.Undefined)
        code.store(builder.call(function, [values, mask, rest]), address)
        return
    name = f"llvm.masked.compressstore.{name}"
    pointer = kind.element.as_pointer()
    signature = ir.FunctionType(ir.VoidType(), [kind, pointer, mask.type])
    function = module.globals.get(name) or ir.Function(module, signature, name)
    builder.call(function, [values, builder.inttoptr(address, pointer), mask])


@intrinsic
def note(typingctx, store, at, number):  # type: ignore[no-untyped-def]
    """Put a number where an entry has its channel's."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = _numbers(context, builder, sig.args[0], args[0])
        place = builder.add(place, builder.mul(args[1], ir.Constant(I64, 4)))
        pointer = builder.inttoptr(place, I32.as_pointer())
        builder.store(builder.trunc(args[2], I32), pointer)
        return context.get_dummy_value()

    return types.void(store, types.int64, types.int64), codegen


@intrinsic
def noted(typingctx, store, at):  # type: ignore[no-untyped-def]
    """A number that was put there."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _number(
            builder, _numbers(context, builder, sig.args[0], args[0]), args[1]
        )

    return types.int64(store, types.int64), codegen


def _number(builder: Any, numbers: Any, at: Any) -> Any:
    place = builder.add(numbers, builder.mul(at, ir.Constant(I64, 4)))
    pointer = builder.inttoptr(place, I32.as_pointer())
    return builder.zext(builder.load(pointer), I64)


def _numbers(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """The address of channel numbers: the middle of the store."""
    made = context.make_array(kind)(context, builder, array)
    length = builder.extract_value(made.shape, 0)
    middle = builder.mul(builder.lshr(length, _one()), _size_of(kind))
    return builder.add(builder.ptrtoint(made.data, I64), middle)


def _size_of(kind: Any) -> Any:
    return ir.Constant(I64, kind.dtype.bitwidth // 8)


def _one() -> Any:
    return ir.Constant(I64, 1)


def _lists_function(
    module: Any, rows: int, vectors: int, group: int, element: types.Float
) -> Any:
    """LLVM function for one shape of block; addresses and strides in bytes."""
    name = f"numpy_deconv_sparse_{rows}x{vectors}_{group}_f{element.bitwidth}"
    if name in module.globals:
        return module.globals[name]
    kind = ir.FunctionType(ir.VoidType(), [I64] * 10)
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    at, end, values, numbers, weight, pitch, sums, line, apart, hop = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    code = Code(builder, element)
    entry, lists, done = (
        builder.block, *(function.append_basic_block(n) for n in ("lists", "done")),
    )  # fmt: skip

    builder.cbranch(builder.icmp_signed("<", at, end), lists, done)
    builder.position_at_end(lists)
    here = builder.phi(I64)
    here.add_incoming(at, entry)
    place = builder.mul(_number(builder, numbers, here), hop)
    place = builder.add(sums, place)
    wide = vectors + group - 1
    totals = [code.number(0.0)] * (rows * wide)
    j = builder.add(here, ir.Constant(I64, 1 + group))
    for p in range(group):
        length = builder.add(here, ir.Constant(I64, 1 + p))
        length = _number(builder, numbers, length)
        which = [r * wide + p + v for r in range(rows) for v in range(vectors)]
        chosen = [totals[n] for n in which]
        j, added = _list_added(code, j, length, chosen, values, numbers, weight, pitch)
        for n, total in zip(which, added, strict=True):
            totals[n] = total

    for r in range(rows):
        there = place
        for v in range(wide):
            value = builder.fadd(code.load(there), totals[r * wide + v])
            code.store(value, there)
            there = builder.add(there, apart)
        place = builder.add(place, line)
    here.add_incoming(j, builder.block)
    builder.cbranch(builder.icmp_signed("<", j, end), lists, done)
    builder.position_at_end(done)
    builder.ret_void()
    return function


def _list_added(
    code: Code, first: Any, length: Any, totals: list[Any], *addresses: Any
) -> tuple[Any, list[Any]]:
    """Where the list ends, and the totals with what it adds to them."""
    values, numbers, weight, pitch = addresses
    builder = code.builder
    before, function = builder.block, builder.function
    loop, after = (function.append_basic_block(n) for n in ("loop", "after"))
    end = builder.add(first, length)

    def row_of(entry: Any) -> Any:
        number = _number(builder, numbers, entry)
        return builder.add(weight, builder.mul(number, pitch))

    # Known two entries before it is needed, which may be beyond the list: loads from an
    # address that was itself just loaded are fewer per cycle.
    rows = row_of(first), row_of(builder.add(first, _one()))
    builder.cbranch(builder.icmp_signed("<", first, end), loop, after)

    builder.position_at_end(loop)
    j, row, next_row = (builder.phi(I64) for _ in range(3))
    sums = [builder.phi(code.vector) for _ in totals]
    later = row_of(builder.add(j, I64(2)))
    spread = code.spread(code.load_one(builder.add(values, code.bytes_of(j))))
    more = []
    for n, each in enumerate(sums):
        ahead = ir.Constant(I64, n * code.lanes * code.size)
        there = code.load(builder.add(row, ahead))
        more.append(code.multiply_add(spread, there, each))
    following = builder.add(j, _one())
    builder.cbranch(builder.icmp_signed("<", following, end), loop, after)

    builder.position_at_end(after)
    found = [builder.phi(code.vector) for _ in totals]
    starts = first, *rows, *totals
    steps = following, next_row, later, *more
    phis = zip([j, row, next_row, *sums], starts, steps, strict=True)
    for phi, start, step in [*phis, *zip(found, totals, more, strict=True)]:
        phi.add_incoming(start, before)
        phi.add_incoming(step, loop)
    return end, found


@intrinsic
def add_lists(  # type: ignore[no-untyped-def]
    typingctx, group, rows, vectors, store, start, stop, weight, at, pitch, sums,
    sums_at, line, apart, hop,
):  # fmt: skip
    """``rows x vectors`` of ``sums`` for each pixel listed from ``start`` to ``stop``.

    A list's entry ``(value, channel)`` adds ``value`` times what lies in ``weight`` at
    ``at + channel * pitch``, row after row. Rows of sums are ``line`` elements apart,
    vectors ``apart`` and pixels ``hop``, which is the same in a group.
    """
    i8 = types.int64
    signature = types.void(
        i8, i8, i8, store, i8, i8, weight, i8, i8, sums, i8, i8, i8, i8
    )

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, sums.dtype)

        def address(position: int, offset: int) -> Any:
            base = address_of(context, builder, sig.args[position], args[position])
            return builder.add(base, code.bytes_of(args[offset]))

        operands = [
            args[4], args[5], address_of(context, builder, sig.args[3], args[3]),
            _numbers(context, builder, sig.args[3], args[3]), address(6, 7),
            code.bytes_of(args[8]), address(9, 10),
            *(code.bytes_of(each) for each in args[11:]),
        ]  # fmt: skip
        end = builder.append_basic_block("added")
        shape = builder.add(builder.mul(args[0], I64(32)), args[1])
        shape = builder.add(builder.mul(shape, I64(32)), args[2])
        choice = builder.switch(shape, end)
        for width, many in [(w, 1) for w in WIDTHS] + [(w, GROUP) for w in TAPS]:
            for height in range(1, rows_beside(width, many) + 1):
                part = _lists_function(builder.module, height, width, many, sums.dtype)
                case = builder.append_basic_block(f"block_{height}x{width}_{many}")
                choice.add_case(I64((many * 32 + height) * 32 + width), case)
                with builder.goto_block(case):
                    builder.call(part, operands)
                    builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return signature, codegen
