"""Captum's saliency, deconvolution and guided backpropagation of a net's torch twin."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from captum.attr import Deconvolution, GuidedBackprop, Saliency
from torch_nets import Twin

from numpy_deconv import Graph

Array = npt.NDArray[Any]


def attribute(method: str, net: Graph, x: Array, targets: list[int]) -> Array:
    """Captum's attribution of one output of ``(N, classes)`` per sample."""
    twin = Twin(net)
    inputs = torch.from_numpy(x.copy()).requires_grad_()
    target = torch.tensor(targets)
    with warnings.catch_warnings():  # it tells that it sets hooks on the ReLUs
        warnings.simplefilter("ignore", UserWarning)
        if method == "gradient":
            found = Saliency(twin).attribute(inputs, target=target, abs=False)
        elif method == "deconvnet":
            found = Deconvolution(twin).attribute(inputs, target=target)
        else:
            found = GuidedBackprop(twin).attribute(inputs, target=target)
    return np.asarray(found.detach().numpy())
