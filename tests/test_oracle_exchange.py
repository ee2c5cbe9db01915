"""Cases that leave as files, and results that come back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import FileFormatError, OptionError


def test_there_and_back(tmp_path: Path) -> None:
    paths = oracle.export(tmp_path, op="conv", count=6)
    assert [p.name for p in paths] == [f"case_{i:04d}.npz" for i in range(6)]
    assert {v.verdict for v in oracle.verify(tmp_path)} == {"MISSING"}
    for number, path in enumerate(paths):
        case, stored = oracle.load_case(path)
        y = nd.conv(*case.inputs, **case.attrs)
        assert not stored["hard.y"].any()
        if number == 1:
            y.flat[-1] += 1
        if number % 3 == 0:
            np.savez(path.with_suffix(".out.npz"), y=y)
        elif number % 3 == 1:
            np.save(path.with_suffix(".out.npy"), y)
        else:
            path.with_suffix(".y.bin").write_bytes(y.tobytes())
    verdicts = oracle.verify(tmp_path)
    assert [v.verdict for v in verdicts] == ["PASS", "FAIL", *["PASS"] * 4]
    assert "1 of" in verdicts[1].reason


def test_results_that_cannot_be_read(tmp_path: Path) -> None:
    first, second = oracle.export(tmp_path, op="max_pool", count=2)
    first.with_suffix(".out.npy").write_bytes(b"nonsense")
    np.savez(second.with_suffix(".out.npz"), a=np.ones(2), b=np.ones(2))
    one, two = oracle.verify(tmp_path)
    assert one.verdict == two.verdict == "FAIL"
    assert one.reason.startswith("the results cannot be read")
    assert "there is no result 'a': they are ('y', 'switches')" in two.reason


def test_other_data_have_other_bounds(tmp_path: Path) -> None:
    (path,) = oracle.export(tmp_path, op="conv", count=1, mode="bound")
    _, stored = oracle.load_case(path)
    assert stored["hard.y"].any()


def test_a_header_that_a_compiler_takes(tmp_path: Path) -> None:
    oracle.export(
        tmp_path,
        op="conv",
        count=2,
        format="c-array",
        mode="specials",
        dtypes=("float32",),
    )
    text = (tmp_path / "case_0000.h").read_text()
    assert "static const float case_0000_x[] = {" in text
    assert "static const int64_t case_0000_want_y_shape[]" in text
    compiler = shutil.which("cc")
    if compiler is not None:
        source = tmp_path / "use.c"
        source.write_text('#include "case_0000.h"\nint main(void) { return 0; }\n')
        words = [compiler, "-c", "use.c", "-o", "use.o"]
        subprocess.run(words, cwd=tmp_path, check=True)


def test_models_of_one_node(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    oracle.export(tmp_path, op="max_pool", count=3, format="onnx-node", ranks=(2,))
    for number in range(3):
        folder = tmp_path / f"case_{number:04d}"
        onnx.checker.check_model(onnx.load(folder / "model.onnx"))
        data = folder / "test_data_set_0"
        assert {p.name for p in data.iterdir()} == {
            "input_0.pb",
            "output_0.pb",
            "output_1.pb",
        }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "yaml"}, "format='yaml' is not known: use one of"),
        ({"mode": "fast"}, "mode='fast' is not known: use one of"),
        ({"count": 0}, "there must be at least 1 case, got 0"),
    ],
)
def test_wrong_options(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        oracle.export(tmp_path, op="conv", **options)  # type: ignore[arg-type]


def test_operations_without_a_node(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(OptionError, match="im2col is no single ONNX node: use one of"):
        oracle.export(tmp_path, op="im2col", count=1, format="onnx-node")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"holds no case_\*.npz: make them with"):
        oracle.verify(tmp_path)
