"""ONNX graphs in the forms in which exporters write them, with random weights.

Made after what MXNet, Caffe2, CNTK, CoreML, ``tf2onnx``, ``keras2onnx``,
``paddle2onnx`` and the first PyTorch put into the ONNX model zoo.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]
SIDE = 24
CLASSES = 5


class Writer:
    """A graph as it grows; ``op`` adds an operator and names its first output."""

    def __init__(
        self, opset: int, shape: tuple[Any, ...], element: int = TensorProto.FLOAT
    ):
        self.opset, self.shape, self.element = opset, shape, element
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.rng = np.random.default_rng(0)

    def op(self, kind: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> str:
        """Inputs are names, or arrays that become initializers."""
        names = [i if isinstance(i, str) else self._constant(i) for i in inputs]
        made = [f"t{len(self.nodes)}_{n}" for n in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, made, **attributes))
        return made[0]

    def _constant(self, array: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array)
        return name

    def weight(self, *shape: int) -> Array:
        fan_in = max(1.0, float(np.prod(shape[1:])))
        return (self.rng.normal(size=shape) / np.sqrt(fan_in)).astype(np.float32)

    def positive(self, *shape: int) -> Array:
        return self.rng.uniform(0.5, 1.5, shape).astype(np.float32)

    def conv(self, x: str, shape: tuple[int, ...], **attributes: Any) -> str:
        """With its kernel_shape, as every exporter writes it."""
        weight = self.weight(*shape)
        return self.op("Conv", x, weight, kernel_shape=shape[2:], **attributes)

    def norm(self, x: str, channels: int, **attributes: Any) -> str:
        gain, mean = self.positive(channels), self.weight(channels)
        spread, bias = self.positive(channels), self.weight(channels)
        return self.op("BatchNormalization", x, gain, bias, mean, spread, **attributes)

    def model(self, output: str) -> onnx.ModelProto:
        """Weights are inputs too, as all were once."""
        element = helper.np_dtype_to_tensor_dtype
        info = helper.make_tensor_value_info
        inputs = [info("data", self.element, self.shape)]
        inputs += [
            info(n, element(a.dtype), a.shape) for n, a in self.constants.items()
        ]
        arrays = [numpy_helper.from_array(a, n) for n, a in self.constants.items()]
        ends = [info(output, TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, "net", inputs, ends, arrays)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=4)


FIRST = (1, 3, SIDE, SIDE)
LAST = ("unk__7", SIDE, SIDE, 3)
EXPORTS: dict[str, Callable[[], onnx.ModelProto]] = {}


def export(function: Callable[[], onnx.ModelProto]) -> Callable[[], onnx.ModelProto]:
    """Decorator: one more of them."""
    EXPORTS[function.__name__] = function
    return function


@export
def mxnet_resnet_v2() -> onnx.ModelProto:
    w = Writer(7, FIRST)
    x = w.norm("data", 3, epsilon=2e-5, momentum=0.9, spatial=1)
    x = w.conv(x, (8, 3, 7, 7), strides=[2, 2], pads=[3] * 4, group=1)
    x = w.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    x = w.op("Add", x, w.conv(x, (8, 8, 3, 3), pads=[1] * 4))
    x = w.op("PRelu", x, w.positive(8, 1, 1))
    x = w.op("Reshape", w.op("GlobalAveragePool", x), np.array([0, -1]))
    return w.model(w.op("Gemm", x, w.weight(CLASSES, 8), w.weight(CLASSES), transB=1))


@export
def caffe2_densenet() -> onnx.ModelProto:
    w = Writer(8, FIRST)
    x = w.norm(w.conv("data", (8, 3, 3, 3), pads=[1] * 4), 8, epsilon=1e-5)
    x = w.op("Mul", x, w.op("Unsqueeze", w.positive(8), axes=[1, 2]))
    x = w.op("Add", x, w.op("Unsqueeze", w.weight(8), axes=[1, 2]))
    x = w.op("Concat", x, w.conv(x, (4, 8, 1, 1)), axis=1)
    x = w.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    return w.model(w.conv(w.op("GlobalAveragePool", x), (CLASSES, 12, 1, 1)))


@export
def caffe2_inception_v1() -> onnx.ModelProto:
    w = Writer(9, FIRST)
    x = w.op("Relu", w.conv("data", (8, 3, 7, 7), strides=[2, 2], pads=[3] * 4))
    x = w.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 2, 2])
    x = w.op("LRN", x, size=5, alpha=1e-4, beta=0.75, bias=1.0)
    pooled = w.op("MaxPool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4)
    x = w.op("Concat", w.conv(x, (3, 8, 1, 1)), pooled, axis=1)
    x = w.op("AveragePool", x, kernel_shape=[6, 6], strides=[1, 1])
    x = w.op("Dropout", x, outputs=2, ratio=0.4)
    x = w.op("Reshape", x, np.array([1, 11]))
    x = w.op("Gemm", x, w.weight(CLASSES, 11), w.weight(CLASSES), transB=1)
    return w.model(w.op("Softmax", x))


@export
def caffe2_shufflenet() -> onnx.ModelProto:
    w = Writer(9, FIRST)
    x = w.conv("data", (8, 3, 3, 3), strides=[2, 2], pads=[1] * 4)
    x = w.op("Reshape", w.conv(x, (8, 4, 1, 1), group=2), np.array([1, 2, 4, 12, 12]))
    x = w.op("Transpose", x, perm=[0, 2, 1, 3, 4])
    x = w.op("Reshape", x, np.array([1, 8, 12, 12]))
    y = w.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    x = w.op("Concat", y, w.conv(x, (8, 8, 1, 1), strides=[2, 2]), axis=1)
    x = w.op("Reshape", w.op("GlobalAveragePool", x), np.array([1, 16]))
    return w.model(w.op("Gemm", x, w.weight(CLASSES, 16), w.weight(CLASSES), transB=1))


@export
def coreml_tiny_yolo() -> onnx.ModelProto:
    w = Writer(8, (None, 3, SIDE, SIDE))
    x = w.op("Mul", "data", np.array([1 / 255], "f4"))
    x = w.op("Add", x, np.zeros((3, 1, 1), "f4"))
    x = w.norm(w.conv(x, (8, 3, 3, 3), auto_pad="SAME_UPPER"), 8, epsilon=1e-3)
    x = w.op("LeakyRelu", x, alpha=0.1)
    for stride in (2, 1):
        strides = [stride, stride]
        x = w.op(
            "MaxPool", x, kernel_shape=[2, 2], strides=strides, auto_pad="SAME_UPPER"
        )
    return w.model(w.conv(x, (CLASSES, 8, 1, 1), auto_pad="SAME_UPPER"))


@export
def cntk_emotions() -> onnx.ModelProto:
    w = Writer(8, (1, 1, SIDE, SIDE))
    x = w.op("Div", w.op("Sub", "data", np.float32(127.5)), np.float32(127.5))
    x = w.conv(x, (8, 1, 3, 3), auto_pad="SAME_UPPER", dilations=[1, 1])
    x = w.op("Relu", w.op("Add", x, w.weight(8, 1, 1)))
    x = w.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], auto_pad="NOTSET")
    x = w.op("Reshape", x, np.array([1, 1152]))
    weight = w.op("Reshape", w.weight(8, 12, 12, CLASSES), np.array([1152, CLASSES]))
    return w.model(w.op("Add", w.op("MatMul", x, weight), w.weight(CLASSES)))


@export
def pytorch_fast_style() -> onnx.ModelProto:
    w = Writer(9, FIRST)
    x = w.op("Pad", "data", mode="reflect", pads=[0, 0, 4, 4, 0, 0, 4, 4])
    x = w.conv(x, (8, 3, 9, 9), strides=[2, 2])
    x = w.op("Relu", w.op("InstanceNormalization", x, w.positive(8), w.weight(8)))
    side = w.op("Cast", w.op("Gather", w.op("Shape", x), np.array(2)), to=1)
    twice = w.op("Floor", w.op("Mul", side, np.float32(2)))
    factor = w.op("Unsqueeze", w.op("Div", twice, side), axes=[0])
    scales = w.op("Concat", np.ones(2, "f4"), factor, factor, axis=0)
    x = w.op("Upsample", x, scales, mode="nearest")
    return w.model(w.conv(x, (CLASSES, 8, 3, 3)))


@export
def tf2onnx_efficientnet() -> onnx.ModelProto:
    w = Writer(11, LAST)
    x = w.op("Sub", "data", np.full(3, 127, "f4"))
    x = w.op("Div", x, np.array([128], "f4"))
    x = w.op("Transpose", x, perm=[0, 3, 1, 2])
    x = w.conv(x, (8, 3, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER")
    x = w.op("Mul", x, w.op("Sigmoid", x))
    squeezed = w.op("ReduceMean", x, axes=[2, 3], keepdims=1)
    x = w.op("Mul", x, w.op("Sigmoid", w.conv(squeezed, (8, 8, 1, 1))))
    x = w.op("Transpose", x, perm=[0, 2, 3, 1])
    x = w.op("ReduceMean", x, axes=[1, 2], keepdims=0)
    return w.model(w.op("MatMul", x, w.weight(8, CLASSES)))


@export
def tf2onnx_bytes() -> onnx.ModelProto:
    w = Writer(11, LAST, TensorProto.UINT8)
    x = w.op("Transpose", w.op("Cast", "data", to=1), perm=[0, 3, 1, 2])
    x = w.op("Pad", x, np.array([0, 0, 0, 0, 0, 0, 1, 1]))
    x = w.op("Clip", w.conv(x, (8, 3, 3, 3), strides=[2, 2]), np.float32(0))
    x = w.op("Squeeze", w.op("GlobalAveragePool", x), axes=[2, 3])
    return w.model(w.op("Gemm", x, w.weight(8, CLASSES), w.weight(CLASSES)))


@export
def paddle2onnx_resnet() -> onnx.ModelProto:
    w = Writer(11, (-1, 3, SIDE, SIDE))
    x = w.conv("data", (8, 3, 3, 3), dilations=[1, 1], pads=[1] * 4, strides=[2, 2])
    x = w.op("GlobalAveragePool", w.op("Relu", w.norm(x, 8)))
    batch = w.op("Slice", w.op("Shape", x), np.array([0]), np.array([1]))
    x = w.op("Reshape", x, w.op("Concat", batch, np.array([8]), axis=0))
    x = w.op("Add", w.op("MatMul", x, w.weight(8, CLASSES)), w.weight(CLASSES))
    return w.model(w.op("Softmax", x, axis=1))


@export
def pytorch_halves() -> onnx.ModelProto:
    w = Writer(13, FIRST, TensorProto.FLOAT16)
    x = w.op("Conv", "data", w.weight(CLASSES, 3, 3, 3).astype(np.float16))
    x = w.op("Flatten", w.op("GlobalAveragePool", w.op("Relu", x)))
    return w.model(w.op("Cast", x, to=1))
