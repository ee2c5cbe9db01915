"""The inner loop of depthwise convolutions: one vector of channels of some pixels.

Sums of neighbouring outputs stay in registers. A line of the input is gone through
once: each of its pixels is loaded once, and multiplied for every output that it takes
part in. Pixels beyond the border are stepped over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir

from .compiled import intrinsic, types
from .vectors import I64, Code, address_of

#: What a line of taps is described by: where its first pixel lies in a sample, where
#: its weights lie, and which pixel of its row that is; the first two in elements.
WORDS = 3


def users(outputs: int, taps: int, step: int, up: int) -> Iterator[list[Any]]:
    """Which ``(output, tap)`` each pixel is for, of those that a line reaches.

    Output ``j`` reads pixel ``j*step + t``, or ``(j - t) / up`` where that is whole.
    """
    read: dict[int, list[tuple[int, int]]] = {}
    for j in range(outputs):
        for t in range(taps):
            at, rest = (j * step + t, 0) if up == 1 else divmod(j - t, up)
            if rest == 0:
                read.setdefault(at, []).append((j, t))
    for at in range(min(read), max(read) + 1):
        yield read.get(at, [])


@intrinsic
def pixels(  # type: ignore[no-untyped-def]
    typingctx, outputs, taps, step, up, x, x_at, place, width, apart,
    lines, first, last, w, channels, y, y_at, y_pixel, j, across,
    bias, channel, low, high, bounded,
):  # fmt: skip
    """Outputs ``j`` to ``j + outputs`` of a row, those below ``across``.

    The lengths of four tuples say how many there are, how many taps a line has and
    how they lie, see ``users``. ``place`` is the pixel of its row that the first one
    reads but for a line's offset, ``apart`` the pixels from one looked at to the next;
    positions (``_at``) and ``y_pixel``, from one output to the next, count elements.
    """
    i = types.int64
    element = y.dtype
    signature = types.void(
        outputs, taps, step, up, x, i, i, i, i, lines, i, i, w, i, y, i, i, i, i,
        bias, i, element, element, types.boolean,
    )  # fmt: skip

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(builder, element)
        named = dict(zip(_NAMES, args, strict=True))
        kinds = dict(zip(_NAMES, sig.args, strict=True))

        def address(array: str, *offsets: str) -> Any:
            base = address_of(context, builder, kinds[array], named[array])
            for offset in offsets:
                base = builder.add(base, code.bytes_of(named[offset]))
            return base

        x_base, w_base = address("x", "x_at", "channel"), address("w", "channel")
        w_step = code.bytes_of(named["channels"])
        x_step = builder.mul(w_step, named["apart"])
        read = list(users(outputs.count, taps.count, step.count, up.count))

        def line(entry: Any, sums: list[Any]) -> list[Any]:
            words = [
                builder.load(code.pointer(_plus(builder, entry, 8 * n), I64))
                for n in range(WORDS)
            ]
            at = builder.add(x_base, code.bytes_of(words[0]))
            w_at = builder.add(w_base, code.bytes_of(words[1]))
            here = builder.add(named["place"], words[2])
            weights = []
            for _ in range(taps.count):
                weights.append(code.load(w_at))
                w_at = builder.add(w_at, w_step)
            for each in read:
                inside = builder.icmp_unsigned("<", here, named["width"])
                sums = _added(code, inside, at, each, weights, sums)
                at = builder.add(at, x_step)
                here = builder.add(here, named["apart"])
            return sums

        start = code.load(address("bias", "channel"))
        entries = address("lines")
        sums = _looped(
            builder, entries, named["first"], named["last"],
            [start] * outputs.count, line,
        )  # fmt: skip
        low_, high_ = code.spread(named["low"]), code.spread(named["high"])
        with builder.if_else(named["bounded"]) as (within, anywhere):
            with within:
                clipped = [code.clipped(value, low_, high_) for value in sums]
                within_block = builder.block
            with anywhere:
                anywhere_block = builder.block
        results = []
        for value, bounded_value in zip(sums, clipped, strict=True):
            phi = builder.phi(code.vector)
            phi.add_incoming(bounded_value, within_block)
            phi.add_incoming(value, anywhere_block)
            results.append(phi)
        to, number = address("y", "y_at", "channel"), named["j"]
        y_step = code.bytes_of(named["y_pixel"])
        for value in results:
            wanted = builder.icmp_unsigned("<", number, named["across"])
            with builder.if_then(wanted):
                code.store(value, to)
            to, number = builder.add(to, y_step), _plus(builder, number, 1)
        return context.get_dummy_value()

    return signature, codegen


_NAMES = (
    *("outputs", "taps", "step", "up", "x", "x_at", "place", "width", "apart"),
    *("lines", "first", "last", "w", "channels", "y", "y_at", "y_pixel", "j"),
    "across",
    *("bias", "channel", "low", "high", "bounded"),
)


def _plus(builder: Any, number: Any, constant: int) -> Any:
    return builder.add(number, ir.Constant(I64, constant))


def _looped(
    builder: Any,
    entries: Any,
    first: Any,
    last: Any,
    sums: list[Any],
    body: Callable[[Any, list[Any]], list[Any]],
) -> list[Any]:
    """``body(entry, sums)`` of each entry from the first to the last, if any."""
    before = builder.block
    loop, end = (builder.append_basic_block(name) for name in ("line", "summed"))
    builder.cbranch(builder.icmp_signed("<", first, last), loop, end)
    builder.position_at_end(loop)
    number = builder.phi(I64)
    number.add_incoming(first, before)
    inner = [builder.phi(value.type) for value in sums]
    offset = builder.mul(number, ir.Constant(I64, 8 * WORDS))
    after = body(builder.add(entries, offset), inner)
    following, done = _plus(builder, number, 1), builder.block
    number.add_incoming(following, done)
    builder.cbranch(builder.icmp_signed("<", following, last), loop, end)
    builder.position_at_end(end)
    results = []
    for phi, value, new in zip(inner, sums, after, strict=True):
        phi.add_incoming(value, before)
        phi.add_incoming(new, done)
        result = builder.phi(value.type)
        result.add_incoming(value, before)
        result.add_incoming(new, done)
        results.append(result)
    return results


def _added(
    code: Code,
    inside: Any,
    at: Any,
    used: list[tuple[int, int]],
    weights: list[Any],
    sums: list[Any],
) -> list[Any]:
    """The sums with the pixel at an address, if it is inside."""
    builder, sums = code.builder, list(sums)
    if not used:
        return sums
    before = builder.block
    with builder.if_then(inside):
        value = code.load(at)
        new = [code.multiply_add(value, weights[t], sums[j]) for j, t in used]
        there = builder.block
    for (j, _), value in zip(used, new, strict=True):
        phi = builder.phi(code.vector)
        phi.add_incoming(sums[j], before)
        phi.add_incoming(value, there)
        sums[j] = phi
    return sums
