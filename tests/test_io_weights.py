"""One door for weight files."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from torch_archives import mapping, storage, tensor, zip_file

from numpy_deconv.errors import FileFormatError, OutputError
from numpy_deconv.io.weights import find_non_finite, read_weights, write_weights

WEIGHTS = {"weight": np.arange(12, dtype="f4").reshape(3, 4).T, "bias": np.ones(3)}


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".NPZ"])
def test_what_is_written_is_read(tmp_path: Path, suffix: str) -> None:
    write_weights(tmp_path / f"w{suffix}", WEIGHTS)
    found = read_weights(tmp_path / f"w{suffix}")
    assert found.keys() == WEIGHTS.keys()
    for name, array in WEIGHTS.items():
        assert found[name].tolist() == array.tolist()
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_torch_files_are_read(tmp_path: Path, suffix: str) -> None:
    saved = mapping({"w": tensor(storage("0", 2), (2,), (1,))})
    data = np.array([1, 2], "<f4").tobytes()
    (tmp_path / f"w{suffix}").write_bytes(zip_file(saved, {"0": data}))
    assert read_weights(str(tmp_path / f"w{suffix}"))["w"].tolist() == [1, 2]


@pytest.mark.parametrize("name", ["w.txt", "w", "w.tar"])
def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileFormatError, match=r"readable are \.safetensors, \.npz"):
        read_weights(tmp_path / name)
    with pytest.raises(OutputError, match=r"writable are \.safetensors, \.npz$"):
        write_weights(tmp_path / name, WEIGHTS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt", ".pth"])
def test_missing_empty_and_folder(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    with pytest.raises(FileFormatError, match="does not exist"):
        read_weights(path)
    path.touch()
    with pytest.raises(FileFormatError, match="is empty"):
        read_weights(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(FileFormatError, match="is a folder"):
        read_weights(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt", ".pth"])
def test_one_format_under_the_name_of_another(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"w{suffix}").write_bytes(b"<html>404 Not Found</html>" * 40)
    with pytest.raises(FileFormatError, match=f"w{suffix}"):
        read_weights(tmp_path / f"w{suffix}")


def test_torch_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"its suffix is '\.pth'"):
        write_weights(tmp_path / "w.pth", WEIGHTS)


def test_names_of_arrays_that_are_not_finite() -> None:
    arrays = {
        "fine": np.ones(3, "f4"),
        "nan": np.array([1, np.nan], "f2"),
        "inf": np.array([[1, -np.inf]]),
        "integer": np.arange(3),
        "bool": np.array([True]),
        "complex": np.array([complex(0, np.nan)]),
        "bfloat16": np.array([np.inf], ml_dtypes.bfloat16),
        "empty": np.zeros(0),
    }
    assert find_non_finite(arrays) == ["nan", "inf", "complex", "bfloat16"]
    assert find_non_finite({}) == []
