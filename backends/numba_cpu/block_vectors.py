"""Four pixels of a plane at once, made of the pooled values whose switches name them.

A pool of stride 2 cuts its plane into blocks of 2 x 2 pixels. Windows of at most 3 x 3
reach a block from its own pooled pixel and from those above it and to its left: each is
loaded once, and its switches are narrowed to the width of a value, so that one mask
serves both.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from llvmlite import ir

from .compiled import cgutils, intrinsic, types
from .vectors import I32, I64, Code, address_of

STREAMED = 10 << 20
"""Bytes from which a result goes past the caches: smaller ones are overwritten there in
half the time."""
ABSENT, NO_PIXEL = -1, -2
"""Every switch of a pooled pixel that is not there, and a pixel that is not there."""
ANYWHERE = -1
"""The width of a window whose switches are nobody's."""

Place = tuple[int, int]
#: Something for each pixel of a square, by its place along both axes.
Square = dict[Place, Any]


class Block(Code):
    """The code for one block, by the arguments of a call."""

    def __init__(self, context: Any, builder: Any, sig: Any, args: Any):
        super().__init__(builder, sig.args[0].dtype)
        self.context, self.kinds, self.args = context, sig.args, args
        self.integer = ir.IntType(8 * self.size)
        self.bits = ir.VectorType(self.integer, self.lanes)
        self.halves = 8 // self.size  # of a switch, each as wide as a value

    def start(self, position: int, size: int) -> Any:
        """The byte address of an element: an array argument, and the number after."""
        at = self.builder.mul(self.args[position + 1], I64(size))
        return self.builder.add(self.base(position), at)

    def base(self, position: int) -> Any:
        """The byte address where an array argument begins."""
        kind, array = self.kinds[position], self.args[position]
        return address_of(self.context, self.builder, kind, array)

    def parts(self, position: int) -> list[Any]:
        """The numbers of a tuple argument."""
        count, value = self.kinds[position].count, self.args[position]
        return [self.builder.extract_value(value, n) for n in range(count)]

    def everywhere(self, integer: Any) -> Any:
        """An integer in lanes as wide as values."""
        return self.in_every_lane(integer, self.bits)

    def square(self, start: Any, steps: list[Any], size: int, sides: range) -> Square:
        """Byte addresses so many steps from ``start`` along both axes."""
        rows, columns = (
            {0: I64(0), 1: far, -1: self.builder.neg(far)}
            for far in (self.builder.mul(step, I64(size)) for step in steps)
        )
        return {
            (a, b): self.builder.add(start, self.builder.add(rows[a], columns[b]))
            for a, b in product(sides, sides)
        }

    def switches(self, address: Any) -> Any:
        """As many as there are lanes, in halves."""
        kind = ir.VectorType(self.integer, self.halves * self.lanes)
        return self.builder.load(self.pointer(address, kind), align=8)

    def half(self, switches: Any, which: int) -> Any:
        """The low (0) or high (1) half of each."""
        if self.halves == 1:
            return switches
        lanes = list(range(which, 2 * self.lanes, 2))
        order = ir.Constant(ir.VectorType(I32, self.lanes), lanes)
        nothing = ir.Constant(switches.type, ir.Undefined)
        return self.builder.shuffle_vector(switches, nothing, order)

    def outside(self, switches: Any, rows: list[Any], width: Any) -> Any:
        """Which of them are on none of these rows of a window, each from its first
        pixel to that ``width`` further on."""
        builder, nearest = self.builder, None
        for first in rows:
            ahead = builder.sub(switches, first)
            if nearest is not None:
                less = builder.icmp_unsigned("<", ahead, nearest)
                ahead = builder.select(less, ahead, nearest)
            nearest = ahead
        return builder.icmp_unsigned(">", nearest, width)

    def pixels(
        self, values: Square, hit: Callable[[Place, Place], Any], mask: Any = None
    ) -> Square:
        """What each pixel is made of, in the order of the sources: their sum, or the
        last of them where ``mask`` has no bits. ``hit`` tells for a pixel and a source
        which values are meant.

        A second pixel of a block, either way, is only in reach of its own window.
        """
        builder, found = self.builder, {}
        ones = ir.Constant(self.bits, [-1] * self.lanes)
        mask = ones if mask is None else mask
        sign = ir.Constant(self.bits, [1 << (8 * self.size - 1)] * self.lanes)
        # added to nothing a value loses a zero's sign, which it keeps on its own
        neutral = builder.and_(builder.xor(mask, ones), sign)
        for place in product(range(2), range(2)):
            kept = self.number(0.0)
            for source, value in values.items():
                if any(b and s for b, s in zip(source, place, strict=True)):
                    continue
                before = builder.and_(builder.bitcast(kept, self.bits), mask)
                before = builder.bitcast(builder.or_(before, neutral), self.vector)
                total = builder.fadd(value, before)
                kept = builder.select(hit(place, source), total, kept)
            found[place] = kept
        return found

    def put(self, made: Square, addresses: Square, there: Square, past: Any) -> None:
        """Store the pixels that are there, ``past`` the caches if that is asked for."""
        builder = self.builder
        with builder.if_else(past) as ways:
            for way, hint in zip(ways, (True, False), strict=True):
                with way:
                    for place, value in made.items():
                        with builder.if_then(there[place]):
                            self.store(value, addresses[place], past=hint)


