"""The public array functions: validate, size the window, call the current backend."""

from .activations import (
    clip,
    elu,
    gelu,
    hard_sigmoid,
    hard_swish,
    leaky_relu,
    log_softmax,
    prelu,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from .adaptive_pooling import (
    adaptive_avg_pool,
    adaptive_max_pool,
    global_avg_pool,
    global_max_pool,
)
from .columns import col2im, im2col
from .combining import concat, cross_entropy, flatten, mse
from .convolution import conv, conv_input_grad, conv_weight_grad
from .differentiation import differentiable, vjp
from .linear import linear
from .normalisation import batch_norm, local_response_norm
from .pooling import avg_pool, lp_pool, max_pool
from .resampling import pad, upsample
from .transposed_convolution import conv_transpose
from .unpooling import max_unpool

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "avg_pool",
    "batch_norm",
    "clip",
    "col2im",
    "concat",
    "conv",
    "conv_input_grad",
    "conv_transpose",
    "conv_weight_grad",
    "cross_entropy",
    "differentiable",
    "elu",
    "flatten",
    "gelu",
    "global_avg_pool",
    "global_max_pool",
    "hard_sigmoid",
    "hard_swish",
    "im2col",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "lp_pool",
    "max_pool",
    "max_unpool",
    "mse",
    "pad",
    "prelu",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
    "upsample",
    "vjp",
]
