"""Vectors along the channels of one pixel, made of the same channels of other pixels.

Each piece here walks over the taps of a pixel, ``rows x columns``, and keeps what it
finds in registers: a weighted sum, or the values whose switches name the pixel. They
are made for a number of vectors and of lanes: several vectors share one walk, and
narrow ones take the channels that do not fill a whole vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from .compiled import cgutils, intrinsic, types
from .vectors import I64, Code, address_of

#: Vectors that share one walk over the taps.
TOGETHER = 4
#: Lanes of a narrow vector.
NARROW = 4


class Walk(Code):
    """One call: ``x`` from ``x_at``, taps ``rows[r0:r1] x columns[t0:t1]``, each the
    number of a pixel, ``channels`` elements apart."""

    def __init__(
        self, context: Any, builder: Any, sig: Any, args: Any, vectors: int, lanes: int
    ):
        super().__init__(builder, sig.args[0].dtype)
        self.lanes = lanes or self.lanes
        self.vector = ir.VectorType(self.element, self.lanes)
        self.vectors = range(vectors)
        self.context, self.kinds, self.args = context, sig.args, args

    def address(self, position: int, at: Any, vector: int, size: int) -> Any:
        """Of element ``at`` of an array argument, some vectors further on."""
        base = address_of(
            self.context, self.builder, self.kinds[position], self.args[position]
        )
        at = self.builder.add(at, ir.Constant(I64, vector * self.lanes))
        return self.builder.add(base, self.builder.mul(at, ir.Constant(I64, size)))

    def entry(self, position: int, index: Any) -> Any:
        """An element of a table, an integer or a weight."""
        integers = self.kinds[position].dtype == types.int64
        kind, size = (I64, 8) if integers else (self.element, self.size)
        address = self.address(position, index, 0, size)
        return self.builder.load(self.pointer(address, kind))

    def beyond(self, start: Any, place: Any) -> Any:
        """The element where a tap's channels begin."""
        return self.builder.add(start, self.builder.mul(place, self.args[8]))

    def sources(self, place: Any) -> list[Any]:
        """The vectors of one tap."""
        at = self.beyond(self.args[1], place)
        return [self.load(self.address(0, at, v, self.size)) for v in self.vectors]

    def put(self, values: list[Any], position: int, size: int, streamed: Any) -> None:
        """Store a vector each in array ``position`` where the output begins, past the
        caches if that is asked for."""
        bypass = self.builder.icmp_signed("!=", streamed, ir.Constant(I64, 0))
        with self.builder.if_else(bypass) as (past, into):
            for block, hint in ((past, True), (into, False)):
                with block:
                    for v, value in enumerate(values):
                        address = self.address(position, self.args[10], v, size)
                        self.store(value, address, past=hint)

    def slots(self, kind: Any) -> list[Any]:
        """A variable for each vector; LLVM keeps them in registers."""
        return [cgutils.alloca_once(self.builder, kind) for _ in self.vectors]

    def slots_of(self, value: Any) -> list[Any]:
        """Such variables, in which there is ``value`` at first."""
        slots = self.slots(value.type)
        for slot in slots:
            self.builder.store(value, slot)
        return slots

    def every(self, value: float) -> Any:
        """A constant in every lane."""
        return ir.Constant(self.vector, [value] * self.lanes)

    @contextmanager
    def rows(self) -> Iterator[Any]:
        """The loop over rows of taps: an index into their table."""
        first, stop = self.args[3:5]
        with cgutils.for_range_slice(self.builder, first, stop, _one()) as (index, _):
            yield index

    @contextmanager
    def columns(self) -> Iterator[Any]:
        """The loop over the taps of a row: an index into their table."""
        first, stop = self.args[6:8]
        with cgutils.for_range_slice(self.builder, first, stop, _one()) as (index, _):
            yield index


def _one() -> Any:
    return ir.Constant(I64, 1)


