"""What to draw for functions without a sliding window."""

from __future__ import annotations

from typing import Any

import numpy as np
from case_request import MAKERS, Drawn, Request, maker
from hypothesis import assume
from hypothesis import strategies as st


def plain(name: str, **choices: tuple[Any, ...]) -> None:
    """Register a function of one ``x`` whose options are picked from a few values."""

    def make(r: Request) -> Drawn:
        return (r.x(),), {key: r.pick(*some) for key, some in choices.items()}

    MAKERS[name] = make


for each in ("relu", "sigmoid", "tanh", "silu", "hard_sigmoid", "hard_swish"):
    plain(each)
for each in ("global_avg_pool", "global_max_pool"):
    plain(each)
plain("leaky_relu", slope=(0.01, 0.5, -0.25))
plain("elu", alpha=(1.0, 0.5, 1.5))
plain("gelu", approximate=("none", "tanh"))
plain("softplus", beta=(1.0, 0.5, 2.0), threshold=(20.0, 1.5))
plain("clip", low=(0, -2, -1, None), high=(1, 2, 6, None))
plain(
    "local_response_norm",
    size=(1, 2, 3, 4, 5, 6),
    alpha=(1e-4, 0.5),
    beta=(0.75, 0.5, 1.25),
    k=(1.0, 2.0),
)


@maker
def prelu(r: Request) -> Drawn:
    x = r.x()
    return (x, r.array(1, r.pick(x.shape[1], 1))), {}


@maker
def softmax(r: Request) -> Drawn:
    x = r.x()
    return (x,), {"axis": r.pick(1, *range(-x.ndim, x.ndim))}


MAKERS["log_softmax"] = softmax


@maker
def linear(r: Request) -> Drawn:
    rows = (r.batch(),) if r.pick(True, False) else (r.batch(), r.pick(1, 3))
    inputs, outputs = r.pick(1, 3, 8), r.pick(1, 2, 5)
    arrays = [r.array(0, *rows, inputs), r.array(1, outputs, inputs)]
    if r.pick(False, True):
        arrays.append(r.array(2, outputs))
    return tuple(arrays), {}


@maker
def batch_norm(r: Request) -> Drawn:
    x = r.x()
    channel = [r.array(salt, x.shape[1]) for salt in range(1, 5)]
    channel[1] = np.abs(channel[1]) + np.asarray(0.5, x.dtype)
    return (x, *channel[: r.pick(2, 4)]), {"eps": r.pick(1e-5, 1e-3)}


@maker
def pad(r: Request) -> Drawn:
    mode = r.pick("constant", "reflect", "replicate", "circular")
    x = r.x()
    pads = []
    for size in x.shape[2:]:
        most = {"reflect": size - 1, "circular": size}.get(mode, 3)
        pads.append(tuple(r.draw(st.integers(0, min(3, most))) for _ in range(2)))
    if r.pick(False, True):
        pads = [(begin, begin) for begin, _ in pads]
        numbers = r.spelt(tuple(begin for begin, _ in pads))
        return (x,), {"padding": numbers, "mode": mode}
    value = {"value": r.pick(0, 3)} if mode == "constant" else {}
    return (x,), {"padding": tuple(pads), "mode": mode} | value


@maker
def upsample(r: Request) -> Drawn:
    x, mode = r.x(), r.pick("nearest", "bilinear")
    scales = tuple(r.pick(2, 1, 3, 1.5, 2.5, 0.5, 0.75, 1.25) for _ in x.shape[2:])
    for size, scale in zip(x.shape[2:], scales, strict=True):
        assume(size * scale >= 1)
        if r.torch_legal and mode == "nearest":
            # there PyTorch copies such an axis, or not, as the memory layout has it,
            # and its gradient is always the copy's
            assume(scale == 1 or int(size * scale) != size)
    return (x,), {"scale": r.spelt(scales), "mode": mode}


@maker
def concat(r: Request) -> Drawn:
    x = r.x()
    axis = r.pick(1, *range(-x.ndim, x.ndim))
    arrays = [x]
    for salt in range(1, r.pick(2, 1, 3)):
        shape = list(x.shape)
        shape[axis] = r.pick(1, 2, 3)
        arrays.append(r.array(salt, *shape))
    return tuple(arrays), {"axis": axis}


@maker
def flatten(r: Request) -> Drawn:
    x = r.x()
    return (x,), {"start_axis": r.pick(1, *range(-x.ndim, x.ndim))}


@maker
def cross_entropy(r: Request) -> Drawn:
    spatial = r.pick((), (3,), (2, 3), (1, 2, 2))
    batch, classes = r.pick(1, 2, 5), r.pick(1, 2, 7)
    labels = r.random(1).integers(0, classes, (batch, *spatial))
    return (r.array(0, batch, classes, *spatial), labels), {}


@maker
def mse(r: Request) -> Drawn:
    shape = (r.pick(1, 2, 3), r.pick(1, 2, 3), *r.sizes(r.rank()))
    return (r.array(0, *shape), r.array(1, *shape)), {}
