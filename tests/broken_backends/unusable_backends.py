"""Registered backends that cannot be used, each for another reason."""

from __future__ import annotations

from numpy_deconv.backend import Backend, NumpyBackend


class LacksDeviceBackend(NumpyBackend):
    """One whose package is there and whose device is not."""

    name = "lacks_device"

    @classmethod
    def missing(cls) -> str:
        return "no accelerator was found: plug one in"


class IncompleteBackend(Backend):
    """One without the required kernels."""

    name = "incomplete"


class NotABackend:
    """A class that has nothing to do with the contract."""


def not_a_class() -> None:
    """Not even a class."""
