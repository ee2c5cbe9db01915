"""Methods: one function each, from a net and a batch to a result with a picture."""

from .ascent import Ascent, class_visualization
from .attribution import Attribution, gradient_times_input, guided_backprop, saliency
from .classification import Classification, Guess, classify
from .deconvnet import Projections, Unit, deconvnet
from .fooling import Fooling, fooling_image
from .maps import Tiles, feature_maps, filters
from .occlusion import Occlusion, occlusion
from .presets import PRESETS, AscentSettings
from .result import Result

__all__ = [
    "PRESETS",
    "Ascent",
    "AscentSettings",
    "Attribution",
    "Classification",
    "Fooling",
    "Guess",
    "Occlusion",
    "Projections",
    "Result",
    "Tiles",
    "Unit",
    "class_visualization",
    "classify",
    "deconvnet",
    "feature_maps",
    "filters",
    "fooling_image",
    "gradient_times_input",
    "guided_backprop",
    "occlusion",
    "saliency",
]
