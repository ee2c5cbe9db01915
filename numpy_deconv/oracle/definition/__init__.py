"""The definitions: every array function once more, loop by loop.

Slow and plain on purpose, and sharing no line with the reference that it judges, not
even the size arithmetic. Floats are computed in float64, integers exactly; results are
float64 and int64. ``DEFINITIONS[name](*arrays, **options)`` is the value,
``GRADIENTS[name](grad, *arrays, **options)`` a tuple with one gradient for each array
argument: None for integers (switches, labels) and for an array that is absent.

Example::

    >>> import numpy as np
    >>> from numpy_deconv.oracle.definition import DEFINITIONS, GRADIENTS
    >>> x = np.array([[[1, 3, 2, 2]]])
    >>> DEFINITIONS["max_pool"](x, 2)
    (array([[[3, 2]]]), array([[[1, 2]]]))
    >>> GRADIENTS["max_pool"](np.array([[[5, 7]]]), x, 2)
    (array([[[0, 5, 7, 0]]]),)
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from numpy_deconv.oracle.definition import (
    arrangement,
    batch_training,
    columns,
    convolution,
    convolution_grad,
    dense,
    lp_pooling,
    normalisation,
    pointwise,
    pooling,
    smooth,
    unpooling,
)

NAMES: dict[ModuleType, tuple[str, ...]] = {
    convolution: ("conv", "conv_input_grad", "conv_weight_grad", "conv_transpose"),
    columns: ("im2col", "col2im"),
    pooling: (
        "max_pool",
        "avg_pool",
        "adaptive_avg_pool",
        "adaptive_max_pool",
        "global_avg_pool",
        "global_max_pool",
    ),
    lp_pooling: ("lp_pool",),
    unpooling: ("max_unpool",),
    pointwise: ("relu", "leaky_relu", "prelu", "clip", "hard_sigmoid", "hard_swish"),
    smooth: ("elu", "sigmoid", "tanh", "silu", "gelu", "softplus"),
    normalisation: ("softmax", "log_softmax", "batch_norm", "local_response_norm"),
    batch_training: ("batch_norm_training",),
    dense: ("linear", "cross_entropy", "mse"),
    arrangement: ("pad", "upsample", "concat", "flatten"),
}

DEFINITIONS: dict[str, Callable[..., Any]] = {
    name: getattr(module, name) for module, names in NAMES.items() for name in names
}

GRADIENTS: dict[str, Callable[..., tuple[Any, ...]]] = {
    name: getattr(convolution_grad if module is convolution else module, f"{name}_grad")
    for module, names in NAMES.items()
    for name in names
}
