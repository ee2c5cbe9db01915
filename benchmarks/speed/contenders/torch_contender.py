"""PyTorch at its best: both layouts, several batches, compiled where that works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from numpy_deconv.methods.subject import score_layer
from numpy_deconv.net import Graph, fold_batch_norms

from ..case import Answer, Array, Candidate
from .compiling import compiles
from .contender import (
    CHECKED,
    Chosen,
    Climb,
    Errand,
    Squares,
    colours,
    process,
)
from .torch_cropped import CroppedDescent, is_chain
from .torch_deconvnet import Descent
from .torch_layers import TorchLayers, nothing_to_learn, numbers
from .torch_nets import (
    Step,
    lowered,
    output,
    parameters,
    run,
)

BATCHES = (1, 4, 16)
"""How many units go down at a time; as many are timed, and the rest is scaled."""
SQUARES = 8
"""Of an occlusion, timed one at a time and all at once, and the rest is scaled."""


class TorchContender(TorchLayers):
    """PyTorch with as many threads as everybody; nets compiled too, where it works."""

    def __init__(self, threads: int, *, compiled: bool = True):
        torch.set_num_threads(threads)
        self.compiled = compiled

    def notes(self) -> list[str]:
        """What was left out, and why."""
        return [why] if self.compiled and (why := compiles()) else []

    def _compiling(self) -> bool:
        """Whether to compile; forgets earlier cases, of which only a few are kept."""
        if not self.compiled or compiles():
            return False
        torch.compiler.reset()
        return True

    def forward(self, net: Graph, x: Array, *, switches: bool) -> list[Candidate]:
        net, compiling = fold_batch_norms(net), self._compiling()
        found = []
        for words, tensor, layout in self._layouts(x):
            steps = lowered(net, parameters(net, layout))

            def function(
                tensor: Tensor = tensor, steps: list[Step] = steps
            ) -> tuple[Tensor, Any]:
                values, chosen = run(steps, tensor, switches=switches)
                return values[steps[-1].name], chosen

            def read(result: tuple[Tensor, Any]) -> Answer:
                return numbers(result[0])

            found.append(self._candidate(words, function, read))
            if compiling:
                faster = torch.compile(function)
                found.append(self._candidate(f"{words} compiled", faster, read))
        return found

    def saliency(self, net: Graph, x: Array, target: int) -> list[Candidate]:
        net, compiling = fold_batch_norms(net), self._compiling()
        found = []
        for words, tensor, layout in self._layouts(x):
            steps = lowered(net, parameters(net, layout), until=score_layer(net))
            pixels = tensor.requires_grad_()

            def score(x: Tensor, steps: list[Step] = steps) -> Tensor:
                return output(steps, x)[:, target].sum()

            scores = {"": score}
            if compiling:
                scores[" compiled"] = torch.compile(score)
            for how, way in scores.items():

                def function(way: Any = way, pixels: Tensor = pixels) -> Tensor:
                    (gradient,) = torch.autograd.grad(way(pixels), pixels)
                    return gradient.abs_().amax(1)

                name = f"torch{words}{how}"
                found.append(Candidate(name, self.team, function, numbers))
        return found

    def project(
        self, net: Graph, xs: Array, layer: str, chosen: Chosen
    ) -> list[Candidate]:
        kinds: dict[str, Any] = {"torch": Descent}
        if is_chain(net, layer):
            kinds["torch cropped"] = CroppedDescent
        found, units = [], chosen.places[0]
        for words, tensor, layout in self._layouts(xs[:1]):
            params = parameters(net, layout)
            for team, kind in kinds.items():
                with torch.inference_mode():
                    last = layout is torch.channels_last
                    descent = kind(net, params, tensor, layer, last)
                for batch in BATCHES:
                    count = min(len(units), max(CHECKED, batch))
                    parts = [units[n : n + batch] for n in range(0, count, batch)]
                    found.append(
                        Candidate(
                            f"{team}{words} x{batch}",
                            team,
                            partial(nothing_to_learn, each, descent.project, parts),
                            partial(first_pixels, descent.pixels),
                            count / chosen.total,
                        )
                    )
        return found

    def occlude(self, net: Graph, x: Array, squares: Squares) -> list[Candidate]:
        net = fold_batch_norms(net)
        found = []
        corners = squares.corners[:SQUARES]
        for words, tensor, layout in self._layouts(x):
            steps = lowered(net, parameters(net, layout))
            for batch in (1, SQUARES):
                parts = [corners[n : n + batch] for n in range(0, SQUARES, batch)]
                score = partial(occluded, steps, tensor, squares)
                found.append(
                    Candidate(
                        f"torch{words} x{batch}",
                        self.team,
                        partial(nothing_to_learn, each, score, parts),
                        lambda scores: numbers(torch.cat(scores)[:CHECKED]),
                        len(corners) / len(squares.corners),
                    )
                )
        return found

    def climb(self, net: Graph, climb: Climb) -> list[Candidate]:
        net = fold_batch_norms(net)
        found = []
        for words, tensor, layout in self._layouts(climb.x):
            steps = lowered(net, parameters(net, layout))
            call = partial(ascend, steps, tensor, climb)
            found.append(Candidate(f"torch{words}", self.team, call, numbers))
        return found

    def errand(self, errand: Errand) -> list[Candidate]:
        weights, out = errand.folder / "squeezenet.pth", errand.folder / "torch.png"
        torch.save({k: torch.from_numpy(v) for k, v in errand.weights.items()}, weights)
        script = Path(__file__).parents[1] / "startup_torch.py"
        words = (str(torch.get_num_threads()), weights, errand.picture)
        call = partial(process, script, *words, str(errand.target), out)
        return [Candidate("torch script", self.team, call, lambda _: colours(out))]


def each(function: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
    """A function's result for one part after the other."""
    return [function(part) for part in parts]


def first_pixels(pixels: Callable[[Any], Tensor], found: list[Any]) -> Answer:
    """The pixels of the units that are checked."""
    return (torch.cat([pixels(part) for part in found])[:CHECKED].numpy(),)


def occluded(
    steps: list[Step], x: Tensor, squares: Squares, corners: Sequence[Any]
) -> Tensor:
    """The target's score with a square at each corner, in one batch."""
    batch = x.repeat(len(corners), 1, 1, 1)
    for picture, (top, left) in zip(batch, corners, strict=True):
        picture[:, top : top + squares.side, left : left + squares.side] = squares.value
    return output(steps, batch)[:, squares.target]


def ascend(steps: list[Step], x: Tensor, climb: Climb) -> Tensor:
    """Gradient ascent on ``score - l2*||x||**2`` without shifts or blur."""
    for _ in range(climb.steps):
        pixels = x.requires_grad_()
        score = output(steps, pixels)[:, climb.target].sum()
        (gradient,) = torch.autograd.grad(score, pixels)
        with torch.no_grad():
            x = x + climb.rate * (gradient - 2 * climb.l2 * x)
    return x
