"""What a kernel declares about its arithmetic, and the unit roundoffs that follow.

A float32 kernel with nothing to declare is ``Numerics()``: each field left at None is
the format of the arrays themselves (float32 sums for the halves). One that multiplies
in TF32 is ``Numerics(inp="tf32")``, or in short ``"tf32"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import OptionError


class Format(NamedTuple):
    """A binary floating-point format by its precision and its range."""

    name: str
    digits: int  # of the significand, the hidden one included
    lowest: int  # exponent of the smallest normal number
    largest: float

    @property
    def u(self) -> float:
        """Unit roundoff, ``2**-digits``, of rounding to nearest."""
        return float(2.0**-self.digits)

    @property
    def min_normal(self) -> float:
        """Smallest normal number."""
        return float(2.0**self.lowest)

    @property
    def eta(self) -> float:
        """Largest error of a result that underflows: half a subnormal step."""
        return max(float(2.0 ** (self.lowest - self.digits)), 5e-324)


FORMATS = {
    "f64": Format("f64", 53, -1022, float(np.finfo(np.float64).max)),
    "f32": Format("f32", 24, -126, float(np.finfo(np.float32).max)),
    "tf32": Format("tf32", 11, -126, float(np.finfo(np.float32).max)),
    "f16": Format("f16", 11, -14, 65504.0),
    "bf16": Format("bf16", 8, -126, 3.3895313892515355e38),
}
_OF_DTYPE = {
    "float64": "f64",
    "float32": "f32",
    "float16": "f16",
    "bfloat16": "bf16",
}


def format_of(dtype: np.dtype[Any]) -> Format | None:
    """The format of a dtype; None for integers, which do not round."""
    name = _OF_DTYPE.get(dtype.name)
    return None if name is None else FORMATS[name]


@dataclass(frozen=True, slots=True)
class Winograd:
    """Winograd's F(m, r): ``m`` outputs per axis from ``m + r - 1`` inputs.

    ``points`` are the finite interpolation points (the last one, infinity, is implied);
    None are the usual ones, 0, 1, -1, 2, -2, 1/2, -1/2.
    """

    m: int
    r: int
    points: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.m < 1 or self.r < 1:
            raise OptionError(
                f"Winograd({self.m}, {self.r}) needs m and r of at least 1"
            )
        needed = self.m + self.r - 2
        if self.points is not None and len(set(self.points)) != needed:
            raise OptionError(
                f"Winograd({self.m}, {self.r}) needs {needed} distinct points, got "
                f"{self.points}: infinity is implied"
            )


@dataclass(frozen=True, slots=True)
class FFT:
    """Convolution as a product of Fourier transforms; its error is normwise."""


Algorithm = str | Winograd | FFT
DIRECT = ("direct", "im2col", "implicit-gemm", "split-k")
ALGORITHMS = (*DIRECT, "running", "any")


@dataclass(frozen=True, slots=True)
class Numerics:
    """A kernel's declared arithmetic.

    ``inp`` is the format in which factors are multiplied, ``acc`` that of the partial
    sums, ``out`` that of the result: "f64", "f32", "tf32", "f16", "bf16", or None for
    the arrays' own. ``algo`` is "direct" (any order of summation), ``Winograd(4, 3)``,
    ``FFT()``, or "any" of these, which screens only; "running" is a response norm whose
    sum over channels adds the next square and takes the last off. ``chunk`` is after
    how many terms a narrow accumulator is added to a float32 one. ``ftz`` flushes
    subnormals, ``truncate`` rounds factors towards zero. ``approximation`` is the
    absolute error of an approximated sigmoid or tanh, whose largest value is 1.

    >>> Numerics(inp="tf32").resolved(np.dtype(np.float32)).u_in
    0.00048828125
    """

    inp: str | None = None
    acc: str | None = None
    out: str | None = None
    algo: Algorithm = "direct"
    ftz: bool = False
    chunk: int | None = None
    truncate: bool = False
    approximation: float = 0.0

    def __post_init__(self) -> None:
        for name in ("inp", "acc", "out"):
            given = getattr(self, name)
            if given is not None and given not in FORMATS:
                raise OptionError(
                    f"{name}={given!r} is not known: use one of {tuple(FORMATS)}"
                )
        if isinstance(self.algo, str) and self.algo not in ALGORITHMS:
            raise OptionError(
                f"algo={self.algo!r} is not known: use one of {ALGORITHMS}, "
                "Winograd(m, r) or FFT()"
            )
        if not 0 <= self.approximation < 1:
            raise OptionError(
                f"approximation={self.approximation} must be an error from 0 to 1"
            )
        if self.chunk is not None and self.chunk < 1:
            raise OptionError(f"chunk must be at least 1 term, got {self.chunk}")

    def resolved(self, dtype: np.dtype[Any]) -> Resolved:
        """The numbers that follow for arrays of this dtype."""
        native = format_of(dtype) or FORMATS["f64"]
        factors = FORMATS[self.inp] if self.inp else native
        default = FORMATS["f32"] if native.digits < 24 else native
        acc = FORMATS[self.acc] if self.acc else default
        out = FORMATS[self.out] if self.out else native
        u_in = 0.0
        if factors.digits < native.digits:
            u_in = factors.u * (2 if self.truncate else 1)
        return Resolved(
            *(u_in, factors, acc, out, self.algo, self.ftz, self.chunk),
            self.approximation,
        )


class Resolved(NamedTuple):
    """Numerics for arrays of a known dtype: ``u_in`` is 0 where factors stay exact."""

    u_in: float
    factors: Format
    acc: Format
    out: Format
    algo: Algorithm
    ftz: bool
    chunk: int | None
    approximation: float = 0.0

    @property
    def eta(self) -> float:
        """Absolute error that one underflow in a sum may leave behind."""
        return self.acc.min_normal if self.ftz else self.acc.eta


PROFILES: Mapping[str, Numerics] = {
    "f64": Numerics("f64", "f64", "f64"),
    "f32": Numerics("f32", "f32", "f32"),
    "f16-out": Numerics("f32", "f32", "f16"),
    "tf32": Numerics("tf32", "f32", "f32"),
    "bf16": Numerics("bf16", "f32", "f32"),
    "f16-acc": Numerics("f16", "f16", "f16"),
    "bf16-acc": Numerics("bf16", "bf16", "bf16"),
}
"""Named numerics, the tightest first."""


def numerics_of(value: Numerics | str | None) -> Numerics:
    """``value``, the profile of that name, or the arrays' own arithmetic for None."""
    if value is None:
        return Numerics()
    if isinstance(value, Numerics):
        return value
    if value not in PROFILES:
        raise OptionError(
            f"numerics={value!r} is not known: use one of {tuple(PROFILES)}, or a "
            "Numerics"
        )
    return PROFILES[value]
