"""Unpooling of windows by codes, block by block, for pools of stride 2.

As :mod:`.regular_blocks`, of values of a window and codes of the plane it is from. A
code is the same for whichever pixel of its window it names, so that nothing has to be
found out about a block but what of it is there.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

from llvmlite import ir

from .block_vectors import Block, Place, Square
from .compiled import cgutils, compiled, intrinsic, types
from .ending import on_line
from .vectors import I64

I8 = ir.IntType(8)
#: Bits set in the codes of a pooled pixel: none, or all where it is not there, which
#: then name no tap. Neither does the last of these, for taps that windows do not have.
HERE, AWAY, NO_TAP = 0, 255, 254


class Geometry(NamedTuple):
    """Sizes of windows and of the planes they are from."""

    channels: int
    plane_height: int  # pooled
    plane_width: int
    few_height: int  # of windows of it
    few_width: int
    height: int  # of the windows they become
    width: int
    top: int  # where the first block begins
    left: int
    rows: int  # blocks at most
    columns: int
    span: int  # of a pool's window along a row
    reach: int  # pixels of it beyond its stride


def suits(
    strides: tuple[int, int],
    lows: tuple[int, int],
    spans: tuple[int, int],
    channels: int,
    lanes: int,
) -> bool:
    """Whether pools of such windows are for this."""
    blocks = strides == (2, 2) and max(spans) <= 3
    return blocks and all(low in (-1, 0) for low in lows) and channels % lanes == 0


def _named(reach: int) -> Any:
    """The intrinsic for windows of at most ``2 + reach`` pixels along both axes."""

    @intrinsic
    def named(  # type: ignore[no-untyped-def]
        typingctx, x, x_at, codes, codes_at, away, y, y_at, step, there, count, span,
        past,
    ):  # fmt: skip
        """``count`` channels of a block, a multiple of the lanes, from the pooled
        pixels at ``x_at``: above and to the left, above, to the left, and its own.

        Those ``away`` are none; pixels that are ``there`` are written, ``past`` the
        caches if that is not 0.
        """
        i8 = types.int64
        pair, four = (types.UniTuple(i8, n) for n in (2, 4))
        flags = types.UniTuple(types.boolean, 4)
        signature = types.void(
            x, four, codes, four, four, y, i8, pair, flags, i8, i8, i8
        )

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            block = Block(context, builder, sig, args)
            size, kind = block.size, ir.VectorType(I8, block.lanes)
            sides, around = range(2), list(product((-1, 0), (-1, 0)))
            sources = [p for p in around if min(p) >= -reach]

            def each(position: int) -> Any:
                parts = dict(zip(around, block.parts(position), strict=True))
                return ((place, parts[place]) for place in sources)

            values, marks = (
                {
                    place: builder.add(block.base(n), builder.mul(at, I64(width)))
                    for place, at in each(n + 1)
                }
                for n, width in ((0, size), (2, 1))
            )
            away = {place: block.in_every_lane(n, kind) for place, n in each(4)}
            there = dict(zip(product(sides, sides), block.parts(8), strict=True))
            pixels = block.square(block.start(5, size), block.parts(7), size, sides)
            taps = {
                (a, b): block.in_every_lane(_tap(builder, a, b, args[10]), kind)
                for a, b in product(range(2 + 2 * reach), repeat=2)
            }
            past = builder.icmp_signed("!=", args[11], I64(0))
            loop = cgutils.for_range_slice(
                builder, I64(0), args[9], I64(block.lanes), intp=I64
            )
            with loop as (c, _):
                short = builder.mul(c, I64(size))
                found, marked = {}, {}
                for place in sources:
                    found[place] = block.load(builder.add(values[place], short))
                    mark = block.pointer(builder.add(marks[place], c), kind)
                    mark = builder.load(mark, align=1)
                    marked[place] = builder.or_(mark, away[place])

                def hit(place: Place, source: Place, marked: Square = marked) -> Any:
                    a, b = (p - 2 * q for p, q in zip(place, source, strict=True))
                    return builder.icmp_unsigned("==", marked[source], taps[a, b])

                addresses = {p: builder.add(at, short) for p, at in pixels.items()}
                block.put(block.pixels(found, hit), addresses, there, past)
            return context.get_dummy_value()

        return signature, codegen

    return named


_named_alone, _named_with_neighbours = _named(0), _named(1)


def _tap(builder: Any, row: int, column: int, span: Any) -> Any:
    """The code of a tap of windows ``span`` wide, or one that no tap has."""
    tap = builder.add(builder.mul(span, I64(row)), I64(column))
    within = builder.icmp_signed("<", I64(column), span)
    return builder.select(within, tap, I64(NO_TAP))


@compiled
def collect(start, stop, x, codes, y, windows, g, past):  # type: ignore[no-untyped-def]
    """One row of blocks of a window per task."""
    steps = g.width * g.channels, g.channels
    past = 1 if past > 0 and on_line(y) else 0
    for task in range(start, stop):
        n, i = divmod(task, g.rows)
        sample, few_top, few_left, top, left = windows[n]
        # blocks lie where the plane's do, the window somewhere
        i += (top - g.top) // 2
        j0 = (left - g.left) // 2
        row = 2 * i + g.top - top
        upper, lower = 0 <= row < g.height, 0 <= row + 1 < g.height
        if not upper and not lower:
            continue
        up, up_x, up_code = _line(i - 1, few_top, g.few_height, g.plane_height)
        own, own_x, own_code = _line(i, few_top, g.few_height, g.plane_height)
        for j in range(j0, j0 + g.columns):
            column = 2 * j + g.left - left
            before, after = 0 <= column < g.width, 0 <= column + 1 < g.width
            if not before and not after:
                continue
            back, back_x, back_code = _line(j - 1, few_left, g.few_width, g.plane_width)
            here, here_x, here_code = _line(j, few_left, g.few_width, g.plane_width)
            x0 = (n * g.few_height + up_x) * g.few_width
            x1 = (n * g.few_height + own_x) * g.few_width
            c0 = (sample * g.plane_height + up_code) * g.plane_width
            c1 = (sample * g.plane_height + own_code) * g.plane_width
            x_at = (
                (x0 + back_x) * g.channels, (x0 + here_x) * g.channels,
                (x1 + back_x) * g.channels, (x1 + here_x) * g.channels,
            )  # fmt: skip
            codes_at = (
                (c0 + back_code) * g.channels, (c0 + here_code) * g.channels,
                (c1 + back_code) * g.channels, (c1 + here_code) * g.channels,
            )  # fmt: skip
            away = up | back, up | here, own | back, own | here
            y_at = ((n * g.height + row) * g.width + column) * g.channels
            there = upper and before, upper and after, lower and before, lower and after
            if g.reach > 0:
                _named_with_neighbours(
                    x, x_at, codes, codes_at, away, y, y_at, steps, there, g.channels,
                    g.span, past,
                )  # fmt: skip
            else:
                _named_alone(
                    x, x_at, codes, codes_at, away, y, y_at, steps, there, g.channels,
                    g.span, past,
                )  # fmt: skip


@compiled
def _line(at, first, few, length):  # type: ignore[no-untyped-def]
    """A pooled row or column of a plane: whether a window from ``first`` on has none
    there, and the nearest that the window and the plane have."""
    away = HERE if 0 <= at < length and first <= at < first + few else AWAY
    return away, min(max(at - first, 0), few - 1), min(max(at, 0), length - 1)