def _weighted(vectors: int, lanes: int) -> Any:
    """The intrinsic for so many vectors of so many lanes, 0 for whole registers."""

    @intrinsic
    def weighted(  # type: ignore[no-untyped-def]
        typingctx, x, x_at, rows, r0, r1, columns, t0, t1, channels, y, y_at,
        row_weights, weights,
    ):  # fmt: skip
        i8 = types.int64
        signature = types.void(
            x, i8, rows, i8, i8, columns, i8, i8, i8, y, i8, row_weights, weights
        )

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            walk = Walk(context, builder, sig, args, vectors, lanes)
            nothing = walk.every(0.0)
            total, within = walk.slots_of(nothing), walk.slots(walk.vector)
            with walk.rows() as r:
                row = walk.entry(2, r)
                for slot in within:
                    builder.store(nothing, slot)
                with walk.columns() as t:
                    share = walk.spread(walk.entry(12, t))
                    values = walk.sources(builder.add(row, walk.entry(5, t)))
                    for slot, value in zip(within, values, strict=True):
                        old = builder.load(slot)
                        builder.store(walk.multiply_add(value, share, old), slot)
                share = walk.spread(walk.entry(11, r))
                for slot, inner in zip(total, within, strict=True):
                    value, old = builder.load(inner), builder.load(slot)
                    builder.store(walk.multiply_add(value, share, old), slot)
            values = [builder.load(slot) for slot in total]
            walk.put(values, 9, walk.size, ir.Constant(I64, 0))
            return context.get_dummy_value()

        return signature, codegen

    return weighted


def _named(vectors: int, lanes: int) -> Any:
    """The intrinsic for so many vectors of so many lanes, 0 for whole registers."""

    @intrinsic
    def named(  # type: ignore[no-untyped-def]
        typingctx, x, x_at, rows, r0, r1, columns, t0, t1, channels, y, y_at,
        switches, switches_at, pixel, adding, met, streamed,
    ):  # fmt: skip
        i8 = types.int64
        signature = types.void(
            x, i8, rows, i8, i8, columns, i8, i8, i8, y, i8,
            switches, i8, i8, i8, met, i8,
        )  # fmt: skip

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            walk = Walk(context, builder, sig, args, vectors, lanes)
            bits = ir.VectorType(ir.IntType(8 * walk.size), walk.lanes)
            wide = ir.VectorType(I64, walk.lanes)
            kept = walk.slots_of(walk.every(0.0))
            hits = cgutils.alloca_once(builder, bits)
            met_at = walk.pointer(
                address_of(context, builder, sig.args[15], args[15]), bits
            )
            builder.store(builder.load(met_at, align=walk.size), hits)
            here, mask = (
                walk.in_every_lane(args[13], wide),
                walk.in_every_lane(args[14], bits),
            )
            ones = ir.Constant(bits, [-1] * walk.lanes)
            sign = ir.Constant(bits, [1 << (8 * walk.size - 1)] * walk.lanes)
            neutral = builder.and_(builder.xor(mask, ones), sign)
            with walk.rows() as r:
                row = walk.entry(2, r)
                with walk.columns() as t:
                    place = builder.add(row, walk.entry(5, t))
                    at = walk.beyond(args[12], place)
                    for v, value in enumerate(walk.sources(place)):
                        address = walk.pointer(walk.address(11, at, v, 8), wide)
                        switch = builder.load(address, align=8)
                        hit = builder.icmp_signed("==", switch, here)
                        old = builder.load(kept[v])
                        # what was there takes part in a sum; else nothing does, and a
                        # zero keeps its sign
                        stays = builder.and_(builder.bitcast(old, bits), mask)
                        stays = builder.bitcast(
                            builder.or_(stays, neutral), walk.vector
                        )
                        value = builder.fadd(value, stays)
                        builder.store(builder.select(hit, value, old), kept[v])
                        count = builder.sub(builder.load(hits), builder.sext(hit, bits))
                        builder.store(count, hits)
            walk.put([builder.load(slot) for slot in kept], 9, walk.size, args[16])
            builder.store(builder.load(hits), met_at).align = walk.size
            return context.get_dummy_value()

        return signature, codegen

    return named


weighted_4, weighted_1 = _weighted(TOGETHER, 0), _weighted(1, 0)
weighted_narrow, weighted_single = _weighted(1, NARROW), _weighted(1, 1)
named_4, named_1 = _named(TOGETHER, 0), _named(1, 0)
named_narrow, named_single = _named(1, NARROW), _named(1, 1)
