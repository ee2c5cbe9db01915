"""Architectures as data, the weights that come with the library, and `load_model`."""

from __future__ import annotations

from .architecture import Architecture
from .catalogue import ARCHITECTURES, find_architecture, identify
from .inspection import Inspection, inspect_model
from .labels import imagenet_labels, read_labels
from .load import load_model, model_from_weights
from .model import Model
from .preprocess import IMAGENET, Preprocess
from .row import Row
from .shipped import sample_picture

__all__ = [
    "ARCHITECTURES",
    "IMAGENET",
    "Architecture",
    "Inspection",
    "Model",
    "Preprocess",
    "Row",
    "find_architecture",
    "identify",
    "imagenet_labels",
    "inspect_model",
    "load_model",
    "model_from_weights",
    "read_labels",
    "sample_picture",
]
