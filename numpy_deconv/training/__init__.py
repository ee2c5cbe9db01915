"""Training: batches of pictures in, a net that tells them apart out.

``train`` drives a :class:`Training` to its end; :class:`Recipe` is everything that
decides what comes out.
"""

from __future__ import annotations

from .augmentation import Augmentation
from .checkpoint import read_checkpoint, write_checkpoint
from .folder import RunFolder, load_trained
from .history import History
from .lesson import Lesson, lesson
from .listing import Listing, pictures_below, read_listing
from .loading import ahead
from .optimizers import SGD, Adam, AdamW, Optimizer
from .pictures import Batch, Pictures
from .prediction import Prediction, predict
from .running import train
from .schedules import Constant, Cosine, Place, Schedule, StepDecay
from .training import Recipe, Training
from .watching import dead_maps, way_down

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Augmentation",
    "Batch",
    "Constant",
    "Cosine",
    "History",
    "Lesson",
    "Listing",
    "Optimizer",
    "Pictures",
    "Place",
    "Prediction",
    "Recipe",
    "RunFolder",
    "Schedule",
    "StepDecay",
    "Training",
    "ahead",
    "dead_maps",
    "lesson",
    "load_trained",
    "pictures_below",
    "predict",
    "read_checkpoint",
    "read_listing",
    "train",
    "way_down",
    "write_checkpoint",
]
