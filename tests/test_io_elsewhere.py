"""Files that come in by another door are told which."""

from __future__ import annotations

from pathlib import Path

import pytest

from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.io.elsewhere import REMEDIES, other_door
from numpy_deconv.io.weights import read_weight_file
from numpy_deconv.models import load_model


@pytest.mark.parametrize("name", ["saved_model.pb", "saved_model.pbtxt"])
def test_a_saved_model(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    for path in (tmp_path, tmp_path / name):
        message = f"TensorFlow SavedModel, .* only through ONNX: .* {tmp_path} --output"
        with pytest.raises(FileFormatError, match=message):
            load_model(path)


@pytest.mark.parametrize(
    "name", ["net.ckpt", "net.ckpt.index", "net.ckpt.data-00000-of-00001"]
)
def test_a_tensorflow_checkpoint(tmp_path: Path, name: str) -> None:
    for file in ("net.ckpt.index", "net.ckpt.data-00000-of-00001"):
        (tmp_path / file).write_bytes(b"x")
    with pytest.raises(
        FileFormatError, match=r"a TensorFlow checkpoint.*model\.export"
    ):
        load_model(tmp_path / name)
    (tmp_path / "net.ckpt.meta").write_bytes(b"x")
    with pytest.raises(FileFormatError, match=r"--checkpoint .*net\.ckpt\.meta --out"):
        load_model(tmp_path / name)


@pytest.mark.parametrize("suffix", REMEDIES)
def test_other_formats_by_their_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net{suffix}"
    assert other_door(path) is None
    with pytest.raises(OptionError, match="neither a file nor a model's name"):
        load_model(path)
    path.write_bytes(b"x")
    with pytest.raises(FileFormatError, match=f"net{suffix} (is|holds) a .*") as caught:
        read_weight_file(path)
    assert "{" not in str(caught.value)


def test_what_is_read_has_no_other_door(tmp_path: Path) -> None:
    for name in ("w.pth", "w.pth.tar", "w.h5", "w.keras", "w.ckpt", "w"):
        (tmp_path / name).write_bytes(b"x")
        assert other_door(tmp_path / name) is None
    assert other_door(tmp_path) is None
