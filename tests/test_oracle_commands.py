"""The oracle on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from command_line import fails, folder, run, wrong_usage

import numpy_deconv as nd
from numpy_deconv import oracle

__all__ = ["folder"]


def test_a_right_kernel_and_its_files(folder: Path) -> None:
    output = run(
        *("check", "numpy_deconv:relu", "--op", "relu", "--examples", "30"),
        *("--json", "r.json", "--junit", "r.xml", "--markdown", "r.md"),
    )
    assert "relu: numpy_deconv:relu: PASS" in output
    assert json.loads((folder / "r.json").read_text())["verdict"] == "PASS"
    assert (folder / "r.xml").read_text().startswith("<?xml")
    assert "PASS" in (folder / "r.md").read_text()


def test_a_wrong_kernel_of_the_current_folder(folder: Path) -> None:
    (folder / "mine_wrong.py").write_text(
        "import numpy_deconv as nd\n"
        "def conv(x, w, stride):\n"
        "    return nd.conv(x, w, stride=(stride[0],) * len(stride))\n"
    )
    words = ("check", "mine_wrong:conv", "--op", "conv", "--save", "case.npz")
    output = run(*words, "--examples", "60", status=1)
    assert "stride[0] used on every axis" in output
    explained = run("explain", "case.npz")
    assert "it has shape" in explained or "elements are wrong" in explained


def test_a_kernel_that_dies(folder: Path) -> None:
    (folder / "mine_dead.py").write_text("import os\ndef f(x):\n    os._exit(3)\n")
    output = run("check", "mine_dead:f", "--op", "relu", status=1)
    assert "it ended its process with exit status 3" in output


def test_wrong_words_are_one_sentence(folder: Path) -> None:
    assert "give MODULE:FUNCTION" in fails("check", "relu", "--op", "relu")
    assert "did you mean relu" in fails("check", "numpy_deconv:relu", "--op", "rellu")
    assert "there is no case" in fails("explain", "nothing.npz")
    assert "holds no case_" in fails("verify", folder)
    assert "Missing option '--op'" in wrong_usage("check", "numpy_deconv:relu")
    (folder / "file").touch()
    words = ("check", "numpy_deconv:relu", "--op", "relu", "--examples", "20")
    assert "cannot write" in fails(*words, "--json", "file/x.json")


def test_export_and_verify(folder: Path) -> None:
    output = run("export", "--op", "conv", "--n", "2", "--out", "cases")
    assert "2 cases of conv are in cases" in output
    assert "2 have no result" in run("verify", "cases", status=1)
    for path in (folder / "cases").glob("case_*.npz"):
        case, _ = oracle.load_case(path)
        np.save(path.with_suffix(".out.npy"), nd.conv(*case.inputs, **case.attrs))
    assert "2 of 2 cases pass, 0 fail" in run("verify", "cases")


def test_a_right_case_is_explained(folder: Path) -> None:
    x = np.ones((1, 1, 4), np.float32)
    case = oracle.Case("relu", {"x": x}, {})
    case.save("bare.npz")
    assert "result 'y' has shape (1, 1, 4)" in run("explain", "bare.npz")
    case.save("right.npz", **{"out.y": x})
    assert "the stored results are right" in run("explain", "right.npz")
    case.save("wrong.npz", **{"out.y": x * [1, 1, 1, 0]})
    assert "only the last column is wrong" in run("explain", "wrong.npz")


def test_mutants_are_listed_and_tried(folder: Path) -> None:
    assert "conv: kernel flipped: the kernel is flipped" in run("mutants")
    suite = "oracle_kernels:notices_stride"
    tried = run("mutants", suite, "--op", "conv")
    assert "not noticed: conv: dilation[0] twice" in tried
    assert "not noticed: conv: stride[0] twice" not in tried
    assert "mutants are noticed" in tried
    assert "give --op" in fails("mutants", suite)
    refusing = ("mutants", "oracle_kernels:refuses_all", "--op", "conv")
    assert "refuses the correct kernel too" in fails(*refusing)
