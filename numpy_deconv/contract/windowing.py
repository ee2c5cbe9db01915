"""Calls of the kernels that work on boxes of planes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..layers.boxes import Boxes
from ..per_axis import Sizes
from ..reference.pooling import max_pool
from .draw import Draw
from .recipes import Call, recipe, sums_exactly
from .sliding import conv_input_grad


@recipe(integers=True, specials=True)
def cut(draw: Draw) -> Call:
    """Boxes that lie anywhere, and now and then others that are written over them."""
    rank, planes = draw.rank(), draw.pick(1, 2, 3)
    size, shape = draw.sizes(rank), draw.sizes(rank)
    samples = draw.whole(0, planes, draw.pick(1, 2, 3))
    boxes = _anywhere(draw, shape, size, samples)
    x = draw.array(planes, draw.channels(), *size)
    if draw.chance(0.5):
        return Call((x, boxes))
    small = draw.sizes(rank)
    over = draw.array(len(samples), x.shape[1], *small)
    return Call((x, boxes, 0, over, _anywhere(draw, small, size, samples)))


@recipe(integers=True, specials=True)
def concat(draw: Draw) -> Call:
    """One to three arrays that differ along one axis."""
    size = draw.sizes(draw.rank())
    shape = (draw.batch(), draw.channels(), *size)
    axis = int(draw.pick(1, 1, 0, -1))
    shapes = [list(shape) for _ in range(draw.pick(1, 2, 3))]
    for each in shapes:
        each[axis] = draw.pick(1, 2, 5, 16)
    arrays = tuple(draw.array(*each) for each in shapes)
    return Call(arrays, options={"axis": axis})


@recipe(specials=True)
def split_channels(draw: Draw) -> Call:
    """Some runs of channels as they are, the others through a ReLU."""
    size, batch = draw.sizes(draw.rank()), draw.batch()
    sizes = tuple(draw.channels() for _ in range(draw.pick(1, 2, 3)))
    wheres = [
        draw.array(batch, channels, *size) if draw.chance(0.7) else None
        for channels in sizes
    ]
    return Call((draw.array(batch, sum(sizes), *size), sizes, *wheres))


@recipe(integers=True)
def scatter_windows(draw: Draw) -> Call:
    """Boxes of pooled planes, and around what their windows saw."""
    window, size, pooled = draw.window(pool=True)
    planes, channels = draw.pick(1, 2, 3), draw.channels()
    noise = draw.positive(planes, channels, *size)
    switches = max_pool(noise, window)[1]
    shape = tuple(int(draw.whole(1, n + 1)) for n in pooled)
    samples = draw.whole(0, planes, draw.pick(1, 2, 3))
    spare = [n - s + 1 for n, s in zip(pooled, shape, strict=True)]
    output = Boxes(
        draw.whole(0, spare, len(samples), len(size)), shape, pooled, samples
    )
    begins = np.array([begin for begin, _ in window.padding], np.int64)
    starts = output.origins * np.array(window.stride, np.int64) - begins
    seen = tuple(
        (n - 1) * s + e
        for n, s, e in zip(shape, window.stride, window.span, strict=True)
    )
    inputs = Boxes(starts, seen, size, samples)
    values = draw.array(len(samples), channels, *shape)
    stays = draw.whole(0, 3, *switches.shape) > 0
    given = (values, switches, stays if draw.chance(0.5) else None)
    exact = sums_exactly(draw)
    return Call((*given, size, output, inputs), exact, window.size)


@recipe(integers=True)
def conv_input_grad_moved(draw: Draw) -> Call:
    """Boxes as large as the gradient, most of which hang over its edges."""
    call = conv_input_grad(draw)
    grad, weight, _, *rest = call.arguments
    size, samples = rest[0], np.arange(len(grad))
    places = _anywhere(draw, size, size, samples)
    if draw.chance(0.3):  # some are where they were
        places.origins[draw.whole(0, 2, len(samples)) > 0] = 0
    bound = draw.pick(0, None)
    return replace(call, arguments=(grad, weight, *rest, bound, places))


def _anywhere(draw: Draw, shape: Sizes, size: Sizes, samples: np.ndarray) -> Boxes:
    furthest = max(*shape, *size) + 2
    origins = draw.whole(-furthest, furthest, len(samples), len(size))
    return Boxes(origins, shape, size, samples)
