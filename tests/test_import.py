"""Importing the package costs NumPy and little else."""

from __future__ import annotations

import subprocess
import sys

import pytest

import numpy_deconv
from numpy_deconv import functional

HEAVY = (
    "PIL",
    "captum",
    "cupy",
    "importlib.metadata",
    "inspect",
    "matplotlib",
    "numba",
    "onnx",
    "onnxruntime",
    "rich",
    "scipy",
    "torch",
    "typer",
)


def loaded_after(code: str) -> set[str]:
    """Modules in memory after running ``code`` in a new interpreter, beyond what
    NumPy brings."""
    script = (
        "import sys, numpy; before = set(sys.modules)\n"
        f"{code}\n"
        "print('\\n'.join(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_the_import_is_light() -> None:
    assert loaded_after("import numpy_deconv").isdisjoint(HEAVY)


def test_layers_nets_and_rules_are_imported_on_first_use() -> None:
    loaded = loaded_after("import numpy_deconv")
    for name in ("contract", "io", "layers", "methods", "models", "net", "oracle"):
        assert f"numpy_deconv.{name}" not in loaded
    loaded = loaded_after("import numpy_deconv; numpy_deconv.layers")
    assert "numpy_deconv.layers" in loaded


def test_computing_on_the_reference_loads_no_backend() -> None:
    code = (
        "import numpy_deconv as nd\n"
        "nd.max_pool(nd.conv(numpy.ones((1, 1, 4)), numpy.ones((1, 1, 2))), 2)"
    )
    loaded = loaded_after(code)
    assert loaded.isdisjoint(HEAVY)
    assert not any(name.startswith("numpy_deconv.backends") for name in loaded)


def test_the_contract_needs_nothing_but_numpy() -> None:
    loaded = loaded_after("import numpy_deconv; numpy_deconv.check_backend")
    assert loaded.isdisjoint(set(HEAVY) - {"inspect"})
    assert "hypothesis" not in loaded


@pytest.mark.parametrize("name", numpy_deconv.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(numpy_deconv, name) is not None
    assert name in dir(numpy_deconv)


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="'numpy_deconv' has no attribute 'cnov'"):
        _ = numpy_deconv.cnov


def test_the_lazy_names_are_the_functions_there_are() -> None:
    assert set(functional.__all__) <= set(numpy_deconv.__all__)
    for name in numpy_deconv.__all__:
        assert getattr(numpy_deconv, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'convolve'"):
        _ = numpy_deconv.convolve
