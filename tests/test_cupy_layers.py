"""Every layer on arrays of a device: forwards, back, and what its parameters learn.

The arrays are those of strict_cupy; the parameters stay where they are, on the host.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import strict_cupy
from test_layers_operators import LAYERS, PLANE

import numpy_deconv as nd
from numpy_deconv import layers, registry
from numpy_deconv.backends.cupy_gpu import CupyBackend
from numpy_deconv.backends.cupy_gpu.stand_in import compiler
from numpy_deconv.layers import Layer
from numpy_deconv.layers.folding import Col2Im
from numpy_deconv.layers.in_training import BatchNormInTraining, DropoutInTraining
from numpy_deconv.layers.indices import PlaneIndices, WholeIndices

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler")

Array = npt.NDArray[Any]
RNG = np.random.default_rng(3)
PAD_MODES = ("constant", "reflect", "replicate", "circular")


@pytest.fixture(autouse=True)
def cupy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """CuPy's look-alike, and the backend that computes on its arrays."""
    yield strict_cupy.installed(monkeypatch)


def drawn(*shape: int) -> Array:
    return RNG.uniform(0.2, 1.5, shape)


ACTIVATIONS = (
    *(layers.ReLU(), layers.LeakyReLU(0.1), layers.Clip(0.3, 0.9), layers.ELU()),
    *(layers.Sigmoid(), layers.Tanh(), layers.SiLU(), layers.GELU()),
    *(layers.HardSigmoid(), layers.HardSwish(), layers.Softplus(), layers.Softmax()),
    *(layers.LogSoftmax(), layers.PReLU(drawn(4)), layers.PReLU(drawn(1))),
)
WEIGHTED: tuple[Layer, ...] = (
    layers.Conv(drawn(6, 2, 3, 2), drawn(6), stride=(1, 2), padding=1, groups=2),
    layers.ConvTranspose(drawn(4, 3, 3, 2), drawn(6), stride=(2, 1), groups=2),
    layers.Linear(drawn(5, 9), drawn(5)),
    layers.BatchNorm(drawn(4), drawn(4), drawn(4), drawn(4)),
    BatchNormInTraining(drawn(4), drawn(4)),
    BatchNormInTraining(),
    DropoutInTraining(0.4, (1, 2)),
)
SHAPED: tuple[Layer, ...] = (
    *(layers.Pad(((2, 1), (0, 3)), mode) for mode in PAD_MODES),
    *(layers.Upsample((2.0, 1.5), mode) for mode in ("nearest", "bilinear")),
    layers.MaxPool((3, 2), 2, ceil_mode=True),
    layers.AvgPool((3, 2), (2, 3), padding=1, count_include_pad=False),
    layers.LpPool(2.0, 2),
    layers.AdaptiveAvgPool((4, 5)),
    layers.AdaptiveMaxPool((4, 5)),
    layers.GlobalAvgPool(),
    layers.GlobalMaxPool(),
    layers.LocalResponseNorm(3),
    layers.Flatten(),
)
EVERY = (*ACTIVATIONS, *WEIGHTED, *SHAPED, *LAYERS)


def sent(value: Any) -> Any:
    """The same on the device."""
    return None if value is None else sys.modules["cupy"].asarray(value)


def same(there: Any, here: Any) -> None:
    if here is None:
        assert there is None
        return
    assert type(there) is strict_cupy.ndarray
    np.testing.assert_allclose(there.get(), here, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "layer", EVERY, ids=[f"{i}-{each.describe()}" for i, each in enumerate(EVERY)]
)
def test_a_layer_needs_no_more_than_its_input_there(layer: Layer) -> None:
    x = drawn(2, *PLANE[1:])
    y, saved = layer.forward(x)
    y_there, saved_there = layer.forward(sent(x))
    same(y_there, y)
    grad = RNG.normal(size=y.shape)
    slim = layer.slim(saved, y), layer.slim(saved_there, y_there)
    for here, there in ((saved, saved_there), slim):
        for mine, want in zip(
            layer.vjp(there, sent(grad)), layer.vjp(here, grad), strict=True
        ):
            same(mine, want)
    grads = layer.param_grads(saved, grad)
    for name, value in layer.param_grads(saved_there, sent(grad)).items():
        same(value, grads[name])


