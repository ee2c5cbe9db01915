"""Sums by letters, picked entries: against NumPy, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numpy_deconv.errors import ShapeError
from numpy_deconv.layers.einsum import Einsum, subscripts
from numpy_deconv.layers.picking import CumSum, Pick

RNG = np.random.default_rng(3)

EQUATIONS: list[tuple[str, tuple[tuple[int, ...], ...]]] = [
    ("bij,bjk->bik", ((2, 3, 4), (2, 4, 5))),
    ("bij,bjk", ((2, 3, 4), (2, 4, 5))),
    ("...i,...i", ((2, 3, 4), (3, 4))),
    ("...ij->...ji", ((2, 3, 4),)),
    ("bii->bi", ((2, 3, 3),)),
    ("bii->b", ((2, 3, 3),)),
    ("bhwi,hki->bhwk", ((2, 3, 4, 5), (3, 6, 5))),
    ("bi,bj,bk->bijk", ((2, 3), (2, 4), (2, 5))),
    ("bi,bj->b", ((2, 3), (2, 4))),
    ("bi,i->bi", ((2, 1), (4,))),
    ("ab,cd->ad", ((2, 3), (4, 5))),
    ("bi->bi", ((2, 3),)),
    ("ii->i", ((3, 3),)),
]


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS)
def test_einsum_like_numpy(equation: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    xs = [RNG.normal(size=shape) for shape in shapes]
    layer = Einsum((None,) * len(xs), equation)
    y, saved = layer.forward(*xs)
    np.testing.assert_allclose(y, np.einsum(equation, *xs), atol=1e-12)
    signal = RNG.normal(size=y.shape)
    grads: Any = layer.vjp(saved, signal)
    for place, (x, grad) in enumerate(zip(xs, grads, strict=True)):
        assert grad.shape == x.shape
        step = RNG.normal(size=x.shape)
        moved = [*xs[:place], step, *xs[place + 1 :]]  # it is linear in each of them
        slope = float((layer.forward(*moved)[0] * signal).sum())
        assert slope == pytest.approx(float((grad * step).sum()))


@pytest.mark.parametrize(
    ("equation", "ranks", "words"),
    [
        ("ij,jk", (2,), "does not say what becomes of 1 operands"),
        ("i1", (2,), "does not say what becomes of"),
        ("ij", (3,), "does not fit operands of (3,) axes"),
        ("...ij", (1,), "does not fit operands of (1,) axes"),
        ("ij->ik", (2,), "a result that its operands do not give"),
        ("ij->ii", (2,), "a result that its operands do not give"),
    ],
)
def test_equations_that_say_nothing(
    equation: str, ranks: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        subscripts(equation, ranks)
    assert words in str(caught.value)


def test_axes_of_different_lengths() -> None:
    with pytest.raises(ShapeError, match="axis 'j' is 3 long in one operand, 4 in"):
        Einsum((None, None), "ij,jk").forward(np.ones((2, 3)), np.ones((4, 5)))


def test_an_entry_picked_twice_gets_both_gradients() -> None:
    layer = Pick((None, None), np.array([0, 3, 3, 5]))
    y, saved = layer.forward(np.arange(8.0).reshape(2, 4), -np.ones((2, 2)))
    np.testing.assert_array_equal(y, [[0, 3, 3, -1], [4, 7, 7, -1]])
    ours, other = layer.vjp(saved, np.array([[1.0, 2, 4, 8], [1, 1, 1, 1]]))
    np.testing.assert_array_equal(ours, [[1, 0, 0, 6], [1, 0, 0, 2]])
    np.testing.assert_array_equal(other, [[0, 8], [0, 1]])


def test_entries_that_are_not_there() -> None:
    with pytest.raises(ShapeError, match="picks entries 0 to 9, but its operands have"):
        Pick((None,), np.array([0, 9])).forward(np.ones((2, 4)))
    with pytest.raises(ShapeError, match="an input of 2 axes has no axis 2"):
        CumSum(2).forward(np.ones((2, 4)))


def test_sums_without_the_entry_itself_are_finite_before_an_infinity() -> None:
    y, _ = CumSum(1, exclusive=True).forward(np.array([[1.0, 2, np.inf, 3]]))
    np.testing.assert_array_equal(y, [[0, 1, 3, np.inf]])
