"""The register tile: a few rows times one panel, accumulated without touching memory.

``C[r, :] = clip(start[:] + sum over t, k of A[r, t, k] * B[t, k, :])`` for up to
``ROWS`` rows and ``columns`` columns. A row's elements are read one by one and
multiplied with a vector of columns, so that A is used where it lies: the pixels of an
image as well as the rows of a matrix. The taps ``t`` are found through a table of
offsets, which is all that a convolution is (an "implicit" matrix product).

The tile keeps ``rows x 2`` accumulators in registers, nearly all there are, which makes
it bound by arithmetic and not by loads: Goto & van de Geijn 2008.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .compiled import inlined, intrinsic, types
from .storing import store_rows, within_bounds
from .vectors import I64, UNIT, Code, address_of

#: Rows of the largest tile. Two accumulators each, and room for B's and A's operands;
#: AVX-512 spreads A's out on the way from memory, and needs no register for them.
ROWS = (14 if UNIT.width == 64 else 12) if UNIT.registers == 32 else 6
VECTORS = 2
#: How many rows share a base address, so that addresses do not use up the registers.
_ROWS_PER_BASE = 3
LINE = 64  # bytes of a cache line

_FIELDS = (
    *("a", "lda", "a_step", "a_offsets", "b", "b_step", "b_offsets"),
    *("taps", "depth", "c", "ldc", "start", "low", "high", "ahead", "last", "past"),
)


def _tile_function(module: Any, rows: int, vectors: int, element: types.Float) -> Any:
    """LLVM function for one shape of tile; all addresses and strides in bytes."""
    number = ir.FloatType() if element.bitwidth == 32 else ir.DoubleType()
    kinds = [number if field in ("low", "high") else I64 for field in _FIELDS]
    name = f"numpy_deconv_tile_{rows}x{vectors}_f{element.bitwidth}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    at = dict(zip(_FIELDS, function.args, strict=True))
    entry, tap, step, tap_end, done = (
        function.append_basic_block(label)
        for label in ("entry", "tap", "step", "tap_end", "done")
    )
    builder = ir.IRBuilder(entry)
    code = Code(builder, element)
    one, zero = ir.Constant(I64, 1), ir.Constant(I64, 0)
    register = code.lanes * code.size

    def plus(address: Any, offset: int) -> Any:
        return builder.add(address, ir.Constant(I64, offset)) if offset else address

    start = [code.load(plus(at["start"], v * register)) for v in range(vectors)]
    multiples = [zero]
    for _ in range(_ROWS_PER_BASE):
        multiples.append(builder.add(multiples[-1], at["lda"]))
    builder.branch(tap)

    builder.position_at_end(tap)
    t = builder.phi(I64)
    t.add_incoming(zero, entry)
    before = [[builder.phi(code.vector) for _ in start] for _ in range(rows)]
    for row in before:
        for phi, value in zip(row, start, strict=True):
            phi.add_incoming(value, entry)
    index = builder.mul(t, ir.Constant(I64, 8))
    a_tap = builder.load(code.pointer(builder.add(at["a_offsets"], index), I64))
    b_tap = builder.load(code.pointer(builder.add(at["b_offsets"], index), I64))
    bases = [builder.add(at["a"], code.bytes_of(a_tap))]
    while len(bases) * _ROWS_PER_BASE < rows:
        bases.append(builder.add(bases[-1], multiples[-1]))
    b_base = builder.add(at["b"], code.bytes_of(b_tap))
    lines = builder.mul(at["depth"], ir.Constant(I64, LINE))
    ahead_tap = builder.add(at["ahead"], builder.mul(t, lines))
    builder.branch(step)

    builder.position_at_end(step)
    k = builder.phi(I64)
    k.add_incoming(zero, tap)
    sums = [[builder.phi(code.vector) for _ in start] for _ in range(rows)]
    for row, outer in zip(sums, before, strict=True):
        for phi, value in zip(row, outer, strict=True):
            phi.add_incoming(value, tap)
    along_a = builder.mul(k, at["a_step"])
    b_at = builder.add(b_base, builder.mul(k, at["b_step"]))
    panel = [code.load(plus(b_at, v * register)) for v in range(vectors)]
    # one line of what comes next per step, so that it is in the cache by then
    code.prefetch(builder.add(ahead_tap, builder.mul(k, ir.Constant(I64, LINE))))
    after = []
    for r in range(rows):
        base, ahead = divmod(r, _ROWS_PER_BASE)
        address = builder.add(builder.add(bases[base], multiples[ahead]), along_a)
        broadcast = code.spread(code.load_one(address))
        after.append(
            [
                code.multiply_add(broadcast, b, c)
                for b, c in zip(panel, sums[r], strict=True)
            ]
        )
    k_next = builder.add(k, one)
    k.add_incoming(k_next, step)
    for row, new in zip(sums, after, strict=True):
        for phi, value in zip(row, new, strict=True):
            phi.add_incoming(value, step)
    builder.cbranch(builder.icmp_signed("<", k_next, at["depth"]), step, tap_end)

    builder.position_at_end(tap_end)
    t_next = builder.add(t, one)
    t.add_incoming(t_next, tap_end)
    for row, new in zip(before, after, strict=True):
        for phi, value in zip(row, new, strict=True):
            phi.add_incoming(value, tap_end)
    builder.cbranch(builder.icmp_signed("<", t_next, at["taps"]), tap, done)

    builder.position_at_end(done)
    store_rows(code, within_bounds(code, after, at), at)
    builder.ret_void()
    return function


@intrinsic
def _tile(  # type: ignore[no-untyped-def]
    typingctx, rows, vectors, a, a_at, lda, a_step, a_offsets,
    b, b_at, b_step, b_offsets, taps, depth, c, c_at, ldc, start, start_at, low, high,
    ahead, last, past,
):  # fmt: skip
    element = c.dtype
    signature = types.void(
        types.int64, types.int64, a, types.int64, types.int64, types.int64, a_offsets,
        b, types.int64, types.int64, b_offsets, types.int64, types.int64,
        c, types.int64, types.int64, start, types.int64, element, element,
        types.int64, types.int64, types.int64,
    )  # fmt: skip

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, element)
        kinds = dict(enumerate(sig.args))

        def address(position: int, offset: int | None = None) -> Any:
            base = address_of(context, builder, kinds[position], args[position])
            if offset is None:
                return base
            return builder.add(base, code.bytes_of(args[offset]))

        def size(position: int) -> Any:
            return code.bytes_of(args[position])

        operands = [
            address(2, 3), size(4), size(5), address(6),
            address(7, 8), size(9), address(10), args[11], args[12],
            address(13, 14), size(15), address(16, 17), args[18], args[19],
            address(7, 20), args[21], args[22],
        ]  # fmt: skip
        end = builder.append_basic_block("tiled")
        shape = builder.add(
            builder.mul(args[0], ir.Constant(I64, VECTORS + 1)), args[1]
        )
        choice = builder.switch(shape, end)
        for rows_ in range(1, ROWS + 1):
            for vectors_ in range(1, VECTORS + 1):
                function = _tile_function(builder.module, rows_, vectors_, element)
                case = builder.append_basic_block(f"tile_{rows_}x{vectors_}")
                number = rows_ * (VECTORS + 1) + vectors_
                choice.add_case(ir.Constant(I64, number), case)
                with builder.goto_block(case):
                    builder.call(function, operands)
                    builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def distance(typingctx, a, b):  # type: ignore[no-untyped-def]
    """From the first element of ``a`` to that of ``b``, in elements."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        first, other = (
            address_of(context, builder, kind, array)
            for kind, array in zip(sig.args, args, strict=True)
        )
        size = ir.Constant(I64, a.dtype.bitwidth // 8)
        return builder.sdiv(builder.sub(other, first), size)

    return types.int64(a, b), codegen


@inlined  # a call with this many arguments would show
def tile(  # type: ignore[no-untyped-def]
    rows, columns, lanes, a, a_at, lda, a_step, a_offsets,
    b, b_at, b_step, b_offsets, taps, depth, c, c_at, ldc, start, start_at, low, high,
    ahead, past,
):  # fmt: skip
    """Compute ``rows`` rows of ``columns`` columns of C; see the module.

    Arrays are flat; positions (``_at``), row strides (``ld``), strides along the
    depth (``_step``) and offsets count elements. ``lanes`` is the vector length.
    B and ``start`` hold whole vectors; C is written in exactly ``columns`` columns,
    ``past`` the caches if that is not 0, columns are whole vectors, and C's rows lie on
    their boundaries. On the way, one cache line per step of B's memory from position
    ``ahead`` on is fetched; it may lie anywhere.
    """
    vectors = (columns + lanes - 1) // lanes
    _tile(
        rows, vectors, a, a_at, lda, a_step, a_offsets,
        b, b_at, b_step, b_offsets, taps, depth, c, c_at, ldc,
        start, start_at, low, high, ahead, columns - (vectors - 1) * lanes, past,
    )  # fmt: skip
