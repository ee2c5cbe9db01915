"""From a net to an ONNX file that computes the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...arrays import to_numpy
from ...errors import OptionError, OutputError
from ...net import Graph
from ...version import __version__
from ..atomic import PathLike, atomic_write
from . import (  # noqa: F401  each registers the layers that it writes
    write_arrangement,
    write_elementwise,
    write_sequence,
    write_windows,
)
from .writing import OPSET, WRITERS, Draft, Place

IR_VERSION = 10
MOST_BYTES = 2**31 - 1
BATCH = "N"
"""What the first axis is called: any number of samples."""


def write_onnx(
    path: PathLike,
    net: Graph,
    shape: Sequence[int],
    *,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a net that takes ``shape``, in any batch, as an ONNX file.

    Layers keep their names, parameters are ``"layer.field"``. The net is run once, to
    know its shapes. The file is there complete or not at all.

    Raises OptionError naming every layer that ONNX has no operator for, OutputError if
    the file cannot be written or would pass 2 GiB.

    Example::

        write_onnx("vgg16.onnx", load_model("vgg16:random").net, (1, 3, 224, 224))
    """
    model = export_onnx(net, shape, metadata=metadata)
    size = model.ByteSize()
    if size > MOST_BYTES:
        raise OutputError(
            f"cannot write {path}: the model takes {size} bytes, and an ONNX file at "
            "most 2 GiB"
        )
    with atomic_write(path) as file:
        file.write(model.SerializeToString())


def export_onnx(
    net: Graph, shape: Sequence[int], *, metadata: Mapping[str, str] | None = None
) -> Any:
    """The ``onnx.ModelProto`` of a net; see :func:`write_onnx`."""
    try:
        import onnx
    except ImportError as error:
        raise OptionError(
            "writing ONNX needs the package onnx: pip install 'numpy-deconv[onnx]'"
        ) from error
    draft, tape = _drafted(net, tuple(shape))
    helper = onnx.helper
    nodes = [
        helper.make_node(kind, inputs, outputs, name=name, **attributes)
        for kind, name, inputs, outputs, attributes in draft.nodes
    ]
    arrays = [
        onnx.numpy_helper.from_array(np.ascontiguousarray(to_numpy(array)), name)
        for name, array in draft.constants.items()
    ]
    kind = helper.np_dtype_to_tensor_dtype(tape["input"].dtype)
    output = tape[net.output]
    result = helper.np_dtype_to_tensor_dtype(output.dtype)
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("input", kind, [BATCH, *shape[1:]])],
        [helper.make_tensor_value_info(net.output, result, [BATCH, *output.shape[1:]])],
        arrays,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="numpy-deconv",
        producer_version=__version__,
    )
    if metadata:
        helper.set_model_props(model, dict(metadata))
    return model


def _drafted(net: Graph, shape: tuple[int, ...]) -> tuple[Draft, Any]:
    _check_known(net)
    dtype = next((p.dtype for p in net.params.values()), np.dtype(np.float32))
    tape = net.run(np.zeros((1, *shape[1:]), dtype), keep=())
    draft = Draft(taken=set(net.nodes))
    read = {source for node in net.nodes.values() for source in node.inputs}
    for name, node in net.nodes.items():
        inputs = [source.replace(":", "/") for source in node.inputs]
        shapes = [tape.shape(source.partition(":")[0]) for source in node.inputs]
        switches = f"{name}:switches" in read
        layer = node.layer
        place = Place(draft, name, layer, inputs, shapes, tape.shape(name), switches)
        WRITERS[type(layer)](place)
    return draft, tape


def _check_known(net: Graph) -> None:
    unknown = [
        f"{name!r} ({node.layer.describe()})"
        for name, node in net.nodes.items()
        if type(node.layer) not in WRITERS
    ]
    if unknown:
        raise OptionError(
            f"ONNX has no operators for these layers: {', '.join(unknown)}"
        )
