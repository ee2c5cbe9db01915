"""Who computes: our backends and the frameworks they are held against, alike."""

from __future__ import annotations

from collections.abc import Callable

from .contender import Contender


def _torch(threads: int, compiled: bool) -> Contender:
    from .torch_contender import TorchContender

    return TorchContender(threads, compiled=compiled)


def _onnxruntime(threads: int, compiled: bool) -> Contender:
    from .onnxruntime_contender import OnnxRuntimeContender

    return OnnxRuntimeContender(threads)


def _jax(threads: int, compiled: bool) -> Contender:
    from .jax_contender import JaxContender

    return JaxContender()


RIVALS: dict[str, Callable[[int, bool], Contender]] = {
    "torch": _torch,
    "onnxruntime": _onnxruntime,
    "jax": _jax,
}
"""What ``--against`` may name: from a number of threads, and whether to compile nets.

A framework is imported when it is called; ImportError says that it is not there.
"""

__all__ = ["RIVALS", "Contender"]
