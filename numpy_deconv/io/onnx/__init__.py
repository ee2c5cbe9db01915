"""ONNX files: read without executing anything, made into nets, and written.

>>> from numpy_deconv.io.onnx import import_onnx, read_onnx  # doctest: +SKIP
>>> net = import_onnx(read_onnx("net.onnx")).net  # doctest: +SKIP
"""

from .content import Declared, OnnxContent, Operator
from .exporter import export_onnx, write_onnx
from .importer import Imported, import_onnx
from .reader import parse_onnx, read_onnx

__all__ = [
    "Declared",
    "Imported",
    "OnnxContent",
    "Operator",
    "export_onnx",
    "import_onnx",
    "parse_onnx",
    "read_onnx",
    "write_onnx",
]
