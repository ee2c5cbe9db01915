"""Architectures as data, the weights that come with the library, and `load_model`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .architecture import Architecture
from .catalogue import ARCHITECTURES, find_architecture, identify
from .labels import imagenet_labels, read_labels
from .load import load_model, model_from_weights
from .model import Model
from .preprocess import IMAGENET, Preprocess
from .row import Row
from .shipped import sample_picture

if TYPE_CHECKING:
    from .inspection import Inspection, inspect_model

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


def __getattr__(name: str) -> Any:
    """Inspecting needs every reader there is, and is imported on first use."""
    if name not in ("Inspection", "inspect_model"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import inspection

    return getattr(inspection, name)
