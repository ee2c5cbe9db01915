"""Gradients of the parameters, from one descent that goes no further than it must."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..arrays import Array
from ..errors import NumpyDeconvError

if TYPE_CHECKING:
    from .tape import Tape

INPUT = "input"


def param_grads(tape: Tape, gy: Array, start: str, *, inputs: bool) -> dict[str, Array]:
    """Every parameter's gradient below ``start``; with ``inputs`` also ``"input"``.

    Signals are let go once they were passed on, and none goes to a place below which
    there is nothing to learn: the way into the pictures costs as much as any layer.
    """
    nodes = tape.net.nodes
    wanted = {INPUT} if inputs else set()
    for name, node in nodes.items():
        if node.layer.params or wanted.intersection(node.inputs):
            wanted.add(name)
    arriving, grads = {start: gy}, {}
    for number, name in reversed(list(enumerate(nodes, start=1))):
        gy = arriving.pop(name, None)
        if gy is None or name not in wanted:
            continue
        layer, saved, sources = nodes[name].layer, tape.saved[name], nodes[name].inputs
        try:
            each = layer.param_grads(saved, gy)
            passed = wanted.intersection(sources)
            gxs = layer.vjp(saved, gy) if passed else (None,) * len(sources)
        except NumpyDeconvError as error:
            raise type(error)(
                f"layer {number} {name!r} ({layer.describe()}): {error}"
            ) from error
        grads.update({f"{name}.{field}": g for field, g in each.items()})
        for source, gx in zip(sources, gxs, strict=True):
            if gx is not None and source in wanted:
                seen = arriving.get(source)
                arriving[source] = gx if seen is None else seen + gx
    return grads | ({INPUT: arriving[INPUT]} if INPUT in arriving else {})
