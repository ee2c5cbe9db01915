"""Nets: a graph of layers, a tape of one run, and what each unit sees."""

from .cropped import Projected, project_units
from .graph import Graph, Node, Sequential
from .receptive_field import receptive_field, seen_by
from .tape import Tape

__all__ = [
    "Graph",
    "Node",
    "Projected",
    "Sequential",
    "Tape",
    "project_units",
    "receptive_field",
    "seen_by",
]
