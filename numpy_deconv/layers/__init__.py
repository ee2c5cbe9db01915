"""Layers: frozen values with a forward pass and, right below it, the way back."""

from .activation import (
    ELU,
    GELU,
    Activation,
    Clip,
    HardSigmoid,
    HardSwish,
    LeakyReLU,
    LogSoftmax,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .arrangement import Add, Concat, Dropout, Flatten, Identity, Mul, Pad, Upsample
from .averaging import AdaptiveAvgPool, AvgPool, GlobalAvgPool, LpPool
from .convolution import Conv, ConvTranspose, Linear
from .layer import Box, Layer
from .normalisation import BatchNorm, LocalResponseNorm
from .pooling import AdaptiveMaxPool, GlobalMaxPool, MaxPool, MaxUnpool

__all__ = [
    "ELU",
    "GELU",
    "Activation",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "Add",
    "AvgPool",
    "BatchNorm",
    "Box",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "LpPool",
    "MaxPool",
    "MaxUnpool",
    "Mul",
    "PReLU",
    "Pad",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Upsample",
]