def test_statistics_of_batches_go_where_the_batches_are() -> None:
    norm, x = layers.BatchNorm(drawn(4), drawn(4)), drawn(2, *PLANE[1:])
    here, there = (norm.in_training((1,)).forward(a)[1] for a in (x, sent(x)))
    want = norm.statistics(here)
    for name, value in norm.statistics(there).items():
        same(value, want[name])


X, SMALL = drawn(2, 4, 6, 9), drawn(2, 4)
CALLS: dict[str, tuple[tuple[Array, ...], dict[str, Any]]] = {
    "conv": ((X, drawn(6, 2, 3, 2), drawn(6)), {"groups": 2, "padding": "same"}),
    "conv_transpose": ((X, drawn(4, 3, 3, 2), drawn(3)), {"stride": 2}),
    "linear": ((SMALL, drawn(5, 4), drawn(5)), {}),
    "im2col": ((X,), {"kernel_size": 3, "padding": 1}),
    "batch_norm": ((X, *(drawn(4) for _ in range(4))), {}),
    "local_response_norm": ((X,), {"size": 3}),
    "prelu": ((X - 0.8, drawn(4)), {}),
    "pad": ((X,), {"padding": ((1, 2), (0, 3)), "mode": "circular"}),
    "upsample": ((X,), {"scale": 2, "mode": "bilinear"}),
    "concat": ((X, X), {}),
    "flatten": ((X,), {}),
    "softmax": ((X,), {}),
    "log_softmax": ((X,), {}),
    "mse": ((X, X[::-1].copy()), {}),
    "cross_entropy": ((SMALL, np.array([3, 1])), {}),
    "max_pool": ((X,), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    "adaptive_max_pool": ((X,), {"output_size": (2, 4)}),
    "global_avg_pool": ((X,), {}),
    "global_max_pool": ((X,), {}),
    "lp_pool": ((X,), {"norm_type": 3.0, "kernel_size": 2}),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("constants", ["there", "here"])
def test_a_function_and_its_gradients(name: str, constants: str) -> None:
    """Beside ``x`` everything may lie on either side."""
    arrays, options = CALLS[name]
    function = getattr(nd, name)
    if constants == "here" and name in ("mse", "concat"):
        return
    y, pullback = nd.vjp(function, *arrays, **options)
    first, *rest = arrays
    moved = [sent(first), *(sent(a) if constants == "there" else a for a in rest)]
    y_there, pullback_there = nd.vjp(function, *moved, **options)
    value, value_there = (v[0] if isinstance(v, tuple) else v for v in (y, y_there))
    same(value_there, value)
    grad = RNG.normal(size=value.shape)
    for mine, want in zip(pullback_there(sent(grad)), pullback(grad), strict=True):
        same(mine, want)


def test_several_inputs() -> None:
    a, b = drawn(2, 4, 5, 6), drawn(2, 4, 1, 1)
    for layer in (layers.Add(), layers.Mul(), layers.Concat(2)):
        y, saved = layer.forward(a, b if not isinstance(layer, layers.Concat) else a)
        xs = [sent(a), sent(b if not isinstance(layer, layers.Concat) else a)]
        y_there, saved_there = layer.forward(*xs)
        same(y_there, y)
        want = layer.vjp(saved, y)
        for mine, each in zip(layer.vjp(saved_there, y_there), want, strict=True):
            same(mine, each)


def test_switches_and_columns() -> None:
    switches = RNG.integers(0, 24, (2, 3, 2, 2))
    whole = (WholeIndices((4, 6)), WholeIndices((4, 6), True), PlaneIndices((4, 6)))
    for layer in whole:
        same(layer.forward(sent(switches))[0], layer.forward(switches)[0])
    columns = drawn(2, 12, 15)
    folding = Col2Im((4, 6), (2, 2))
    y, _ = folding.forward(columns)
    same(folding.forward(sent(columns))[0], y)
    same(folding.vjp(None, sent(y))[0], folding.vjp(None, y)[0])


def test_a_constant_that_cannot_change_is_sent_once() -> None:
    weight = drawn(4)
    weight.setflags(write=False)
    x = sent(drawn(1, 4, 2, 2))
    assert registry.beside(weight, x) is registry.beside(weight, x)
    assert registry.beside(weight, weight) is weight
    backend = registry.get_backend("cupy")
    assert isinstance(backend, CupyBackend)
    with registry.use_backend(backend):
        assert type(registry.placed(weight)) is strict_cupy.ndarray
    assert registry.placed(weight) is weight
