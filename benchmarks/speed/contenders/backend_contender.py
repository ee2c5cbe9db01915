"""Our side: one backend through the library's own functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from numpy_deconv import methods
from numpy_deconv.backend import Backend
from numpy_deconv.layers import Conv, MaxPool
from numpy_deconv.net import (
    Graph,
    Projected,
    Tape,
    fold_batch_norms,
    project_units,
)
from numpy_deconv.registry import get_backend, use_backend
from numpy_deconv.rules import DECONVNET, scatter
from numpy_deconv.window import Window

from ..case import Answer, Array, Candidate, channels_last
from .contender import (
    CHECKED,
    Chosen,
    Climb,
    Contender,
    Errand,
    Place,
    Pooled,
    Squares,
    colours,
    process,
    single,
)

RULES = DECONVNET.replace({MaxPool: scatter("assign")}, "deconvnet, assign")
"""The deconvnet of the tutorials: unpooling overwrites, as ``MaxUnpool2d`` does."""


def window_of(layer: Any, size: tuple[int, ...]) -> Window:
    """The window of a convolution or a max pool over planes of this size."""
    if isinstance(layer, Conv):
        return Window.of(
            layer.weight.shape[2:],
            len(size),
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            input_size=size,
        )
    return Window.of_pool(
        layer.kernel_size,
        len(size),
        stride=layer.stride,
        padding=layer.padding,
        ceil_mode=layer.ceil_mode,
    )


def at_switches(x: Array, y: Array, switches: Array) -> Answer:
    """Pooled values, and what lies at their switches: a tie has several right ones."""
    flat = x.reshape(*x.shape[:2], -1)
    picked = np.take_along_axis(flat, switches.reshape(*y.shape[:2], -1), axis=2)
    return np.asarray(y), picked.reshape(y.shape)


class BackendContender(Contender):
    """One backend, with its input in either layout."""

    def __init__(self, name: str):
        self.team = name
        self.backend: Backend = get_backend(name)

    def _either(
        self, x: Array, make: Callable[[Array], Callable[[], Any]], read: Any = single
    ) -> list[Candidate]:
        """A candidate for each layout of its array; converting is not timed."""
        if x.ndim != 4 or min(x.shape[1], x[0, 0].size) == 1:
            return [Candidate(self.team, self.team, make(x), read)]
        last = make(channels_last(x))
        return [
            Candidate(self.team, self.team, make(x), read),
            Candidate(f"{self.team} channels_last", self.team, last, read),
        ]

    def _inside(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a function of the library with this backend."""
        with use_backend(self.backend):
            return function(*args, **options)

    def layer(self, net: Graph, x: Array) -> list[Candidate]:
        layer = net[net.output]
        window = window_of(layer, x.shape[2:])
        if isinstance(layer, MaxPool):
            return self._either(
                x,
                lambda x: partial(self.backend.max_pool, x, window),
                lambda result: at_switches(x, *result),
            )
        if not isinstance(layer, Conv):
            return self.forward(net, x, switches=False)
        rest = (layer.weight, layer.bias, window, layer.groups)
        return self._either(x, lambda x: partial(self.backend.conv, x, *rest))

    def input_grad(
        self, conv: Conv, grad: Array, size: tuple[int, ...]
    ) -> list[Candidate]:
        rest = (conv.weight, None, size, window_of(conv, size), conv.groups)
        return self._either(
            grad, lambda grad: partial(self.backend.conv_input_grad, grad, *rest)
        )

    def unpool(self, pooled: Pooled) -> list[Candidate]:
        y, switches, *_, size = pooled
        pairs = {"": (y, switches)}
        pairs[" channels_last"] = channels_last(y), channels_last(switches)
        scatter = self.backend.scatter
        return [
            Candidate(
                self.team + layout,
                self.team,
                partial(scatter, *pair, size, "assign"),
                single,
            )
            for layout, pair in pairs.items()
        ]

    def forward(self, net: Graph, x: Array, *, switches: bool) -> list[Candidate]:
        net = fold_batch_norms(net)
        # Of the activations only the output is kept; of the pools all switches are.
        call: Callable[[Array], Any] = partial(net.run, keep=()) if switches else net
        read = (lambda tape: (tape.output,)) if switches else single
        return self._either(x, lambda x: partial(self._inside, call, x), read)

    def saliency(self, net: Graph, x: Array, target: int) -> list[Candidate]:
        net = fold_batch_norms(net)
        return self._either(
            x,
            lambda x: partial(self._inside, methods.saliency, net, x, target),
            lambda result: (result.pixels,),
        )

    def project(
        self, net: Graph, xs: Array, layer: str, chosen: Chosen
    ) -> list[Candidate]:
        with use_backend(self.backend):
            tape = net.run(xs, until=layer, keep=())
        units = [(n, *p) for n, places in enumerate(chosen.places) for p in places]
        values = [tape[layer][unit] for unit in units]
        return [
            Candidate(
                self.team,
                self.team,
                partial(self._project, tape, layer, units, values),
                first_planes,
                len(units) / chosen.total,
            )
        ]

    def _project(
        self, tape: Tape, layer: str, units: Sequence[Place], values: Sequence[float]
    ) -> list[Projected]:
        with use_backend(self.backend):
            return list(project_units(tape, units, values, start=layer, rules=RULES))

    def occlude(self, net: Graph, x: Array, squares: Squares) -> list[Candidate]:
        def run() -> methods.Occlusion:
            return self._inside(
                methods.occlusion,
                net,
                x,
                squares.target,
                size=squares.side,
                stride=squares.stride,
                value=squares.value,
            )

        def read(found: methods.Occlusion) -> Answer:
            scores = found.scores.reshape(-1, *found.scores.shape[-2:])[0]
            corners = np.array(squares.corners[:CHECKED]) // squares.stride
            return (scores[corners[:, 0], corners[:, 1]],)

        return [Candidate(self.team, self.team, run, read)]

    def climb(self, net: Graph, climb: Climb) -> list[Candidate]:
        def run() -> Array:
            return self._inside(
                methods.class_visualization,
                net,
                climb.x,
                climb.target,
                preset="simonyan",
                steps=climb.steps,
                learning_rate=climb.rate,
                l2=climb.l2,
            ).pixels

        return [Candidate(self.team, self.team, run, single)]

    def errand(self, errand: Errand) -> list[Candidate]:
        out = errand.folder / self.team
        words = ("-m", "numpy_deconv", "saliency", errand.picture, "--model")
        rest = (errand.npz, "--backend", self.team, "--out", out)
        call = partial(process, *words, *rest, "--target", str(errand.target))
        name = f"{errand.picture.stem}-saliency.png"
        return [Candidate(self.team, self.team, call, lambda _: colours(out / name))]

    def importing(self) -> list[Candidate]:
        ready = f"import numpy_deconv as nd; nd.get_backend({self.team!r})"
        calls = {self.team: ready, "import numpy": "import numpy"}
        return [
            Candidate(name, name, partial(process, "-c", code), zero)
            for name, code in calls.items()
        ]


def zero(result: Any) -> Answer:
    """The answer of what computes nothing."""
    return (np.zeros(1),)


def first_planes(found: Sequence[Projected]) -> Answer:
    """Whole projections of the first units, of batches in any order."""
    planes: dict[int, Array] = {}
    for batch in found:
        for row in np.flatnonzero(batch.units < CHECKED).tolist():
            planes[int(batch.units[row])] = batch.planes()[row]
    return (np.stack([planes[n] for n in sorted(planes)]),)


def descend(tape: Tape, layer: str, places: Sequence[Place], chunk: int = 8) -> Array:
    """Deconvnet pixels of units, each from its own activation, some at a time."""
    activation = tape[layer]
    found = []
    for first in range(0, len(places), chunk):
        part = places[first : first + chunk]
        signal = np.zeros_like(activation, shape=(len(part), *activation.shape[1:]))
        for row, place in enumerate(part):
            signal[(row, *place)] = activation[(0, *place)]
        found.append(tape.project(signal, start=layer, rules=RULES))
    return np.concatenate(found)
