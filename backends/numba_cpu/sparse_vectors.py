"""The two pieces of a product with mostly zeros: finding what is not, and adding it.

What is found of a pixel's channels is a list, values and channel numbers; a block of
accumulators, some rows of some vectors, then stays in registers while the list is gone
through: ``sums[r, :] += value * weight[channel, r, :]`` for each of its entries.
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
#: Whether a vector is compressed in a register and stored whole: compressing to memory
#: takes AMD's processors ten times as long. Without an instruction for either, a store
#: for each lane (LLVM's way to write only some) is the least.
IN_REGISTERS = UNIT.width == 64 and binding.llvm_version_info >= (20, 0, 0)
#: Rows of a block: more would not help, and be compiled for nothing.
MOST_ROWS = 6


def rows_beside(vectors: int) -> int:
    """How many rows of so many vectors are one block."""
    return min(MOST_ROWS, ACCUMULATORS // vectors)


@intrinsic
def collect(typingctx, x, x_at, channel, store, found):  # type: ignore[no-untyped-def]
    """Append what is not zero of a vector of ``x``, and the numbers of its channels.

    ``store`` holds values from its beginning on, and channel numbers as 32-bit integers
    from its middle on; ``found`` are in there. Returns how many there are then; a
    vector more than that may have been written.
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
        array = context.make_array(sig.args[3])(context, builder, args[3])
        length = builder.extract_value(array.shape, 0)
        target = builder.ptrtoint(array.data, I64)
        middle = builder.mul(builder.lshr(length, _one()), ir.Constant(I64, code.size))
        _compress(code, values, builder.add(target, code.bytes_of(args[4])), mask)
        at = builder.add(target, middle)
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


def _one() -> Any:
    return ir.Constant(I64, 1)


def _block_function(module: Any, rows: int, vectors: int, element: types.Float) -> Any:
    """LLVM function for one shape of block; addresses and strides in bytes."""
    name = f"numpy_deconv_sparse_{rows}x{vectors}_f{element.bitwidth}"
    if name in module.globals:
        return module.globals[name]
    kind = ir.FunctionType(ir.VoidType(), [I64] * 7)
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    entries, values, numbers, weight, pitch, sums, line = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    code = Code(builder, element)
    register = code.lanes * code.size
    places = []
    for _ in range(rows):
        for v in range(vectors):
            places.append(builder.add(sums, ir.Constant(I64, v * register)))
        sums = builder.add(sums, line)
    before = [code.load(place) for place in places]
    entry, loop, done = (
        builder.block,
        function.append_basic_block("loop"),
        function.append_basic_block("done"),
    )
    builder.branch(loop)
    builder.position_at_end(loop)
    j = builder.phi(I64)
    j.add_incoming(ir.Constant(I64, 0), entry)
    totals = [builder.phi(code.vector) for _ in places]
    for total, value in zip(totals, before, strict=True):
        total.add_incoming(value, entry)
    value = code.load_one(builder.add(values, code.bytes_of(j)))
    number = builder.add(numbers, builder.mul(j, ir.Constant(I64, 4)))
    number = builder.zext(builder.load(code.pointer(number, I32)), I64)
    row = builder.add(weight, builder.mul(number, pitch))
    spread = code.spread(value)
    after = []
    for n, total in enumerate(totals):
        there = code.load(builder.add(row, ir.Constant(I64, n * register)))
        after.append(code.multiply_add(spread, there, total))
    following = builder.add(j, _one())
    j.add_incoming(following, loop)
    for total, value in zip(totals, after, strict=True):
        total.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, entries), loop, done)
    builder.position_at_end(done)
    for value, place in zip(after, places, strict=True):
        code.store(value, place)
    builder.ret_void()
    return function


@intrinsic
def add_block(  # type: ignore[no-untyped-def]
    typingctx, rows, vectors, store, found, weight, at, pitch, sums, sums_at, line
):
    """``rows x vectors`` of ``sums`` plus the ``found`` entries of ``store``.

    Entry ``(value, channel)`` adds ``value`` times what lies in ``weight`` at ``at +
    channel * pitch``, row after row. Rows of ``sums`` are ``line`` elements apart.
    ``found`` is at least 1.
    """
    i8 = types.int64
    signature = types.void(i8, i8, store, i8, weight, i8, i8, sums, i8, i8)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, sums.dtype)
        array = context.make_array(sig.args[2])(context, builder, args[2])
        length = builder.extract_value(array.shape, 0)
        values = builder.ptrtoint(array.data, I64)
        middle = builder.mul(builder.lshr(length, _one()), ir.Constant(I64, code.size))

        def address(position: int, offset: int) -> Any:
            base = address_of(context, builder, sig.args[position], args[position])
            return builder.add(base, code.bytes_of(args[offset]))

        operands = [
            args[3], values, builder.add(values, middle), address(4, 5),
            code.bytes_of(args[6]), address(7, 8), code.bytes_of(args[9]),
        ]  # fmt: skip
        end = builder.append_basic_block("added")
        shape = builder.add(builder.mul(args[0], ir.Constant(I64, 32)), args[1])
        choice = builder.switch(shape, end)
        for width in WIDTHS:
            for height in range(1, rows_beside(width) + 1):
                part = _block_function(builder.module, height, width, sums.dtype)
                case = builder.append_basic_block(f"block_{height}x{width}")
                choice.add_case(ir.Constant(I64, height * 32 + width), case)
                with builder.goto_block(case):
                    builder.call(part, operands)
                    builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return signature, codegen
