"""A kernel's answer judged by the oracle: bounds computed for the call's own arrays.

Sums of whole numbers that stay below the precision's last digit are exact in any order,
so there the very bits are asked for. A convolution that Winograd's transforms or
Fourier's may serve is held to the largest of the three algorithms' bounds, which is
wide; :mod:`.agreement` then looks at the error as a whole as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..oracle.assertion import conform_call
from ..oracle.call import Call as OracleCall
from ..oracle.call import bind
from ..oracle.error_bound import Bound, bounds_of
from ..oracle.judging import BoundReport, judge
from ..oracle.numerics import Numerics
from .questions import Question

SEMANTICS = "numpy_deconv"
SUMS = ("sum", "products")


def is_transformable(asked: Question) -> bool:
    """Whether Winograd's or Fourier's algorithm may have served this convolution."""
    if not asked.op.startswith("conv"):
        return False
    kernel = asked.attrs.get("kernel_size")
    if kernel is None:
        kernel = np.shape(np.asarray(asked.inputs[1]))[2:]
    steps = {*asked.attrs["stride"], *asked.attrs["dilation"]}
    return steps == {1} and max(kernel) > 1


def judged(asked: Question, got: Array) -> BoundReport:
    """The oracle's report on the answer, with the precision that its errors suggest."""
    call = bind(asked.op, asked.inputs, asked.attrs, SEMANTICS)
    numerics = Numerics(algo="any" if is_transformable(asked) else "direct")
    name = call.operation.outputs[0].name
    bound = _held(bounds_of(call, numerics)[name], asked)
    if numerics.algo == "direct" and _is_exact(call, bound, numerics):
        bound = bound._replace(H=np.zeros(()), P=np.zeros(()))
        bound = Bound(*(np.broadcast_to(a, bound.y.shape) for a in bound))
    leaning = call.operation.adds_up(name)
    report = judge(got, bound, op=asked.op, output=name, leaning=leaning)
    ended = asked.low is not None or asked.high is not None or asked.where is not None
    if report.ok or ended:
        return report
    return conform_call({name: got}, call, numerics).get(name, report)


def _held(bound: Bound, asked: Question) -> Bound:
    """The bound of what is clipped, as two numbers come no farther apart by it; where
    it is then made zero, it is zero."""
    if asked.low is not None or asked.high is not None:
        bound = bound._replace(y=np.clip(bound.y, asked.low, asked.high))
    if asked.where is not None:
        passes = ~(np.asarray(asked.where) <= 0)
        y, hard, soft = (a * passes for a in (bound.y, bound.H, bound.P))
        bound = bound._replace(y=y, H=hard, P=soft)
    return bound


def _is_exact(call: OracleCall, bound: Bound, numerics: Numerics) -> bool:
    """Whether every partial sum, in any order, is a whole number that is held."""
    resolved = numerics.resolved(call.dtype)
    most = 2.0 ** min(resolved.acc.digits, resolved.out.digits)
    kind = call.operation.outputs[0].kind
    whole: Any = all(bool((a == np.rint(a)).all()) for a in call.given)
    return kind in SUMS and whole and float(np.max(bound.A, initial=0.0)) <= most
