"""Cases for kernels that Python cannot call: files out, results back, a verdict."""

from __future__ import annotations

from .exporting import FORMATS, export
from .onnx_node import NodeCall, node_call
from .verification import Verdict, verify

__all__ = ["FORMATS", "NodeCall", "Verdict", "export", "node_call", "verify"]
