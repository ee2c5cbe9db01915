"""Thousands of damaged models: each is read, or refused in one sentence, in no time.

``NUMPY_DECONV_FUZZ_SECONDS`` is how long each test goes on (default 8), and
``NUMPY_DECONV_FUZZ_SEED`` where it starts.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_nets import many_layers, many_operators

from numpy_deconv.errors import NumpyDeconvError
from numpy_deconv.io.onnx import export_onnx, import_onnx, parse_onnx

SECONDS = float(os.environ.get("NUMPY_DECONV_FUZZ_SECONDS", "8"))
SEED = int(os.environ.get("NUMPY_DECONV_FUZZ_SEED", "0"))
LONGEST = 2.0  # seconds of computing, of a model of two kilobytes
MOST = 64 * 2**20  # bytes
NUMBERS = [0, -1, 1, 2, 3, 7, -2, 1000, 2**31, 2**40, 2**62, -(2**63)]
SMALL = [0, -128, 127]
FLOATS = [np.nan, np.inf, -np.inf, 0.0, 1e38, -1.0, 1e-40]
OTHERS = (
    *("Range", "Tile", "Expand", "ConstantOfShape", "Upsample", "Col2Im", "LpPool"),
    *("Squeeze", "Split", "Gemm", "MatMul", "DepthToSpace", "GroupNormalization"),
    *("OneHot", "EyeLike", "Trilu", "ScatterElements", "RNN", "GatherND", "CumSum"),
)

MODELS = {
    "layers": export_onnx(many_layers(), (1, 3, 8, 8)).SerializeToString(),
    "operators": many_operators().SerializeToString(),
}


def damaged_bytes(clean: bytes, rng: np.random.Generator) -> bytes:
    """Cut, with flipped bits, with bytes replaced, or with bytes said twice."""
    raw = bytearray(clean)
    place = int(rng.integers(len(raw)))
    match rng.integers(4):
        case 0:
            del raw[place:]
        case 1:
            for at in rng.integers(0, len(raw), rng.integers(1, 8)):
                raw[at] ^= 1 << int(rng.integers(8))
        case 2:
            raw[place : place + int(rng.integers(20))] = rng.bytes(rng.integers(20))
        case _:
            raw[place:place] = raw[place : place + int(rng.integers(200))]
    return bytes(raw)


def damaged_model(clean: bytes, rng: np.random.Generator) -> bytes:
    """A valid file with wrong numbers, names and operators in it."""
    model = onnx.ModelProto.FromString(clean)
    for _ in range(rng.integers(1, 4)):
        node = model.graph.node[rng.integers(len(model.graph.node))]
        match rng.integers(5):
            case 0:
                _change_attribute(node, rng)
            case 1:
                kinds = [each.op_type for each in model.graph.node]
                node.op_type = str(rng.choice([*kinds, *OTHERS]))
            case 2:
                names = [name for each in model.graph.node for name in each.output]
                names += [each.name for each in model.graph.initializer]
                slot = rng.integers(len(node.input))
                node.input[slot] = str(rng.choice([*names, "", "input"]))
            case 3:
                _change_constant(model, rng)
            case _:
                shape = model.graph.input[0].type.tensor_type.shape
                shape.dim[rng.integers(4)].dim_value = int(rng.choice(NUMBERS))
    return model.SerializeToString()


def _change_attribute(node: onnx.NodeProto, rng: np.random.Generator) -> None:
    if not node.attribute:
        return
    attribute = node.attribute[rng.integers(len(node.attribute))]
    if attribute.ints:
        attribute.ints[rng.integers(len(attribute.ints))] = int(rng.choice(NUMBERS))
    elif attribute.type == onnx.AttributeProto.INT:
        attribute.i = int(rng.choice(NUMBERS))
    elif attribute.type == onnx.AttributeProto.FLOAT:
        attribute.f = float(rng.choice(FLOATS))
    else:
        attribute.s = b"odd"


def _change_constant(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    tensor = model.graph.initializer[rng.integers(len(model.graph.initializer))]
    array = numpy_helper.to_array(tensor).copy()
    if array.size:
        pool = {"i8": NUMBERS, "i1": SMALL}.get(array.dtype.str[1:], FLOATS)
        array.flat[rng.integers(array.size)] = rng.choice(pool)
    if rng.random() < 0.3:
        array = array.reshape(-1)[: rng.integers(array.size + 1)]
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


@pytest.mark.parametrize("damaged", [damaged_bytes, damaged_model])
@pytest.mark.parametrize("clean", MODELS.values(), ids=MODELS)
def test_damaged_models(
    clean: bytes, damaged: Callable[[bytes, np.random.Generator], bytes]
) -> None:
    rng = np.random.default_rng(SEED)
    end = time.monotonic() + SECONDS
    tried = passed = 0
    while tried < 50 or time.monotonic() < end:
        raw, begun = damaged(clean, rng), time.process_time()
        tried += 1
        tracemalloc.start()
        try:
            imported = import_onnx(parse_onnx(raw))
            passed += 1
            if np.prod(imported.shape) < 10**5:
                with np.errstate(all="ignore"):
                    imported.net(np.zeros(imported.shape, np.float32))
        except NumpyDeconvError as error:
            assert "\n" not in str(error)
        except Exception as error:
            error.add_note(f"attempt {tried} of seed {SEED} of {damaged.__name__}")
            raise
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < MOST, f"attempt {tried} of seed {SEED} took {peak} bytes"
        assert time.process_time() - begun < LONGEST, f"attempt {tried} of {SEED}"
    assert tried > passed > 0


def test_the_undamaged_models_are_read() -> None:
    nets = [import_onnx(parse_onnx(raw)).net for raw in MODELS.values()]
    assert len(nets[0]) == len(many_layers()) and len(nets[1]) > 30
