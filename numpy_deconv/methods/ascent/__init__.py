"""Gradient ascent on pictures: objectives, recipes, and the methods made of them."""

from .dreaming import DREAMS, deepdream
from .edits import (
    Blur,
    Clamp,
    ClipToPixels,
    Decay,
    DropSmall,
    DropUnhelpful,
    Wander,
    gaussian_blur,
)
from .inversion import INVERSIONS, invert
from .matching import FeatureDistance, GramDistance, gram
from .objectives import (
    Channel,
    ClassScore,
    Direction,
    LayerEnergy,
    Neuron,
    Objective,
)
from .optimisers import LBFGS, Adam, Descent, Momentum, RMSprop
from .parametrisations import DecorrelatedColours, Spectrum, Squash
from .presets import PRESETS
from .recipe import Recipe
from .regularisers import L1, L2, Power, TotalVariation
from .result import Ascent
from .style import STYLES, style_transfer
from .transforms import Fit, Jitter, Pad, Roll, Rotate, Scale
from .visualization import class_visualization, unit_visualization, visualize

__all__ = [
    "DREAMS",
    "INVERSIONS",
    "L1",
    "L2",
    "LBFGS",
    "PRESETS",
    "STYLES",
    "Adam",
    "Ascent",
    "Blur",
    "Channel",
    "Clamp",
    "ClassScore",
    "ClipToPixels",
    "Decay",
    "DecorrelatedColours",
    "Descent",
    "Direction",
    "DropSmall",
    "DropUnhelpful",
    "FeatureDistance",
    "Fit",
    "GramDistance",
    "Jitter",
    "LayerEnergy",
    "Momentum",
    "Neuron",
    "Objective",
    "Pad",
    "Power",
    "RMSprop",
    "Recipe",
    "Roll",
    "Rotate",
    "Scale",
    "Spectrum",
    "Squash",
    "TotalVariation",
    "Wander",
    "class_visualization",
    "deepdream",
    "gaussian_blur",
    "gram",
    "invert",
    "style_transfer",
    "unit_visualization",
    "visualize",
]
