"""Methods of many runs: an occlusion map, class visualisation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from numpy_deconv.models import ARCHITECTURES
from numpy_deconv.registry import use_backend

from .. import work
from ..case import DECIDED, EXACT, Array, Case, Prepared, draw
from ..contenders import Contender
from ..contenders.backend_contender import BackendContender
from ..contenders.contender import CHECKED, Climb, Squares
from ..shapes import macs
from .nets import TARGET, graph

SIDE, STRIDE = 32, 8
STEPS, RATE, L2 = 20, 1.0, 1e-3
OCCLUSION, ASCENT = "occlusion", "class visualisation"


def corners(size: int) -> list[tuple[int, int]]:
    """Every place of the square in a picture, in an order that has no pattern."""
    starts = range(0, size - SIDE + 1, STRIDE)
    grid = [(top, left) for top in starts for left in starts]
    return [grid[n] for n in np.random.default_rng(0).permutation(len(grid))]


def cases() -> Iterator[Case]:
    """VGG-16 behind a grey square; twenty steps uphill on SqueezeNet."""
    vgg = ARCHITECTURES["vgg16"]
    places = len(corners(vgg.preprocess.size[0]))
    yield Case(
        "methods",
        OCCLUSION,
        f"vgg16 occlusion {SIDE} px step {STRIDE}",
        1,
        work.net(macs(vgg), places),
        occlusion,
        EXACT,
    )
    yield Case(
        "methods",
        ASCENT,
        f"squeezenet1_1 class visualisation {STEPS} steps",
        1,
        work.net(macs(ARCHITECTURES["squeezenet1_1"]), STEPS, passes=2),
        partial(ascent, STEPS),
        DECIDED,
    )


def occlusion(contenders: Iterable[Contender]) -> Prepared:
    """The target's score with the square at each place."""
    net, size = graph("vgg16"), ARCHITECTURES["vgg16"].preprocess.size
    x = draw(1, 3, *size)
    squares = Squares(corners(size[0]), SIDE, STRIDE, 0.0, TARGET)

    def truth() -> tuple[Array]:
        scores = []
        for top, left in squares.corners[:CHECKED]:
            hidden = x.copy()
            hidden[:, :, top : top + SIDE, left : left + SIDE] = squares.value
            with use_backend("numpy"):
                scores.append(net(hidden)[0, TARGET])
        return (np.array(scores),)

    return Prepared.of(truth, contenders, lambda who: who.occlude(net, x, squares))


def ascent(steps: int, contenders: Iterable[Contender]) -> Prepared:
    """Gradient ascent from one noise image, without shifts or blur."""
    net = graph("squeezenet1_1")
    x = draw(1, 3, *ARCHITECTURES["squeezenet1_1"].preprocess.size)
    climb = Climb(x, TARGET, steps, RATE, L2)

    def truth() -> tuple[Array]:
        (reference,) = BackendContender("numpy").climb(net, climb)
        return (reference.run(),)

    return Prepared.of(truth, contenders, lambda who: who.climb(net, climb))
