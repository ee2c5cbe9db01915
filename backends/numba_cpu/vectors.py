"""What the machine's vector unit is like, and the LLVM pieces kernels are built from.

Vector code is emitted as LLVM's portable vector types, never as a particular
processor's instructions: the same source becomes AVX-512, AVX2, SSE or NEON.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Set
from typing import Any, NamedTuple

from llvmlite import binding, ir

from .compiled import types

I32, I64 = ir.IntType(32), ir.IntType(64)


class Unit(NamedTuple):
    """A vector unit: bytes per register, and how many registers there are."""

    width: int
    registers: int

    def lanes(self, itemsize: int) -> int:
        """Elements per register."""
        return self.width // itemsize


def unit_of(features: Set[str], machine: str) -> Unit:
    """The unit of a processor with these features, by LLVM's names for them."""
    if {"avx512f", "avx512vl"} <= features:
        return Unit(64, 32)
    if {"avx2", "fma"} <= features:
        return Unit(32, 16)
    return Unit(16, 32 if machine.lower() in ("aarch64", "arm64") else 16)


def features_compiled_for() -> set[str]:
    """This machine's features, unless Numba's own variables name another one's."""
    named = os.environ.get("NUMBA_CPU_FEATURES")
    if named is None and os.environ.get("NUMBA_CPU_NAME", "").lower() == "generic":
        named = ""
    if named is not None:
        return {each[1:] for each in named.split(",") if each.startswith("+")}
    return {name for name, has in binding.get_host_cpu_features().items() if has}


UNIT = unit_of(features_compiled_for(), platform.machine())


def lanes_of(dtype: Any) -> int:
    """Elements of a NumPy dtype in one register."""
    return UNIT.lanes(dtype.itemsize)


def _opaque(pointer: Any) -> bool:
    """Whether this llvmlite writes pointers without saying what they point to."""
    return str(pointer) == "ptr"


class Code:
    """An LLVM builder that speaks vectors of one element type."""

    def __init__(self, builder: Any, element: types.Float):
        self.builder = builder
        self.size = element.bitwidth // 8
        self.lanes = UNIT.lanes(self.size)
        self.element = ir.FloatType() if element.bitwidth == 32 else ir.DoubleType()
        self.vector = ir.VectorType(self.element, self.lanes)

    def bytes_of(self, elements: Any) -> Any:
        """An element count as bytes."""
        return self.builder.mul(elements, ir.Constant(I64, self.size))

    def pointer(self, address: Any, kind: Any) -> Any:
        """A typed pointer to a byte address."""
        return self.builder.inttoptr(address, kind.as_pointer())

    def load(self, address: Any) -> Any:
        """A vector from any address, aligned or not."""
        value = self.builder.load(self.pointer(address, self.vector))
        value.align = self.size
        return value

    def store(self, value: Any, address: Any, *, past: bool = False) -> None:
        """A vector to any address, aligned or not; ``past`` the caches to one that is.

        What does not fit the caches would be read from memory only to be overwritten,
        and displace what is needed sooner.
        """
        kind = value.type
        size = self.size if kind.element == self.element else kind.element.width // 8
        done = self.builder.store(value, self.pointer(address, kind))
        done.align = kind.count * size if past else size
        if past:
            hint = self.builder.module.add_metadata([ir.Constant(I32, 1)])
            done.set_metadata("nontemporal", hint)

    def store_some(self, value: Any, address: Any, count: Any) -> None:
        """The first ``count`` elements of a vector to any address."""
        bits = ir.VectorType(ir.IntType(1), self.lanes)
        lanes = ir.Constant(ir.VectorType(I64, self.lanes), list(range(self.lanes)))
        nothing = ir.Constant(lanes.type, ir.Undefined)
        first = self.builder.insert_element(nothing, count, ir.Constant(I32, 0))
        zeros = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        counts = self.builder.shuffle_vector(first, nothing, zeros)
        taken = self.builder.icmp_signed("<", lanes, counts)
        target = self.pointer(address, self.vector)
        kind = f"v{self.lanes}f{8 * self.size}"
        name = f"llvm.masked.store.{kind}.p0{'' if _opaque(target.type) else kind}"
        arguments = [self.vector, target.type, I32, bits]
        function = self.builder.module.globals.get(name) or ir.Function(
            self.builder.module, ir.FunctionType(ir.VoidType(), arguments), name
        )
        align = ir.Constant(I32, self.size)
        self.builder.call(function, [value, target, align, taken])

    def prefetch(self, address: Any) -> None:
        """Ask for the line at an address, valid or not, to be brought to L2."""
        module, pointer = self.builder.module, ir.IntType(8).as_pointer()
        name = "llvm.prefetch.p0" if _opaque(pointer) else "llvm.prefetch.p0i8"
        kind = ir.FunctionType(ir.VoidType(), [pointer, I32, I32, I32])
        function = module.globals.get(name) or ir.Function(module, kind, name)
        read, second_level, data = (ir.Constant(I32, n) for n in (0, 2, 1))
        target = self.builder.inttoptr(address, pointer)
        self.builder.call(function, [target, read, second_level, data])

    def load_one(self, address: Any) -> Any:
        """A single element."""
        return self.builder.load(self.pointer(address, self.element))

    def spread(self, scalar: Any) -> Any:
        """The same number in every lane."""
        return self.in_every_lane(scalar, self.vector)

    def in_every_lane(self, scalar: Any, kind: Any) -> Any:
        """A number as a vector of this kind, whose integers may be narrower."""
        if scalar.type == I64 != kind.element:
            scalar = self.builder.trunc(scalar, kind.element)
        nothing = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(nothing, scalar, I32(0))
        lanes = ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count)
        return self.builder.shuffle_vector(first, nothing, lanes)

    def number(self, value: float) -> Any:
        """A constant vector."""
        return ir.Constant(self.vector, [value] * self.lanes)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """``a * b + c``, fused where the machine can; never a library call."""
        product = self.builder.fmul(a, b, flags=("contract",))
        return self.builder.fadd(c, product, flags=("contract",))

    def total(self, vector: Any) -> Any:
        """The sum over the lanes, halves first."""
        values = [
            self.builder.extract_element(vector, ir.Constant(I32, lane))
            for lane in range(self.lanes)
        ]
        while len(values) > 1:
            half = len(values) // 2
            pairs = zip(values[:half], values[half:], strict=True)
            values = [self.builder.fadd(a, b) for a, b in pairs]
        return values[0]

    def clipped(self, value: Any, low: Any, high: Any) -> Any:
        """``value`` within bounds; NaN is none of them, and stays."""
        below = self.builder.fcmp_ordered("<", value, low)
        value = self.builder.select(below, low, value)
        above = self.builder.fcmp_ordered(">", value, high)
        return self.builder.select(above, high, value)


def address_of(context: Any, builder: Any, kind: types.Array, array: Any) -> Any:
    """The byte address of an array's first element."""
    pointer = context.make_array(kind)(context, builder, array).data
    return builder.ptrtoint(pointer, I64)
