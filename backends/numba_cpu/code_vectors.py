"""Adding up, in vectors along the channels, the values whose codes name a tap."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .compiled import cgutils, intrinsic, types
from .vectors import I64, Code, address_of

I8 = ir.IntType(8)


@intrinsic
def add_named(  # type: ignore[no-untyped-def]
    typingctx, x, x_at, codes, codes_at, tap, y, y_at, y_step, pixels, channels
):
    """Where the code is ``tap``, the value is added to a pixel of ``y``.

    ``pixels`` neighbours, of ``channels`` values and codes each, belong to pixels that
    are ``y_step`` elements apart.
    """
    i8 = types.int64
    signature = types.void(x, i8, codes, i8, i8, y, i8, i8, i8, i8)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, y.dtype)

        def start(array: int, at: Any, size: int) -> Any:
            base = address_of(context, builder, sig.args[array], args[array])
            return builder.add(base, builder.mul(at, ir.Constant(I64, size)))

        bases = [
            start(n, args[n + 1], size) for n, size in ((0, code.size), (2, 1))
        ] + [start(5, args[6], code.size)]
        operands = [
            *bases, builder.trunc(args[4], I8), code.bytes_of(args[7]), *args[8:10]
        ]  # fmt: skip
        builder.call(_function(builder.module, y.dtype), operands)
        return context.get_dummy_value()

    return signature, codegen


def _function(module: Any, element: types.Float) -> Any:
    """A function of its own, called rather than inlined: all it uses stays in
    registers. Addresses and steps in bytes."""
    name = f"numpy_deconv_add_named_f{element.bitwidth}"
    if name in module.globals:
        return module.globals[name]
    kind = ir.FunctionType(ir.VoidType(), [I64] * 3 + [I8] + [I64] * 3)
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    x, codes, y, tap, step, pixels, channels = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    code = Code(builder, element)
    whole = builder.and_(channels, ir.Constant(I64, -code.lanes))
    wanted = code.in_every_lane(tap, ir.VectorType(I8, code.lanes))
    with cgutils.for_range(builder, pixels) as pixel:
        passed = builder.mul(pixel.index, channels)
        values = builder.add(x, code.bytes_of(passed))
        marks = builder.add(codes, passed)
        target = builder.add(y, builder.mul(pixel.index, step))
        for first, stop, lanes in ((I64(0), whole, code.lanes), (whole, channels, 1)):
            with cgutils.for_range_slice(
                builder, first, stop, I64(lanes), intp=I64
            ) as (channel, _):
                offset = code.bytes_of(channel)
                here, there = (builder.add(b, offset) for b in (values, target))
                mark = builder.add(marks, channel)
                _add(code, here, mark, there, wanted if lanes > 1 else tap)
    builder.ret_void()
    return function


def _add(code: Code, value: Any, mark: Any, target: Any, wanted: Any) -> None:
    """A vector or a single number, which the kind of ``wanted`` tells."""
    builder, vector = code.builder, isinstance(wanted.type, ir.VectorType)
    load = code.load if vector else code.load_one
    marks = builder.load(code.pointer(mark, wanted.type), align=1)
    old = load(target)
    new = builder.fadd(old, load(value))
    hit = builder.icmp_unsigned("==", marks, wanted)
    there = code.pointer(target, old.type)
    builder.store(builder.select(hit, new, old), there, align=code.size)
