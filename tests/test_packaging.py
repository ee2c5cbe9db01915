"""What is installed is what is on the disk."""

from __future__ import annotations

import importlib
import importlib.util
import tomllib
from pathlib import Path
from typing import Any

import pytest

import numpy_deconv

ROOT = Path(__file__).parent.parent
SOURCES = {
    "numpy_deconv": "numpy_deconv",
    "backends": "numpy_deconv.backends",
    "benchmarks/speed": "numpy_deconv.benchmarks",
}


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def files(folder: str) -> list[tuple[str, Path]]:
    """``(package, file)`` for all that belongs to one of the source folders,
    without the caches that tools leave there."""
    found = []
    for file in (ROOT / folder).rglob("*"):
        below = file.relative_to(ROOT / folder).parts
        caches = any(part[0] == "." or part == "__pycache__" for part in below)
        if file.is_file() and not caches:
            found.append((".".join([SOURCES[folder], *below[:-1]]), file))
    return found


@pytest.mark.parametrize("folder", SOURCES)
def test_every_package_is_listed(folder: str) -> None:
    listed = set(pyproject()["tool"]["setuptools"]["packages"])
    on_disk = {package for package, _ in files(folder)}
    under = {name for name in listed if name.startswith(SOURCES[folder])}
    if folder == "numpy_deconv":
        elsewhere = (SOURCES["backends"], SOURCES["benchmarks/speed"])
        under -= {n for n in under if n.startswith(elsewhere)}
    assert under == on_disk


@pytest.mark.parametrize("folder", SOURCES)
def test_every_folder_of_modules_is_a_package(folder: str) -> None:
    for _, file in files(folder):
        if file.suffix == ".py":
            assert (file.parent / "__init__.py").exists(), file.parent


@pytest.mark.parametrize("folder", SOURCES)
def test_data_files_are_listed(folder: str) -> None:
    data = pyproject()["tool"]["setuptools"]["package-data"]
    for package, file in files(folder):
        if file.suffix != ".py":
            patterns = data.get(package, [])
            assert any(file.match(pattern) for pattern in patterns), file


def test_entry_points_name_classes_that_exist() -> None:
    points = pyproject()["project"].get("entry-points", {})
    for value in points.get("numpy_deconv.backends", {}).values():
        module, _, _ = value.partition(":")
        assert module.startswith("numpy_deconv.backends.")
        below = module.removeprefix("numpy_deconv.backends.").replace(".", "/")
        place = ROOT / "backends" / below
        assert place.is_dir() or place.with_suffix(".py").is_file(), value


def test_the_version_is_the_package_s() -> None:
    where = pyproject()["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    module, _, name = where.rpartition(".")
    assert getattr(importlib.import_module(module), name) == numpy_deconv.__version__


@pytest.mark.parametrize("folder", ["backends", "benchmarks/speed"])
def test_packages_kept_elsewhere_have_one_name(folder: str) -> None:
    package = importlib.import_module(SOURCES[folder])
    assert package.__file__ is not None
    assert Path(package.__file__).parent == ROOT / folder
    place, name = ROOT / folder / "__init__.py", Path(folder).name
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ImportError, match=f"imported as '{name}': its only name is"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
