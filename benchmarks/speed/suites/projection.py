"""Deconvnet projections of the maps of each convolution, one image and the top nine.

The forward run is not in the time: it is a case of its own. Of each map its strongest
unit is projected; maps that do not respond are dropped, since a projection of nothing
costs some contenders less than others. Where a layer has more maps than are timed, the
time is scaled to all of them, for everyone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial

import numpy as np

from numpy_deconv.layers import Conv
from numpy_deconv.models import ARCHITECTURES
from numpy_deconv.net import Tape
from numpy_deconv.registry import use_backend

from .. import work
from ..case import DECIDED, Array, Case, Prepared, draw
from ..contenders import Contender
from ..contenders.backend_contender import descend
from ..contenders.contender import CHECKED, Chosen, Place
from ..shapes import Step, macs, steps
from .nets import graph

NETS = ("vgg16", "alexnet", "zfnet", "squeezenet1_1")
"""EfficientNet-Lite0 is not among them: ReLU6 has no published deconvnet rule."""
TIMED = {1: 512, 9: 64}
"""Maps of each image that are timed in any case, by number of images; and as many more
as take so many multiplications in full."""
ENOUGH = 3e11
GROUP = "project every map"


def cases() -> Iterator[Case]:
    """Every convolution of a chain; of SqueezeNet those that expand with 3x3."""
    for name in NETS:
        architecture = ARCHITECTURES[name]
        for step in steps(architecture):
            branch = "/" in step.row.name and "expand3x3" not in step.row.name
            if step.row.layer is not Conv or branch or step.out[1:] == (1, 1):
                continue
            layer, maps = step.row.name, step.out[0]
            total = macs(architecture, layer)
            for images, least in TIMED.items():
                most = max(least, int(ENOUGH / (images * total)))
                timed = f" ({most} of {maps} timed)" if most < maps else ""
                yield Case(
                    "projection",
                    GROUP,
                    f"{name} {layer} project {maps} maps{timed}",
                    images,
                    work.net(total, images * maps),
                    partial(prepare, name, step, images, most),
                    DECIDED,
                )


@lru_cache(maxsize=16)
def tape_of(name: str, image: int) -> Tape:
    """The reference's run of a net on one noise image."""
    x = draw(1, 3, *ARCHITECTURES[name].preprocess.size, seed=image)
    with use_backend("numpy"):
        return graph(name).run(x)


def strongest(activation: Array, count: int) -> list[Place]:
    """Each live map's strongest unit, of ``count`` maps from all over the layer."""
    planes = activation.reshape(len(activation), -1)
    order = np.random.default_rng(0).permutation(len(planes))
    live = [int(n) for n in order if planes[n].max() > 0]
    found: list[Place] = []
    for n in live[:count]:
        row, column = np.unravel_index(int(planes[n].argmax()), activation.shape[1:])
        found.append((n, int(row), int(column)))
    return found


def prepare(
    name: str, step: Step, images: int, most: int, contenders: Iterable[Contender]
) -> Prepared:
    """Units of ``most`` or all maps of each image."""
    net, layer = graph(name), step.row.name
    tapes = [tape_of(name, image) for image in range(images)]
    places = [strongest(tape[layer][0], most) for tape in tapes]
    xs = np.concatenate([tape["input"] for tape in tapes])
    timed = sum(len(each) for each in places)
    live = sum(int((tape[layer][0].max(axis=(1, 2)) > 0).sum()) for tape in tapes)

    def truth() -> tuple[Array]:
        with use_backend("numpy"):
            return (descend(tapes[0], layer, places[0][:CHECKED]),)

    chosen = Chosen(places, live)
    notes = [f"{live} of {images * step.out[0]} maps respond, {timed} are timed"]
    return Prepared.of(
        truth, contenders, lambda who: who.project(net, xs, layer, chosen), notes
    )
