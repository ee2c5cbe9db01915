"""The pytest plugin: options for :func:`numpy_deconv.oracle.conforms`.

Imports nothing until a run gives one of its options, for it is loaded in every run of
pytest in an environment that has this library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--oracle-budget``, ``--oracle-seed`` and ``--oracle-save-failures``."""
    group = parser.getgroup("numpy_deconv oracle")
    group.addoption(
        "--oracle-budget",
        type=int,
        metavar="N",
        help="examples of each @oracle.conforms test",
    )
    group.addoption(
        "--oracle-seed", type=int, metavar="N", help="seed of those examples"
    )
    group.addoption(
        "--oracle-save-failures",
        metavar="DIR",
        help="keep failing cases there, and replay them first",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Hand the options on."""
    examples = config.getoption("--oracle-budget")
    seed = config.getoption("--oracle-seed")
    folder = config.getoption("--oracle-save-failures")
    if examples is None and seed is None and folder is None:
        return
    from pathlib import Path

    from .testing import SETTINGS

    SETTINGS.examples, SETTINGS.seed = examples, seed
    SETTINGS.folder = None if folder is None else Path(folder).absolute()
