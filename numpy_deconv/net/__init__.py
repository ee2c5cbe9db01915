"""Nets: a graph of layers, a tape of one run, and what each unit sees."""

from .graph import Graph, Node, Sequential
from .receptive_field import receptive_field, seen_by
from .tape import Tape

__all__ = ["Graph", "Node", "Sequential", "Tape", "receptive_field", "seen_by"]