def _named(reach: int) -> Any:
    """The intrinsic for windows of at most ``2 + reach`` pixels along both axes."""

    @intrinsic
    def named(  # type: ignore[no-untyped-def]
        typingctx, x, x_at, switches, switches_at, back, absent, y, y_at, steps,
        targets, count, rows, width, adding, streamed,
    ):  # fmt: skip
        """``count`` channels of a block, a multiple of the lanes, from ``y_at`` on, its
        pixels ``steps`` apart and by number ``targets``; whether a switch of its own
        pooled pixel, at ``x_at``, lies outside its window: ``rows`` of ``width``.

        The others lie ``back`` steps before that; ``absent`` are rows above and here,
        columns to the left and here.
        """
        i8 = types.int64
        pair, three, four = (types.UniTuple(i8, n) for n in (2, 3, 4))
        signature = types.boolean(
            x, i8, switches, i8, pair, four, y, i8, pair, four, i8, three, i8, i8, i8
        )

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            block = Block(context, builder, sig, args)
            before, sides, size = range(-reach, 1), range(2), block.size
            numbers = dict(zip(product(sides, sides), block.parts(9), strict=True))
            targets = {place: block.everywhere(n) for place, n in numbers.items()}
            up, here, left, own = block.parts(5)
            missing = {
                (a, b): block.everywhere(
                    builder.or_(up if a else here, left if b else own)
                )
                for a, b in product(before, before)
            }
            back, steps = block.parts(4), block.parts(8)
            sources = block.square(block.start(0, size), back, size, before)
            named = block.square(block.start(2, 8), back, 8, before)
            pixels = block.square(block.start(6, size), steps, size, sides)
            rows = [block.everywhere(n) for n in block.parts(11)[: 2 + reach]]
            width, mask = block.everywhere(args[12]), block.everywhere(args[13])
            bypass = builder.icmp_signed("!=", args[14], I64(0))
            there = {
                place: builder.icmp_signed(">=", n, I64(0))
                for place, n in numbers.items()
            }
            flags = ir.VectorType(ir.IntType(1), block.lanes)
            whole = ir.VectorType(block.integer, block.halves * block.lanes)
            strange, seen = (
                cgutils.alloca_once_value(builder, ir.Constant(kind, None))
                for kind in (flags, whole)
            )
            loop = cgutils.for_range_slice(
                builder, I64(0), args[10], I64(block.lanes), intp=I64
            )
            with loop as (c, _):
                short, long = (builder.mul(c, I64(n)) for n in (size, 8))
                values, switches = {}, {}
                for source, address in sources.items():
                    values[source] = block.load(builder.add(address, short))
                    found = block.switches(builder.add(named[source], long))
                    low = block.half(found, 0)
                    if source == (0, 0):
                        outside = block.outside(low, rows, width)
                        for slot, some in ((strange, outside), (seen, found)):
                            builder.store(builder.or_(builder.load(slot), some), slot)
                    switches[source] = builder.or_(low, missing[source])
                made = block.pixels(
                    values,
                    lambda place, source, found=switches: builder.icmp_signed(
                        "==", found[source], targets[place]
                    ),
                    mask,
                )
                addresses = {p: builder.add(at, short) for p, at in pixels.items()}
                block.put(made, addresses, there, bypass)
            outside = builder.load(strange)
            if block.halves > 1:
                high = block.half(builder.load(seen), 1)
                beyond = builder.icmp_signed("!=", high, ir.Constant(high.type, None))
                outside = builder.or_(outside, beyond)
            one = ir.IntType(block.lanes)
            return builder.icmp_unsigned("!=", builder.bitcast(outside, one), one(0))

        return signature, codegen

    return named


named_alone, named_with_neighbours = _named(0), _named(1)
