"""A backend that is installed, while the package it needs is not."""

from __future__ import annotations

import a_package_that_nobody_installed  # type: ignore[import-not-found] # noqa: F401

from numpy_deconv.backend import NumpyBackend


class LacksPackageBackend(NumpyBackend):
    name = "lacks_package"
