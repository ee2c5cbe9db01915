"""Nets: a graph of layers, a tape of one run, and what each unit sees."""

from .cropped import Projected, project_units
from .field import Field, fields
from .folding import fold_batch_norms
from .graph import Graph, Node, Sequential
from .receptive_field import receptive_field, seen_by
from .tape import Tape

__all__ = [
    "Field",
    "Graph",
    "Node",
    "Projected",
    "Sequential",
    "Tape",
    "fields",
    "fold_batch_norms",
    "project_units",
    "receptive_field",
    "seen_by",
]
