"""ONNX Runtime on the CPU: layers and whole nets, forward, with all its fusions."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import onnxruntime as ort

from numpy_deconv.layers import Conv, MaxPool
from numpy_deconv.net import Graph

from ..case import Answer, Array, Candidate
from .backend_contender import at_switches
from .contender import Contender
from .onnx_nets import model_of, transposed


class OnnxRuntimeContender(Contender):
    """Sessions over models made from our graphs; NCHW, the layout of ONNX."""

    team = "onnxruntime"

    def __init__(self, threads: int):
        self.options = ort.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1
        self.options.log_severity_level = 3

    def versions(self) -> dict[str, str]:
        return {"onnxruntime": str(ort.__version__)}

    def _candidate(self, model: bytes, x: Array, read: Any) -> Candidate:
        session = ort.InferenceSession(
            model, self.options, providers=["CPUExecutionProvider"]
        )
        call = partial(session.run, None, {"x": np.ascontiguousarray(x)})
        return Candidate(self.team, self.team, call, read)

    def layer(self, net: Graph, x: Array) -> list[Candidate]:
        pools = isinstance(net[net.output], MaxPool)

        def read(found: list[Array]) -> Answer:
            if not pools:
                return (found[0],)
            # Its indices count through the whole batch.
            planes = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], 1, 1)
            return at_switches(x, found[0], found[1] - planes * x[0, 0].size)

        return [self._candidate(model_of(net, x.shape, switches=pools), x, read)]

    def input_grad(
        self, conv: Conv, grad: Array, size: tuple[int, ...]
    ) -> list[Candidate]:
        model = transposed(conv, grad.shape, size)
        return [self._candidate(model, grad, tuple)]

    def forward(self, net: Graph, x: Array, *, switches: bool) -> list[Candidate]:
        if switches:
            return []
        return [self._candidate(model_of(net, x.shape, switches=False), x, tuple)]
