"""Winograd's transforms as code, made from the matrices of a filtering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from .compiled import intrinsic, types
from .vectors import I64, Code, address_of
from .winograd_matrices import BY_TILE, Rows


def _sum(code: Code, terms: Sequence[tuple[float, Any]]) -> Any:
    """``sum of factor * value`` over the non-zero factors."""
    terms = sorted((t for t in terms if t[0]), key=lambda t: (abs(t[0]) != 1, t[0] < 0))
    (factor, total), *rest = terms
    if factor != 1:
        total = code.builder.fmul(total, code.number(factor))
    for factor, value in rest:
        if factor == 1:
            total = code.builder.fadd(total, value)
        elif factor == -1:
            total = code.builder.fsub(total, value)
        else:
            total = code.multiply_add(value, code.number(factor), total)
    return total


def _product(code: Code, matrix: Rows, values: Sequence[Any]) -> list[Any]:
    """``matrix @ values``, with what rows and columns have in common done once."""
    columns = [list(c) for c in zip(*matrix, strict=True)]
    values = list(values)
    for a in range(len(columns)):
        for b in range(a + 1, len(columns)):
            pairs = list(zip(columns[a], columns[b], strict=True))
            same = [x == y for x, y in pairs]
            negated = [x == -y for x, y in pairs]
            mixed = any(s and not n for s, n in zip(same, negated, strict=True))
            mixed = mixed and any(
                n and not s for s, n in zip(same, negated, strict=True)
            )
            if mixed and all(s or n for s, n in zip(same, negated, strict=True)):
                total = code.builder.fadd(values[a], values[b])
                difference = code.builder.fsub(values[a], values[b])
                values[a], values[b] = total, difference
                for row, (x, y) in enumerate(pairs):
                    columns[a][row] = x if x == y else 0
                    columns[b][row] = x if x != y else 0
    rows = [list(r) for r in zip(*columns, strict=True)]
    results: dict[int, Any] = {}
    for i, row in enumerate(rows):
        if i in results:
            continue
        for j in range(i + 1, len(rows)):
            even = [x if x == y else 0 for x, y in zip(row, rows[j], strict=True)]
            odd = [x if x == -y else 0 for x, y in zip(row, rows[j], strict=True)]
            split = [e + o for e, o in zip(even, odd, strict=True) if e == 0 or o == 0]
            if any(even) and any(odd) and split == row:
                e = _sum(code, list(zip(even, values, strict=True)))
                o = _sum(code, list(zip(odd, values, strict=True)))
                results[i] = code.builder.fadd(e, o)
                results[j] = code.builder.fsub(e, o)
                break
        else:
            results[i] = _sum(code, list(zip(row, values, strict=True)))
    return [results[i] for i in range(len(rows))]


def _both_axes(code: Code, matrix: Rows, square: list[list[Any]]) -> list[list[Any]]:
    """``matrix @ square @ matrix.T``."""
    columns = [_product(code, matrix, column) for column in zip(*square, strict=True)]
    return [_product(code, matrix, row) for row in zip(*columns, strict=True)]


def _over_channels(builder: Any, channels: Any, code: Code, body: Any) -> None:
    """Call ``body(byte offset)`` for every vector of channels."""
    before = builder.block
    loop, end = (
        builder.append_basic_block("channels"),
        builder.append_basic_block("end"),
    )
    last = code.bytes_of(channels)
    builder.branch(loop)
    builder.position_at_end(loop)
    offset = builder.phi(I64)
    offset.add_incoming(ir.Constant(I64, 0), before)
    body(offset)
    following = builder.add(offset, ir.Constant(I64, code.lanes * code.size))
    offset.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, last), loop, end)
    builder.position_at_end(end)


def _places(code: Code, base: Any, row: Any, column: Any, n: int) -> list[list[Any]]:
    """Addresses of an ``n x n`` square."""
    add = code.builder.add
    rows = [base]
    while len(rows) < n:
        rows.append(add(rows[-1], row))
    square = []
    for start in rows:
        line = [start]
        while len(line) < n:
            line.append(add(line[-1], column))
        square.append(line)
    return square


def _within(
    code: Code, square: list[list[Any]], rows: Any, columns: Any, otherwise: Any
) -> list[list[Any]]:
    """The addresses of those from first to last along both axes, for others another."""
    builder = code.builder

    def inside(n: int, bounds: Any) -> Any:
        first, stop = (builder.extract_value(bounds, side) for side in range(2))
        begun = builder.icmp_signed("<=", first, I64(n))
        return builder.and_(begun, builder.icmp_signed("<", I64(n), stop))

    across = [inside(n, columns) for n in range(len(square))]
    found = []
    for n, line in enumerate(square):
        down = inside(n, rows)
        found.append(
            [
                builder.select(builder.and_(down, here), place, otherwise)
                for place, here in zip(line, across, strict=True)
            ]
        )
    return found


@intrinsic
def input_tile(  # type: ignore[no-untyped-def]
    typingctx, size, x, x_at, x_row, x_column, rows, columns, nothing, v, v_at,
    v_product, channels,
):  # fmt: skip
    """``v[p] = (B^T d B)[p]`` for the square ``d`` of pixels at ``x_at``.

    ``size`` is a tuple as long as there are points, which its type tells; the ``p``-th
    product lies ``p*v_product`` after ``v_at``. Only ``rows`` and ``columns`` from a
    first to before a last one are there; what begins with ``nothing`` is read for all
    others. ``channels`` is a multiple of the lanes. All counts in elements.
    """
    filtering = BY_TILE[size.count]
    i = types.int64
    pair = types.UniTuple(i, 2)
    signature = types.void(size, x, i, i, i, pair, pair, nothing, v, i, i, i)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, x.dtype)
        t = filtering.tile
        source = builder.add(
            address_of(context, builder, x, args[1]), code.bytes_of(args[2])
        )
        target = builder.add(
            address_of(context, builder, v, args[8]), code.bytes_of(args[9])
        )
        row, column, apart = (code.bytes_of(args[n]) for n in (3, 4, 10))
        otherwise = address_of(context, builder, nothing, args[7])
        pixels = _places(code, source, row, column, filtering.reads)
        pixels = _within(code, pixels, args[5], args[6], otherwise)
        products = _places(
            code, target, builder.mul(apart, ir.Constant(I64, t)), apart, t
        )

        def body(offset: Any) -> None:
            square = [[code.load(builder.add(p, offset)) for p in r] for r in pixels]
            result = _both_axes(code, filtering.inputs, square)
            for line, values in zip(products, result, strict=True):
                for place, value in zip(line, values, strict=True):
                    code.store(value, builder.add(place, offset))

        _over_channels(builder, args[11], code, body)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def output_tile(  # type: ignore[no-untyped-def]
    typingctx, size, m, m_at, m_product, bias, bias_at, y, y_at, y_row, y_column,
    rows, columns, dump, dump_at, channels, low, high, past,
):  # fmt: skip
    """``y = clip(A^T m A + bias)`` for the products ``m`` of one tile; see above.

    Pixels beyond ``rows`` and ``columns`` are written to ``dump``. It is written
    ``past`` the caches if that says so; vectors then lie on lines.
    """
    filtering = BY_TILE[size.count]
    i = types.int64
    pair, bound = types.UniTuple(i, 2), y.dtype
    signature = types.void(
        size, m, i, i, bias, i, y, i, i, i, pair, pair, dump, i, i, bound, bound,
        types.boolean,
    )  # fmt: skip

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, y.dtype)
        t = filtering.tile

        def start(kind: Any, array: int, at: int) -> Any:
            base = address_of(context, builder, kind, args[array])
            return builder.add(base, code.bytes_of(args[at]))

        apart, row, column = (code.bytes_of(args[n]) for n in (3, 8, 9))
        products = _places(
            code,
            start(m, 1, 2),
            builder.mul(apart, ir.Constant(I64, t)),
            apart,
            t,
        )
        pixels = _places(code, start(y, 6, 7), row, column, filtering.outputs)
        pixels = _within(code, pixels, args[10], args[11], start(dump, 12, 13))
        offsets = start(bias, 4, 5)
        low_, high_ = code.spread(args[15]), code.spread(args[16])

        def body(offset: Any) -> None:
            square = [[code.load(builder.add(p, offset)) for p in r] for r in products]
            shift = code.load(builder.add(offsets, offset))
            result = [
                code.clipped(builder.fadd(value, shift), low_, high_)
                for values in _both_axes(code, filtering.results, square)
                for value in values
            ]
            places = [builder.add(place, offset) for line in pixels for place in line]
            with builder.if_else(args[17]) as (beyond, into):
                for block, past in ((beyond, True), (into, False)):
                    with block:
                        for value, place in zip(result, places, strict=True):
                            code.store(value, place, past=past)

        _over_channels(builder, args[14], code, body)
        return context.get_dummy_value()

    return signature, codegen
