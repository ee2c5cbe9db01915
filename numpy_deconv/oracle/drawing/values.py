"""The data sets: each is blind to something, so all of them are drawn.

Small integers are exact in any order of summation and see every wrong index; normal
and lognormal numbers see lost precision; special values, ties and constants see what
a maximum does with them; the six sets of Arm's TOSA reference model see range.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...arrays import Array, is_float

EXACT = ("integers", "position", "ties", "one_hot", "permutation", "wide_integers")
BOUND = (
    *("normal", "uniform", "lognormal", "cancelling", "constant"),
    *("tosa0", "tosa1", "tosa2", "tosa3", "tosa4", "tosa5", "subnormal"),
)
SPECIALS = ("specials",)
KINDS = EXACT + BOUND + SPECIALS


class Data(NamedTuple):
    """How the arrays of one call are filled; ``rate`` is 0 to 3."""

    rng: np.random.Generator
    dtype: np.dtype[Any]
    kind: str
    rate: int


def values(data: Data, shape: tuple[int, ...], role: str) -> Array:
    """An array of the data set; ``role`` is "x", "weight", "bias" or "grad"."""
    kind = data.kind
    if kind == "specials" and role != "x" and data.rate != 3:
        kind = "normal" if is_float(data.dtype) else "integers"
    if data.dtype.kind in "iu":
        kind = kind if kind in (*EXACT, "specials", "constant") else "integers"
    made = SETS[kind](data, shape, role)
    if data.dtype.kind in "iu":
        limits = np.iinfo(data.dtype)
        made = np.clip(made, max(limits.min, -(2**53)), min(limits.max, 2**53))
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(made).astype(data.dtype).reshape(shape)


def _largest(data: Data) -> int:
    """Integers up to this have products whose sums are exact in the dtype."""
    return {"float16": 2, "bfloat16": 1, "int8": 3, "uint8": 3}.get(data.dtype.name, 9)


def _integers(data: Data, shape: tuple[int, ...], role: str) -> Array:
    top = _largest(data)
    sizes = data.rng.integers(1, top + 1, shape)
    return sizes * _signs(data, shape)


def _signs(data: Data, shape: tuple[int, ...]) -> Array:
    if data.dtype.kind == "u":
        return np.ones(shape)
    return data.rng.choice(np.array([-1.0, 1.0]), shape)


def _wide_integers(data: Data, shape: tuple[int, ...], role: str) -> Array:
    """Up to 2^13 in what is summed over few terms: tf32 has only 11 bits."""
    if _largest(data) < 9 or role in ("weight", "bias"):
        return _integers(data, shape, role) if role != "weight" else _signs(data, shape)
    top = 2**13 if data.dtype.itemsize > 2 else 100
    return data.rng.integers(1, top, shape) * _signs(data, shape)


def _position(data: Data, shape: tuple[int, ...], role: str) -> Array:
    count = math.prod(shape)
    numbers = np.arange(1, count + 1) if role == "x" else _integers(data, shape, role)
    if role == "x" and _largest(data) < 9:
        numbers = 1 + numbers % (100 if data.dtype.kind in "iu" else 2)
    return np.asarray(numbers, np.float64).reshape(shape)


def _ties(data: Data, shape: tuple[int, ...], role: str) -> Array:
    low = 0 if data.dtype.kind == "u" or data.rate == 0 else -1
    return data.rng.integers(low, 2, shape)


def _one_hot(data: Data, shape: tuple[int, ...], role: str) -> Array:
    if role in ("weight", "bias"):
        return _integers(data, shape, role)
    made = np.zeros(math.prod(shape))
    if made.size:
        made[data.rng.integers(made.size)] = 1
    return made.reshape(shape)


def _permutation(data: Data, shape: tuple[int, ...], role: str) -> Array:
    if role in ("weight", "bias") or _largest(data) < 9:
        return _integers(data, shape, role)
    count = math.prod(shape)
    return (data.rng.permutation(count) - count // 2).reshape(shape)


def _constant(data: Data, shape: tuple[int, ...], role: str) -> Array:
    return np.full(shape, (1.0, -1.0, 0.1, 3.0)[data.rate])


def _normal(data: Data, shape: tuple[int, ...], role: str) -> Array:
    return data.rng.normal(size=shape)


def _uniform(data: Data, shape: tuple[int, ...], role: str) -> Array:
    return data.rng.uniform(size=shape)


def _lognormal(data: Data, shape: tuple[int, ...], role: str) -> Array:
    return np.exp(data.rng.normal(size=shape) * 2) * _signs(data, shape)


def _cancelling(data: Data, shape: tuple[int, ...], role: str) -> Array:
    """Neighbours that nearly cancel: what is left shows every lost bit."""
    made = data.rng.normal(size=math.prod(shape))
    half = made.size // 2
    made[half : 2 * half] = -made[:half] * (1 + 2.0**-12)
    return data.rng.permutation(made).reshape(shape)


def _subnormal(data: Data, shape: tuple[int, ...], role: str) -> Array:
    """Products around the smallest normal number, unless they are halves."""
    if data.dtype.name == "float16" or role != "x":
        return data.rng.normal(size=shape)
    tiny = float(np.finfo(np.float32 if data.dtype.itemsize < 8 else np.float64).tiny)
    return data.rng.normal(size=shape) * tiny * 4


def _tosa0(data: Data, shape: tuple[int, ...], role: str) -> Array:
    """Half of the factors are zero, so most products are."""
    return data.rng.normal(size=shape) * data.rng.integers(0, 2, shape)


def _tosa1(data: Data, shape: tuple[int, ...], role: str) -> Array:
    """Exponents from one end to the other."""
    reach = 5 if data.dtype.name == "float16" else 30
    return np.exp2(data.rng.uniform(-reach, reach, shape)) * _signs(data, shape)


def _tosa2(data: Data, shape: tuple[int, ...], role: str) -> Array:
    """Ones and small terms, which a short accumulator swallows."""
    small = data.rng.uniform(size=shape) * 2.0**-9
    return np.where(data.rng.random(shape) < 0.05, 1.0, small)


def _tosa3(data: Data, shape: tuple[int, ...], role: str) -> Array:
    """±16 and exponents spread below it."""
    return 16 * np.exp2(-data.rng.uniform(0, 12, shape)) * _signs(data, shape)


def _tosa4(data: Data, shape: tuple[int, ...], role: str) -> Array:
    """Zeros among large numbers."""
    return data.rng.normal(size=shape) * 64 * (data.rng.random(shape) < 0.3)


def _tosa5(data: Data, shape: tuple[int, ...], role: str) -> Array:
    """A large range with signs."""
    reach = 4 if data.dtype.name == "float16" else 40
    return data.rng.normal(size=shape) * np.exp2(data.rng.integers(-reach, reach))


def _specials(data: Data, shape: tuple[int, ...], role: str) -> Array:
    if data.dtype.kind in "iu":
        limits = np.iinfo(data.dtype)
        odd = np.array([limits.min, limits.max, limits.min], np.float64)
        made = np.ones(shape)
    else:
        made = data.rng.normal(size=shape)
        # the truth of float64 is float64 too, and must not overflow by itself
        big = min(float(_finfo(data.dtype).max), 1e150)
        odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, big, -big, 1e-40])
        if data.rng.integers(3) == 0:
            odd = np.array([-np.inf, -np.inf, -big, np.nan])
    share = (0.02, 0.2, 0.6, 0.95)[data.rate]
    if data.rate == 3:
        share = float(data.rng.choice([0.02, 0.95]))
    where = data.rng.random(shape) < share
    return np.where(where, data.rng.choice(odd, shape), made)


def _finfo(dtype: np.dtype[Any]) -> Any:
    if dtype.name == "bfloat16":
        import ml_dtypes

        return ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    return np.finfo(dtype)


SETS: dict[str, Callable[[Data, tuple[int, ...], str], Array]] = {
    name: globals()[f"_{name}"] for name in KINDS
}
