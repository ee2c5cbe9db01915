"""Keras's files: those it wrote, and by hand those that are hostile."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from weight_files import data_of, expected, put

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.keras_file import read_keras_file

SEPARABLE = {"depthwise": "depthwise_kernel", "pointwise": "pointwise_kernel"}


def wanted() -> dict[str, Any]:
    arrays = expected("keras")
    return {k: v for k, v in arrays.items() if k not in ("x", "y")}


def write_zip(
    path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED
) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def members(**changes: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data_of("whole.keras"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()} | changes


@pytest.mark.parametrize("name", ["whole.h5", "whole.keras", "bare.weights.h5"])
def test_what_keras_wrote(tmp_path: Path, name: str) -> None:
    found = read_keras_file(put(tmp_path, name))
    assert found.layout == "keras"
    arrays = wanted()
    assert found.arrays.keys() == arrays.keys()
    for key, value in arrays.items():
        np.testing.assert_array_equal(found.arrays[key], value, strict=True)
    if name != "bare.weights.h5":
        # Bare weights of the newer format do not tell the order between kinds.
        layers = list(dict.fromkeys(key.partition(".")[0] for key in found.arrays))
        assert layers == list(dict.fromkeys(key.partition(".")[0] for key in arrays))


@pytest.mark.parametrize("name", ["nested.h5", "nested.keras"])
def test_models_in_models(tmp_path: Path, name: str) -> None:
    found = read_keras_file(put(tmp_path, name)).arrays
    layers = list(dict.fromkeys(key.partition(".")[0] for key in found))
    assert len(found) == len(wanted()) + 2
    assert layers[0] == "first"
    assert layers[-1].startswith("dense")
    assert found[f"{layers[-1]}.kernel"].shape == (3, 2)


@pytest.mark.parametrize("name", ["bfloat16.h5", "bfloat16.keras"])
def test_bfloat16(tmp_path: Path, name: str) -> None:
    found = read_keras_file(put(tmp_path, name)).arrays
    assert [key.partition(".")[2] for key in found] == ["kernel", "bias"] * 2
    kernel = next(iter(found.values()))
    assert kernel.dtype == np.float32
    assert kernel.shape == (3, 3, 1, 2)
    assert 0.01 < np.abs(kernel).mean() < 1


def test_an_optimiser_s_state_is_left_out(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = put(tmp_path, "whole.h5")
    with h5py.File(path, "a") as file:
        file.require_group("optimizer_weights")["step"] = np.arange(3)
    assert read_keras_file(path).left_out == ("optimizer_weights",)
    path = put(tmp_path, "bare.weights.h5")
    with h5py.File(path, "a") as file:
        file.require_group("optimizer/vars")["extra"] = np.ones(3)
        file["layers/dropout/seed_generator/vars/0"] = np.arange(2)
    assert read_keras_file(path).left_out == ("optimizer", "seed_generator.0")
    assert read_keras_file(path).arrays.keys() == wanted().keys()


def test_long_lists_of_names_come_in_pieces(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names0"] = np.array([b"b", b"a"])
        file.attrs["layer_names1"] = np.array([b"c"])
        for name in "abc":
            file[f"{name}/{name}/kernel:0"] = np.full((2, 2), ord(name), "f4")
            file[name].attrs["weight_names"] = np.array([f"{name}/kernel:0".encode()])
    found = read_keras_file(tmp_path / "w.h5").arrays
    assert list(found) == ["b.kernel", "a.kernel", "c.kernel"]
    assert found["c.kernel"][0, 0] == ord("c")


def test_a_model_that_was_loaded_and_saved_again(tmp_path: Path) -> None:
    """Keras 2 then writes conv2d_1_1/kernel into the group conv2d_1."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = np.array([b"conv2d_1", b"conv2d_2"])
        for name in ("conv2d_1", "conv2d_2"):
            file[f"{name}/{name}_1/kernel:0"] = np.zeros((2, 2), "f4")
            weights = [f"{name}_1/kernel:0".encode()]
            file[name].attrs["weight_names"] = np.array(weights)
    found = read_keras_file(tmp_path / "w.h5").arrays
    assert list(found) == ["conv2d_1.kernel", "conv2d_2.kernel"]


