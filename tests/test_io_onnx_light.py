"""The nine networks that come with onnx: stored outputs, ONNX Runtime, gradients.

Those with more than a hundred megabytes of weights are compared with ONNX Runtime only
where ``NUMPY_DECONV_LARGE`` is set: with it this file takes minutes instead of one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import numpy_helper

from numpy_deconv.io.onnx import import_onnx, parse_onnx, read_onnx
from numpy_deconv.methods.subject import score_layer
from numpy_deconv.net import project_units

Array = npt.NDArray[Any]

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
SMALL = (
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
)
LARGE = ("bvlc_alexnet", "vgg19", "zfnet512")
WITH_LARGE = [
    *SMALL,
    *(
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                "NUMPY_DECONV_LARGE" not in os.environ,
                reason="half a gigabyte of weights: set NUMPY_DECONV_LARGE",
            ),
        )
        for name in LARGE
    ),
]


def path_of(name: str) -> Path:
    return FOLDER / f"light_{name}.onnx"


def counted(shape: tuple[int, ...]) -> Array:
    """The input that onnx's own test runner makes."""
    size = int(np.prod(shape))
    return (np.arange(size).reshape(shape) / size).astype(np.float32)


def with_weights(name: str) -> bytes:
    """The network with random weights in place of its constant ones.

    They keep activations about as large as they are, and the softmax far from 0 and 1.
    """
    model = onnx.load(path_of(name))
    shapes = {each.name: each for each in model.graph.initializer}
    reader: dict[str, tuple[str, int]] = {}
    for node in model.graph.node:
        for slot, source in enumerate(node.input):
            reader.setdefault(source, (node.op_type, slot))
    rng = np.random.default_rng(0)
    kept = []
    for node in model.graph.node:
        if node.op_type != "ConstantOfShape":
            kept.append(node)
            continue
        shape = tuple(numpy_helper.to_array(shapes[node.input[0]]))
        gain = 0.5 if name in ("resnet50", "shufflenet") else 1  # they add up branches
        array = _weights(rng, shape, *reader[node.output[0]], gain)
        model.graph.initializer.append(numpy_helper.from_array(array, node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return bytes(model.SerializeToString())


def _weights(
    rng: np.random.Generator, shape: tuple[int, ...], kind: str, slot: int, gain: float
) -> Array:
    if kind == "BatchNormalization":
        array = rng.normal(0, 0.1, shape)
        if slot in (1, 4):  # scale and variance
            array = rng.uniform(0.8, 1.2, shape) * (gain if slot == 1 else 1)
    elif kind in ("Conv", "Gemm") and slot == 1:
        share = 2 if kind == "Conv" else 0.2
        array = rng.normal(0, np.sqrt(share / np.prod(shape[1:])), shape)
    elif kind == "Unsqueeze":  # the scale or the shift of a normalisation
        array = rng.uniform(0.8, 1.2, shape)
    else:
        array = rng.normal(0, 0.1, shape)
    return array.astype(np.float32)


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_stored_output(name: str) -> None:
    imported = import_onnx(read_onnx(path_of(name)))
    got = imported.net(counted(imported.shape))
    stored = onnx.load_tensor(FOLDER / f"light_{name}_output_0.pb")
    want = numpy_helper.to_array(stored)
    assert got.shape == want.shape == imported.output_shape
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("name", WITH_LARGE)
def test_random_weights_are_onnx_runtimes(name: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    raw = with_weights(name)
    imported = import_onnx(parse_onnx(raw))
    x = np.random.default_rng(1).normal(size=imported.shape).astype(np.float32)
    got = imported.net(x)
    session = runtime.InferenceSession(raw, providers=["CPUExecutionProvider"])
    (want,) = session.run([imported.output], {imported.input: x})
    assert np.ptp(want) > 0.1 * np.abs(want).max()  # not all classes alike
    assert np.abs(got - want).max() <= 1e-4 * np.abs(want).max()


@pytest.mark.parametrize("name", WITH_LARGE)
def test_input_gradient_is_the_slope(name: str) -> None:
    """Of a sum of scores along a direction, by central differences in float64."""
    imported = import_onnx(parse_onnx(with_weights(name)), floats=np.float64)
    net = imported.net
    rng = np.random.default_rng(2)
    x = rng.normal(size=imported.shape)
    layer = score_layer(net)
    tape = net.run(x, until=layer, keep=())
    signal = rng.normal(size=tape[layer].shape)
    direction = rng.normal(size=x.shape)
    slope = float((tape.project(signal, start=layer) * direction).sum())
    step = 2e-9  # few of the rectifiers are so near to their kink
    ends = [
        float((net.run(x + s * direction, until=layer, keep=())[layer] * signal).sum())
        for s in (step, -step)
    ]
    assert slope != 0
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), slope, rtol=1e-3)


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet"])
def test_cropped_projections_are_those_of_whole_planes(name: str) -> None:
    """Through concatenations, and through shuffled channels."""
    net = import_onnx(parse_onnx(with_weights(name)), floats=np.float64).net
    x = np.random.default_rng(3).normal(size=(1, 3, 224, 224))
    shapes = net.run(x, keep=()).shapes
    start = [n for n, s in shapes.items() if len(s) == 4 and 20 < s[2] < 30][-1]
    tape = net.run(x, until=start)
    units = [(0, 5, 3, 4), (0, 17, 20, 25)]
    for part in project_units(tape, units, [1.0, 2.0], start=start):
        planes = part.planes()
        for row, unit in enumerate(part.units.tolist()):
            signal = np.zeros_like(tape[start])
            signal[units[unit]] = (1.0, 2.0)[unit]
            want = tape.project(signal, start=start)[0]
            np.testing.assert_allclose(planes[row], want, atol=1e-9)
