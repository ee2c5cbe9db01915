"""Sums of products along named axes, as NumPy's einsum writes them."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, widened
from ..errors import ShapeError
from .arithmetic import Operation
from .boxes import Indices, rows_of
from .layer import ReadsAll, WithoutRule

Subscripts = tuple[tuple[str, ...], str]  # of each operand, and of the result


def subscripts(equation: str, ranks: Sequence[int]) -> Subscripts:
    """``"...ij,jk"`` of operands of these ranks, with a letter for every axis.

    What an ellipsis stands for gets letters of its own, aligned at the right; without
    an arrow the result has these first, then each letter that occurs once, sorted.
    Raises ShapeError for an equation that does not say what to do.

    >>> subscripts("...ij,jk->...ik", (3, 2))
    (('Aij', 'jk'), 'Aik')
    """
    words = equation.replace(" ", "")
    left, arrow, right = words.partition("->")
    parts = left.split(",")
    letters = words.replace("->", "").replace(",", "").replace("...", "")
    if len(parts) != len(ranks) or not set(letters) <= set(string.ascii_letters):
        raise ShapeError(
            f"{equation!r} does not say what becomes of {len(ranks)} operands"
        )
    free = [c for c in string.ascii_uppercase if c not in letters]
    pairs = list(zip(parts, ranks, strict=True))
    hidden = [rank - len(part.replace("...", "")) for part, rank in pairs]
    open_ends = [n if "..." in p else 0 for n, p in zip(hidden, parts, strict=True)]
    wide = max(open_ends, default=0)
    if hidden != open_ends or min(hidden) < 0 or wide > len(free):
        raise ShapeError(f"{equation!r} does not fit operands of {tuple(ranks)} axes")
    dots = "".join(free[:wide])
    named = tuple(
        p.replace("...", dots[wide - n :]) for p, n in zip(parts, hidden, strict=True)
    )
    if not arrow:
        once = sorted(c for c in set(letters) if left.count(c) == 1)
        return named, dots + "".join(once)
    result = right.replace("...", dots)
    if len(set(result)) < len(result) or not set(result) <= set("".join(named)):
        raise ShapeError(f"{equation!r} has a result that its operands do not give")
    return named, result


def lengths(named: Subscripts, shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    """How long each letter's axis is; ShapeError where two operands disagree."""
    found: dict[str, int] = {}
    for word, shape in zip(named[0], shapes, strict=True):
        for letter, length in zip(word, shape, strict=True):
            known = found.setdefault(letter, length)
            if 1 not in (known, length) and known != length:
                raise ShapeError(
                    f"axis {letter!r} is {known} long in one operand, {length} in "
                    f"another: shapes {', '.join(map(str, shapes))}"
                )
            found[letter] = length if known == 1 else known
    return found


@dataclass(frozen=True, eq=False)
class Einsum(ReadsAll, Operation, WithoutRule):
    """``einsum(equation, *operands)``; ``constants`` has an entry for each operand.

    >>> layer = Einsum((None, np.array([[1.0, 2.0]])), "bi,oi->bo")
    >>> layer.forward(np.array([[3.0, 4.0]]))[0]
    array([[11.]])
    """

    equation: str = ""

    def _named(self, operands: Sequence[Array]) -> Subscripts:
        return subscripts(self.equation, [each.ndim for each in operands])

    def check(self, *operands: Array) -> None:
        lengths(self._named(operands), [each.shape for each in operands])

    def value(self, *operands: Array) -> Array:
        words, result = self._named(operands)
        return _summed(operands, f"{','.join(words)}->{result}")

    def slopes(self, gy: Array, *operands: Array) -> tuple[Array | None, ...]:
        raise NotImplementedError  # vjp knows the axes by their letters

    def vjp(self, saved: tuple[Array, ...], gy: Array) -> tuple[Array | None, ...]:
        operands = self._filled(saved)
        named = self._named(operands)
        sizes = lengths(named, [each.shape for each in operands])
        return tuple(
            _slope(gy, operands, place, named, sizes) for place in self._places
        )

    def describe(self) -> str:
        return f"Einsum {self.equation}"

    def take(self, saved: tuple[Array, ...], samples: Indices) -> Any:
        """Apart where the first axis is one of every input, and of the result."""
        operands = self._filled(saved)
        words, result = self._named(operands)
        first = {words[place][:1] for place in self._places}
        shared = "".join(words).count(result[:1]) == len(self._places)
        if not result or first != {result[0]} or not shared:
            return NotImplemented
        return tuple(rows_of(x, samples) for x in saved)


def _slope(
    gy: Array,
    operands: Sequence[Array],
    place: int,
    named: Subscripts,
    sizes: dict[str, int],
) -> Array:
    """The gradient of one operand: the same sum of products, with ``gy`` in its place.

    ``gy`` may hold any number of gradients for a result of one sample.
    """
    words, result = named
    word, x = words[place], operands[place]
    wanted = "".join(dict.fromkeys(word))  # a letter twice is a diagonal
    others = [n for n in range(len(words)) if n != place]
    terms = [gy, *(operands[n] for n in others)]
    texts = [result, *(words[n] for n in others)]
    held = set("".join(texts))
    for letter in wanted:
        if letter not in held:  # it was summed away at once
            terms.append(np.ones_like(gy, shape=(sizes[letter],)))
            texts.append(letter)
    grad = _summed(terms, f"{','.join(texts)}->{wanted}")
    spread = tuple(
        axis
        for axis, letter in enumerate(wanted)
        if x.shape[word.index(letter)] == 1 and sizes[letter] != 1
    )
    grad = grad.sum(axis=spread, keepdims=True) if spread else grad
    if wanted == word:
        return grad
    batch = grad.shape[wanted.index(word[0])]
    whole_grad = np.zeros_like(gy, shape=(batch, *x.shape[1:]))
    if word.count(word[0]) > 1:
        whole_grad = np.zeros_like(gy, shape=x.shape)
    np.einsum(f"{word}->{wanted}", whole_grad)[...] = grad
    return whole_grad


def _summed(operands: Sequence[Array], equation: str) -> Array:
    return _einsum(operands[0], *operands[1:], equation=equation)


@widened
def _einsum(first: Array, *others: Array, equation: str) -> Array:
    """By products of matrices where there are such: einsum alone is slow."""
    return np.einsum(equation, first, *others, optimize=True)