def test_numbered_layers_are_counted_not_spelled(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "w.weights.h5", "w") as file:
        for number in ("", "_1", "_10", "_2"):
            file[f"layers/conv2d{number}/vars/0"] = np.ones((1, 1, 2, 2), "f4")
    found = read_keras_file(tmp_path / "w.weights.h5").arrays
    assert list(found) == [f"conv2d{n}.kernel" for n in ("", "_1", "_2", "_10")]


def deep(levels: int) -> bytes:
    return b'{"config":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"../evil": b"x"}, r"is hostile: a member is called '\.\./evil'"),
        ({"/etc/x": b"x"}, "is hostile: a member is called '/etc/x'"),
        ({"a\\b": b"x"}, "is hostile: a member is called"),
        ({"config.json": b"{"}, "has a config.json that is not valid JSON"),
        ({"config.json": deep(10**5)}, "not valid JSON|no valid|recursion"),
        ({"model.weights.h5": b"no"}, "is not an HDF5 file"),
    ],
)
def test_hostile_archives(
    tmp_path: Path, changes: dict[str, bytes], message: str
) -> None:
    path = write_zip(tmp_path / "w.keras", members(**changes))
    with pytest.raises(FileFormatError, match=message):
        read_keras_file(path)
    assert list(tmp_path.iterdir()) == [path]


def test_archives_that_are_not_keras_s(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "w.keras", {"config.json": b"{}"})
    with pytest.raises(FileFormatError, match=r"Keras did not write it: no model\.wei"):
        read_keras_file(path)
    write_zip(path, members(), zipfile.ZIP_DEFLATED)
    with pytest.raises(FileFormatError, match="which Keras never writes; unpack it"):
        read_keras_file(path)
    write_zip(path, members(**{"config.json": b" " * (64 * 2**20 + 1)}))
    with pytest.raises(FileFormatError, match=r"a config\.json of 67108865 bytes"):
        read_keras_file(path)


def test_a_configuration_of_another_kind_only_loses_the_order(tmp_path: Path) -> None:
    for config in ([], {"config": 3}, {"config": {"layers": [3, {"config": "x"}]}}):
        changed = members(**{"config.json": json.dumps(config).encode()})
        found = read_keras_file(write_zip(tmp_path / "w.keras", changed))
        assert found.arrays.keys() == wanted().keys()


def test_a_flipped_weight_fails_the_checksum(tmp_path: Path) -> None:
    data = bytearray(data_of("whole.keras"))
    place = data.rindex(wanted()["dense.kernel"].tobytes())
    data[place] ^= 1
    (tmp_path / "w.keras").write_bytes(data)
    with pytest.raises(
        FileFormatError, match=r"checksum of 'model\.weights\.h5' is wr"
    ):
        read_keras_file(tmp_path / "w.keras")


def test_hdf5_files_without_layers(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["x"] = np.ones(3)
    with pytest.raises(FileFormatError, match=r"without layers as .* it has: 'x'"):
        read_keras_file(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["model_weights"] = np.ones(3)
    with pytest.raises(FileFormatError, match="its model_weights are no group"):
        read_keras_file(tmp_path / "w.h5")


def test_layers_that_are_not_as_listed(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")

    def write(name: str) -> Path:
        with h5py.File(tmp_path / "w.h5", "w") as file:
            file.attrs["layer_names"] = np.array([b"a"])
            file[name] = np.ones(3, "f4")
            if name != "a":
                names = [b"k", b"k"] if name == "a/k" else [b"k"]
                file["a"].attrs["weight_names"] = np.array(names)
        return tmp_path / "w.h5"

    for name, message in (
        ("a", "layer 'a' is no group"),
        ("a/k/deeper", "'k' is no array"),
        ("a/k", r"two arrays called 'a\.k'"),
    ):
        with pytest.raises(FileFormatError, match=message):
            read_keras_file(write(name))


def test_many_layers_of_one_array_are_bounded(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        big = file.create_dataset("big", (2**22,), "f4", chunks=(2**22,), compression=9)
        big[...] = 0
        for number in range(20):
            file.create_group(f"layers/a{number}/vars")["0"] = big
    with pytest.raises(FileFormatError, match="would expand its"):
        read_keras_file(tmp_path / "w.h5")
