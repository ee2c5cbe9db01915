"""The error bound of Winograd convolutions.

``y = Aᵀ [ (G w Gᵀ) ⊙ (Bᵀ d B) ] A`` sums products that cancel, so convolving absolute
values bounds nothing. What does is the same formula with every matrix replaced by its
absolute values (Barabasz, Anderson, Soodhalter & Gregg 2020, Error analysis and
improving the accuracy of Winograd convolution for deep neural networks)::

    W  =  |Aᵀ| [ Σ_c (|G| |w| |Gᵀ|) ⊙ (|Bᵀ| |d| |B|) ] |A|
    H  =  γ_{C + rank·(r + 1 + 2t)} · W         t = m + r - 1
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np

from ..errors import OptionError
from .call import Array
from .numerics import Winograd

POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 4.0, -4.0, 0.25, -0.25)


def matrices(scheme: Winograd) -> tuple[Array, Array, Array]:
    """``Aᵀ (m, t)``, ``G (t, r)`` and ``Bᵀ (t, t)`` of Toom-Cook's F(m, r).

    Rows of ``Aᵀ`` and ``G`` are powers of the points, ``G``'s divided by the products
    of their differences, and ``Bᵀ`` holds the coefficients of Lagrange's polynomials.

    >>> At, G, Bt = matrices(Winograd(2, 3))
    >>> d, w = np.array([1.0, 2, 3, 4]), np.array([1.0, 10, 100])
    >>> At @ ((G @ w) * (Bt @ d))
    array([321., 432.])
    """
    points = scheme.points or POINTS[: scheme.m + scheme.r - 2]
    if len(points) < scheme.m + scheme.r - 2:
        raise OptionError(f"{scheme} has no usual points: give them")
    return _matrices(scheme.m, scheme.r, tuple(points))


@lru_cache
def _matrices(m: int, r: int, points: tuple[float, ...]) -> tuple[Array, Array, Array]:
    t = m + r - 1
    At, G, Bt = np.zeros((m, t)), np.zeros((t, r)), np.zeros((t, t))
    for i, point in enumerate(points):
        others = [p for p in points if p != point]
        scale = math.prod(point - other for other in others)
        At[:, i] = point ** np.arange(m)
        G[i] = point ** np.arange(r) / scale
        Bt[i, : t - 1] = _polynomial(others)
    At[m - 1, t - 1] = G[t - 1, r - 1] = 1
    Bt[t - 1] = _polynomial(points)
    return At, G, Bt


def _polynomial(roots: tuple[float, ...] | list[float]) -> Array:
    """Coefficients of the monic polynomial with these roots, the constant first."""
    found = np.array([1.0])
    for root in roots:
        found = np.concatenate([[0.0], found]) - root * np.concatenate([found, [0.0]])
    return found


def transformed(array: Array, matrix: Array, rank: int) -> Array:
    """``matrix`` applied along each of the last ``rank`` axes."""
    for axis in range(-rank, 0):
        array = np.moveaxis(np.tensordot(matrix, array, (1, axis)), 0, axis)
    return array


def tiles(x: Array, size: int, step: int, count: tuple[int, ...]) -> Array:
    """Tiles ``(N, C, *count, *size)`` of the spatial axes, zero beyond the end."""
    rank = len(count)
    needed = [(n - 1) * step + size for n in count]
    ends = [(0, max(0, n - have)) for n, have in zip(needed, x.shape[2:], strict=True)]
    padded = np.pad(x, [(0, 0), (0, 0), *ends])
    views = np.lib.stride_tricks.sliding_window_view(
        padded, (size,) * rank, axis=tuple(range(2, 2 + rank))
    )
    steps = tuple(slice(0, (n - 1) * step + 1, step) for n in count)
    return np.asarray(views[(slice(None), slice(None), *steps)])


def convolved(x: Array, weight: Array, groups: int, scheme: Winograd) -> Array:
    """A unit-stride convolution of padded ``x`` by this scheme, tile by tile."""
    return _by_tiles(x, weight, groups, scheme, matrices(scheme))


def magnitude(x: Array, weight: Array, groups: int, scheme: Winograd) -> Array:
    """``W``, for padded ``x``: the same on absolute values, matrices included."""
    At, G, Bt = (np.abs(matrix) for matrix in matrices(scheme))
    return _by_tiles(np.abs(x), np.abs(weight), groups, scheme, (At, G, Bt))


def _by_tiles(
    x: Array,
    weight: Array,
    groups: int,
    scheme: Winograd,
    transforms: tuple[Array, Array, Array],
) -> Array:
    At, G, Bt = (matrix.astype(x.dtype) for matrix in transforms)
    rank, m, r = x.ndim - 2, scheme.m, scheme.r
    outputs = tuple(n - r + 1 for n in x.shape[2:])
    count = tuple(-(-n // m) for n in outputs)
    d = transformed(tiles(x, m + r - 1, m, count), Bt, rank)
    w = transformed(weight, G, rank)
    batch, channels, filters = len(x), x.shape[1] // groups, len(weight) // groups
    shape = d.shape[2:]
    d = d.reshape(batch, groups, channels, *shape)
    w = w.reshape(groups, filters, channels, *(1,) * rank, *w.shape[2:])
    products = np.zeros((batch, groups, filters, *shape), x.dtype)
    for c in range(channels):
        products += d[:, :, c][:, :, None] * w[None, :, :, c]
    y = transformed(products, At, rank).reshape(
        batch, groups * filters, *count, *(m,) * rank
    )
    order = itertools.chain.from_iterable((2 + a, 2 + rank + a) for a in range(rank))
    y = y.transpose(0, 1, *order)
    y = y.reshape(*y.shape[:2], *(n * m for n in count))
    return y[(..., *(slice(n) for n in outputs))]


def weight_magnitude(grad: Array, x: Array, groups: int, scheme: Winograd) -> Array:
    """``W`` of the weight gradient of a unit-stride convolution of padded ``x``.

    ``dw = Gᵀ [ Σ_{n, tiles} (Bᵀ d B) ⊙ (A dy Aᵀ) ] G``: the scheme transposed.
    """
    At, G, Bt = (np.abs(matrix) for matrix in matrices(scheme))
    rank, m, t = x.ndim - 2, scheme.m, scheme.m + scheme.r - 1
    count = tuple(-(-n // m) for n in grad.shape[2:])
    d = transformed(tiles(np.abs(x), t, m, count), Bt, rank)
    g = transformed(tiles(np.abs(grad), m, m, count), At.T, rank)
    shape = d.shape[2:]
    d = d.reshape(len(x), groups, x.shape[1] // groups, *shape)
    g = g.reshape(len(x), groups, grad.shape[1] // groups, *shape)
    tiled = tuple(range(3, 3 + rank))
    total = np.zeros((groups, g.shape[2], d.shape[2], *(t,) * rank))
    for n in range(len(x)):
        total += (g[n][:, :, None] * d[n][:, None]).sum(axis=tiled)
    found = transformed(total, G.T, rank)
    return found.reshape(grad.shape[1], *found.shape[2:])
