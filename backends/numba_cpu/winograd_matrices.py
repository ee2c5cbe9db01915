"""The matrices of Winograd's minimal filtering, one axis each.

Lavin & Gray 2016, section 4. A tile of ``d`` inputs gives outputs through as many
products as there are points, along each axis::

    Y = A^T [ (G w G^T) * (B^T d B) ] A

``F(m, 3)`` gives ``m`` outputs of ``m + 2`` inputs. A small window with nothing but
zeros around it needs fewer: all that it reaches is a product of two polynomials (Toom &
Cook), with a point for each of its coefficients. ``F(4, 3)`` would take 12 x 12
products for what 3 x 3 inputs reach, where 5 x 5 are enough.
"""

from __future__ import annotations

from typing import NamedTuple

Rows = tuple[tuple[float, ...], ...]


class Filtering(NamedTuple):
    """The three matrices of one filtering by 3 taps."""

    inputs: Rows  # B^T, (points, inputs)
    weights: Rows  # G, (points, 3)
    results: Rows  # A^T, (outputs, points)

    @property
    def tile(self) -> int:
        """Points per axis, by which a filtering is known."""
        return len(self.weights)

    @property
    def reads(self) -> int:
        """Inputs per axis."""
        return len(self.inputs[0])

    @property
    def outputs(self) -> int:
        """Outputs per axis."""
        return len(self.results)

    @property
    def margin(self) -> int:
        """Zeros around the inputs, on each side, that outputs see and nobody reads."""
        return (self.outputs + 2 - self.reads) // 2


#: F(2, 3), points 0, +-1 and infinity.
F2 = Filtering(
    ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
    ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
    ((1, 1, 1, 0), (0, 1, -1, -1)),
)

#: F(4, 3), points 0, +-1, +-2 and infinity.
F4 = Filtering(
    (
        (4, 0, -5, 0, 1, 0),
        (0, -4, -4, 1, 1, 0),
        (0, 4, -4, -1, 1, 0),
        (0, -2, -1, 2, 1, 0),
        (0, 2, -1, -2, 1, 0),
        (0, 4, 0, -5, 0, 1),
    ),
    (
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
    (
        (1, 1, 1, 1, 1, 0),
        (0, 1, -1, 2, -2, 0),
        (0, 1, 1, 4, 4, 0),
        (0, 1, -1, 8, -8, 1),
    ),
)

#: All that 3 inputs reach, points 0, +-1 and +-2.
ALL3 = Filtering(
    ((1, 0, 0), (1, 1, 1), (1, -1, 1), (1, 2, 4), (1, -2, 4)),
    (
        (0, 0, 1 / 4),
        (1 / 6, 1 / 6, 1 / 6),
        (1 / 6, -1 / 6, 1 / 6),
        (1 / 6, 1 / 12, 1 / 24),
        (1 / 6, -1 / 12, 1 / 24),
    ),
    (
        (4, 0, 0, 0, 0),
        (0, 4, -4, -2, 2),
        (-5, 4, 4, -1, -1),
        (0, -1, 1, 2, -2),
        (1, -1, -1, 1, 1),
    ),
)

#: All that 5 inputs reach, points 0, +-1, +-2 and +-1/2.
ALL5 = Filtering(
    (
        (1, 0, 0, 0, 0),
        (1, 1, 1, 1, 1),
        (1, -1, 1, -1, 1),
        (1, 2, 4, 8, 16),
        (1, -2, 4, -8, 16),
        (1, 1 / 2, 1 / 4, 1 / 8, 1 / 16),
        (1, -1 / 2, 1 / 4, -1 / 8, 1 / 16),
    ),
    (
        (0, 0, 1 / 4),
        (1 / 18, 1 / 18, 1 / 18),
        (1 / 18, -1 / 18, 1 / 18),
        (1 / 90, 1 / 180, 1 / 360),
        (1 / 90, -1 / 180, 1 / 360),
        (1 / 180, 1 / 90, 1 / 45),
        (1 / 180, -1 / 90, 1 / 45),
    ),
    (
        (4, 0, 0, 0, 0, 0, 0),
        (0, -4, 4, 2, -2, 64, -64),
        (-21, -4, -4, 1, 1, 128, 128),
        (0, 17, -17, -10, 10, -80, 80),
        (21, 17, 17, -5, -5, -160, -160),
        (0, -4, 4, 8, -8, 16, -16),
        (-4, -4, -4, 4, 4, 32, 32),
    ),
)

BY_TILE = {f.tile: f for f in (F2, ALL3, F4, ALL5)}
