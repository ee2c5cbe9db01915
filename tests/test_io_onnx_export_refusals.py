"""What ONNX has no words for is refused before anything is written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from case_onnx_export import PLANE, drawn
from onnx_nets import many_layers

from numpy_deconv import layers
from numpy_deconv.errors import OptionError, OutputError
from numpy_deconv.io.onnx import export_onnx, write_onnx
from numpy_deconv.layers import Layer, recurrent, reshaping
from numpy_deconv.layers.picking import Pick
from numpy_deconv.layers.quantisation import ByteRange
from numpy_deconv.layers.resize import Resampling, Resize
from numpy_deconv.layers.space_depth import SpaceToDepth
from numpy_deconv.net import Graph, Node, Sequential


class Odd(layers.Identity):
    """A layer that ONNX knows nothing of."""


def test_layers_that_cannot_be_written() -> None:
    net = Sequential({"odd": Odd(), "relu": layers.ReLU(), "odder": Odd()})
    with pytest.raises(OptionError, match=re.escape("'odd' (Odd), 'odder' (Odd)")):
        export_onnx(net, (1, 3, 4, 4))


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (layers.LocalResponseNorm(4), "counts another channel"),
        (layers.LpPool(1.5, 2), "whole powers only"),
        (layers.AdaptiveMaxPool(4), "does not share out evenly"),
        (layers.ConvTranspose(drawn(4, 1, 2, 2), None, 1, 0, 1, 2), "reaches its stri"),
        (SpaceToDepth(3, by_channel=True), "before the channels only"),
        (ByteRange(), "what is quantised as the net runs"),
        (Pick((None, drawn(1, 3)), np.array([0, 1])), "constants beside samples"),
        (reshaping.Reshape((0, 4)), "an axis of 0 would mean"),
        (
            Resize((2,), None, (4,), Resampling(coordinates="tf_crop_and_resize"),
                   ((0.0, 0.5),)),
            "regions are not written",
        ),
        (Resize((2,), (2.0,), (12,)), "scales and sizes together"),
        (Resize((2,), (0.5,), None, Resampling(nearest="simple")), "as the first one"),
    ],
)  # fmt: skip
def test_options_that_onnx_does_not_have(layer: Layer, words: str) -> None:
    net = Sequential({"layer": layer})
    shape = (0, *PLANE[1:]) if isinstance(layer, reshaping.Reshape) else PLANE
    if isinstance(layer, reshaping.Reshape):
        net = Sequential({"none": reshaping.Slice((slice(None), slice(0, 0))),
                          "layer": layer})  # fmt: skip
    with pytest.raises(OptionError, match=words):
        export_onnx(net, shape)


def test_unpooling_that_onnx_does_not_have() -> None:
    nodes = {
        "pool": Node(layers.MaxPool(2)),
        "up": Node(layers.MaxUnpool(2, overlap="sum"), ("pool", "pool:switches")),
    }
    with pytest.raises(OptionError, match='overlap="assign" by the switches'):
        export_onnx(Graph(nodes), (1, 2, 4, 4))


def test_cells_that_onnx_does_not_put_out() -> None:
    weights = drawn(12, 9), drawn(12, 3), drawn(12), drawn(12)
    net = Sequential({"lstm": recurrent.LSTM(*weights, shown=1)})
    with pytest.raises(OptionError, match="every cell in time is no output"):
        export_onnx(net, (4, 1, 9))


def test_a_file_too_large_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("numpy_deconv.io.onnx.exporter.MOST_BYTES", 1000)
    path = tmp_path / "net.onnx"
    with pytest.raises(OutputError, match="an ONNX file at most 2 GiB"):
        write_onnx(path, many_layers(), (1, 3, 8, 8))
    assert not list(tmp_path.iterdir())
