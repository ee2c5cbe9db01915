"""What `inspect` says, in Python and on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import fails, run
from weight_files import put

from numpy_deconv import load_model
from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.io.weights import write_weights
from numpy_deconv.models import ARCHITECTURES, inspect_model
from numpy_deconv.models.inspection import memory
from numpy_deconv.net import Field

SQUEEZENET = ARCHITECTURES["squeezenet1_1"]


def test_a_shipped_model() -> None:
    found = inspect_model("emoji_zfnet")
    model = load_model("emoji_zfnet")
    assert found.model is not None
    assert [layer.name for layer in found.layers] == list(model.net)
    assert found.parameters == sum(array.size for array in model.net.params.values())
    assert found.parameter_bytes == 4 * found.parameters
    tape = model.net.run(np.zeros((1, 3, 96, 96), np.float32))
    assert found.activation_bytes == sum(
        tape[layer.name].nbytes for layer in found.layers
    )
    by_name = {layer.name: layer for layer in found.layers}
    assert by_name["conv2"].field == Field((27, 27), (4, 4), (-11, -11))
    assert by_name["conv2"].shape == (64, 24, 24)
    assert by_name["conv2"].parameters == 64 * 32 * 25 + 64
    assert by_name["fc6"].field is None
    (line,) = [row for row in str(found).splitlines() if row.startswith("conv2 ")]
    words = "conv2 Conv 32 -> 64, 5x5 64 x 24 x 24 51,264 27 4 -11"
    assert " ".join(line.split()) == words
    assert "takes pictures of 96 x 96 pixels (height x width), 20 class" in str(found)


def test_weights_that_make_no_known_network(tmp_path: Path) -> None:
    path = put(tmp_path, "checkpoint.pdparams")
    found = inspect_model(path)
    assert found.model is None
    assert found.layers == ()
    assert found.left_out == ("epoch (int)",)
    text = str(found)
    assert "fc.weight        64 x 5         float32      320" in text
    assert "makes no network: these weights fit no known architecture" in text
    assert text.endswith("not read: epoch (int)")
    assert found.parameters == 3 * 4 * 9 + 4 * 5 + 64 * 5 + 5


def test_an_onnx_file_that_takes_no_pictures(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from onnx_nets import one_operator

    path = tmp_path / "sound.onnx"
    constants = {"w": np.ones((4, 1, 3), "f4")}
    model = one_operator("Conv", (1, 1, 800), constants)
    path.write_bytes(model.SerializeToString())
    found = inspect_model(path)
    assert found.model is None and found.parameters == 12
    text = str(found)
    assert "w      4 x 1 x 3  float32       12" in text
    assert "operators: 1 Conv" in text
    assert text.endswith("import_onnx makes a net of it")
    assert "has 3 axes, which is no picture" in found.problem
    path.write_bytes(b"no")
    with pytest.raises(FileFormatError, match="no ONNX"):
        inspect_model(path)


def test_an_architecture_can_be_named_in_two_ways(tmp_path: Path) -> None:
    weights = SQUEEZENET.random_weights(classes=4)
    renamed = {f"my_{key}": array for key, array in weights.items()}
    path = tmp_path / "mine.npz"
    write_weights(path, renamed)
    assert "say so with squeezenet1_1:FILE" in inspect_model(path).problem
    for found in (
        inspect_model(f"squeezenet1_1:{path}"),
        inspect_model(path, architecture="squeezenet1_1"),
    ):
        assert found.model is not None
        assert "(matched by shape and order)" in str(found)
        assert found.arrays.keys() == renamed.keys()
    other = inspect_model(path, architecture="alexnet")
    assert "these weights are not alexnet's" in other.problem


def test_an_onnx_file(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    path = tmp_path / "net.onnx"
    load_model("emoji_zfnet").save(path)
    found, shipped = inspect_model(path), inspect_model("emoji_zfnet")
    assert [layer.shape for layer in found.layers] == [
        layer.shape for layer in shipped.layers
    ]
    assert [layer.field for layer in found.layers] == [
        layer.field for layer in shipped.layers
    ]


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="neither a file nor a model's name"):
        inspect_model(tmp_path / "no.pth")
    with pytest.raises(FileFormatError, match="is a folder"):
        inspect_model(tmp_path)
    (tmp_path / "w.pth").write_bytes(b"no weights")
    with pytest.raises(FileFormatError, match=r"w\.pth"):
        inspect_model(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (5 * 2**20 + 2**18, "5.2 MiB"),
        (2**60, "1048576.0 TiB"),
    ],
)
def test_memory_in_words(count: int, words: str) -> None:
    assert memory(count) == words


def test_the_command(tmp_path: Path) -> None:
    assert "conv5        Conv 128 -> 192, 3x3" in run("inspect", "emoji_zfnet")
    path = put(tmp_path, "whole.keras")
    output = run("inspect", path)
    assert "first.kernel" in output
    assert "makes no network" in output
    output = run("inspect", path, "--architecture", "vgg16")
    assert "these weights are not vgg16's" in output
    assert "no architecture is called 'vgg61'" in fails(
        "inspect", path, "--architecture", "vgg61"
    )
    assert "neither a file nor" in fails("inspect", tmp_path / "no.h5")
