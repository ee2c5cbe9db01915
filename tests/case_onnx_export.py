"""Every layer that is written as ONNX, with its options, and inputs' shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from numpy_deconv import layers
from numpy_deconv.layers import Layer, arithmetic, recurrent, reshaping, statistics
from numpy_deconv.layers.comparison import Compare
from numpy_deconv.layers.einsum import Einsum
from numpy_deconv.layers.extend import Extend
from numpy_deconv.layers.folding import Col2Im
from numpy_deconv.layers.function import CURVES, Function
from numpy_deconv.layers.grid_sample import GridSample
from numpy_deconv.layers.matmul import MatMul
from numpy_deconv.layers.picking import CumSum, Pick
from numpy_deconv.layers.quantisation import Quantize
from numpy_deconv.layers.reduction import KINDS, Reduce
from numpy_deconv.layers.resize import Resampling, Resize
from numpy_deconv.layers.space_depth import DepthToSpace, SpaceToDepth

Array = npt.NDArray[Any]
RNG = np.random.default_rng(0)


def drawn(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def positive(*shape: int) -> Array:
    return RNG.uniform(0.5, 2, shape).astype(np.float32)


def number(value: float) -> Array:
    return np.array(value, np.float32)


PLANE = (2, 4, 6, 9)
HALVES = Resampling("linear", "half_pixel")
CUBIC = Resampling("cubic", "align_corners", exclude_outside=True)
SMALLER = Resampling("linear", "half_pixel", antialias=True)

CASES: list[tuple[Layer, tuple[int, ...]]] = [
    (layers.Conv(drawn(6, 2, 3, 2), drawn(6), (2, 1), "same", groups=2), PLANE),
    (layers.Conv(drawn(6, 4, 3), None, 1, ((2, 1),), 2), (2, 4, 9)),
    (layers.Conv(drawn(3, 4, 2, 2, 2), drawn(3)), (2, 4, 3, 4, 5)),
    (layers.ConvTranspose(drawn(4, 3, 3, 2), drawn(6), (2, 3), 1, (1, 2), 1, 2), PLANE),
    (layers.Linear(drawn(5, 9), drawn(5)), (2, 9)),
    (layers.Linear(drawn(5, 9), drawn(5)), PLANE),
    (layers.Linear(drawn(5, 9)), PLANE),
    (layers.MaxPool((3, 2), (2, 3), (1, 0), ceil_mode=True), PLANE),
    (layers.AvgPool((3, 2), (2, 3), (1, 0)), PLANE),
    (layers.AvgPool(2, count_include_pad=False, padding=1), PLANE),
    (layers.LpPool(2, (2, 3)), PLANE),
    (layers.GlobalAvgPool(), PLANE),
    (layers.GlobalMaxPool(), PLANE),
    (layers.AdaptiveAvgPool((3, 3)), PLANE),
    (layers.AdaptiveAvgPool((4, 2)), PLANE),
    (layers.AdaptiveAvgPool(4), (2, 3, 7)),
    (layers.AdaptiveAvgPool(1), PLANE),
    (layers.AdaptiveMaxPool((3, 3)), PLANE),
    (layers.AdaptiveMaxPool(1), PLANE),
    *((kind(), PLANE) for kind in (layers.ReLU, layers.Sigmoid, layers.Tanh)),
    *((kind(), PLANE) for kind in (layers.SiLU, layers.HardSigmoid, layers.HardSwish)),
    (layers.GELU(), PLANE),
    (layers.GELU("tanh"), PLANE),
    (layers.LeakyReLU(0.2), PLANE),
    (layers.ELU(0.7), PLANE),
    (layers.Clip(-0.5, 0.5), PLANE),
    (layers.Clip(None, 0.5), PLANE),
    (layers.Clip(-0.5), PLANE),
    (layers.Softplus(), PLANE),
    (layers.Softplus(2.0), PLANE),
    (layers.PReLU(drawn(4)), PLANE),
    (layers.PReLU(drawn(1)), PLANE),
    (layers.Softmax(), PLANE),
    (layers.LogSoftmax(-1), PLANE),
    (layers.Identity(), PLANE),
    (layers.Dropout(), PLANE),
    (layers.BatchNorm(drawn(4), positive(4), drawn(4), drawn(4), 1e-3), PLANE),
    (layers.BatchNorm(drawn(4), positive(4)), PLANE),
    (layers.LocalResponseNorm(3, 0.1, 0.6, 2.0), PLANE),
    (statistics.InstanceNorm(drawn(4), drawn(4)), PLANE),
    (statistics.InstanceNorm(), PLANE),
    (statistics.GroupNorm(2, drawn(4), drawn(4), 1e-3), PLANE),
    (statistics.LayerNorm(drawn(6, 9), drawn(6, 9), -2), PLANE),
    (statistics.LayerNorm(), PLANE),
    (layers.Flatten(), PLANE),
    (layers.Flatten(2), PLANE),
    (layers.Pad(((1, 2), (0, 3)), "replicate"), PLANE),
    (layers.Pad(1, "constant", 0.5), PLANE),
    (layers.Upsample(2), PLANE),
    (layers.Upsample((1.5, 2), "bilinear"), PLANE),
    (layers.Upsample((0.7, 1.7)), PLANE),
    (Extend(((0, 0), (1, 2), (0, 0), (3, 0)), "reflect"), PLANE),
    (Extend(((0, 0), (1, 2), (0, 0), (3, 0)), "constant", -1.0), PLANE),
    (Resize((2, 3), (1.7, 0.6), None, HALVES), PLANE),
    (Resize((2, 3), None, (4, 13), CUBIC), PLANE),
    (Resize((2, 3), (0.5, 0.5), None, SMALLER), PLANE),
    (arithmetic.Offset(drawn(4, 1, 1)), PLANE),
    (arithmetic.Scale(drawn(9)), PLANE),
    (arithmetic.Sub((number(1), None)), PLANE),
    (arithmetic.Div((number(1), None)), PLANE),
    (arithmetic.Pow((None, number(3))), PLANE),
    (arithmetic.Maximum((None, drawn(4, 1, 1))), PLANE),
    (arithmetic.Minimum((None, drawn(4, 1, 1))), PLANE),
    (arithmetic.Where((drawn(6, 9) > 0, None, number(7))), PLANE),
    (MatMul((None, drawn(4, 9, 2))), PLANE),
    (MatMul((drawn(5, 6), None)), PLANE),
    *((Reduce(kind, (1, -1)), PLANE) for kind in KINDS if "log" not in kind),
    (Reduce("log_sum_exp", (2,), keepdims=False), PLANE),
    (Reduce("log_sum", (-1,)), PLANE),
    (reshaping.Reshape((2, -1, 9)), PLANE),
    (reshaping.Reshape((2, 2, 54), batch=False), (1, 4, 6, 9)),
    (reshaping.Transpose((0, 3, 1, 2)), PLANE),
    (reshaping.Slice((slice(None), slice(1, -1), slice(None, None, -2))), PLANE),
    (reshaping.Gather(np.array([[2, 0], [0, -1]]), 2), PLANE),
    (reshaping.Expand((5, 1, 6, 9)), (2, 1, 4, 6, 9)),
    (reshaping.Cast(np.float64), PLANE),
    (DepthToSpace(2), PLANE),
    (DepthToSpace(2, by_channel=True), PLANE),
    (SpaceToDepth(3), PLANE),
    (Einsum((None, drawn(5, 9)), "nchw,kw->nkch"), PLANE),
    (Einsum((drawn(4, 6), None), "ch,nchw"), PLANE),
    (Pick((None,), np.array([[3, 0], [215, 3]])), PLANE),
    (Pick((None,), np.array([[3, 0], [215, 3]]), False), PLANE),
    (CumSum(2), PLANE),
    (CumSum(-1, exclusive=True, reverse=True), PLANE),
    (statistics.RMSNorm(drawn(6, 9), None, -2), PLANE),
    (statistics.RMSNorm(), PLANE),
    (recurrent.RNN(drawn(5, 9), drawn(5, 5), drawn(5), drawn(5)), (4, 2, 9)),
    (
        recurrent.GRU(drawn(9, 9), drawn(9, 3), drawn(9), drawn(9), reverse=True),
        (4, 2, 9),
    ),
    (
        recurrent.GRU(drawn(9, 9), drawn(9, 3), drawn(9), drawn(9), reset_after=False),
        (4, 2, 9),
    ),
    (
        recurrent.LSTM(
            drawn(12, 9), drawn(12, 3), drawn(12), drawn(12), (drawn(1, 3), drawn(1, 3))
        ),
        (4, 2, 9),
    ),
    (GridSample((None, drawn(2, 3, 5, 2) / 2)), PLANE),
    (GridSample((None, drawn(2, 3, 5, 2) / 2), "linear", "border", True), PLANE),
    (Quantize(number(0.1), number(3), 0, 255), PLANE),
    (Compare((None, number(0.3)), "greater"), PLANE),
    (Col2Im((5, 4), (2, 3), (1, 2), ((0, 1), (1, 1)), (2, 1)), (2, 12, 8)),
]
OPTIONS = {
    "selu": {"alpha": 1.6, "gamma": 1.1},
    "celu": {"alpha": 0.8},
    "line_clipped": {"alpha": 0.3, "beta": 0.4},
    "swish": {"alpha": 1.5},
    "thresholded": {"alpha": 0.3},
}
CASES += [(Function(name, OPTIONS.get(name, {})), PLANE) for name in CURVES]
