"""Methods: one function each, from a net and a batch to a result with a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .adversarial import Adversarial, fgsm, pgd
from .attribution import Attribution, gradient_times_input, guided_backprop, saliency
from .classification import Classification, Guess, classify
from .correspondence import Correspondence, correspondence
from .deconvnet import Projections, Unit, deconvnet
from .examples import Example, Examples, strongest_examples
from .faithfulness import Infidelity, SensitivityN, infidelity, sensitivity_n
from .fooling import Fooling, fooling_image
from .grad_cam import GradCam, grad_cam, guided_grad_cam
from .integrated_gradients import IntegratedGradients, integrated_gradients
from .invariance import Invariance, invariance
from .lrp import Relevance, lrp
from .maps import Tiles, feature_maps, filters
from .max_sensitivity import MaxSensitivity, max_sensitivity
from .occlusion import Occlusion, occlusion
from .randomisation import Randomisation, randomisation_check
from .removal import Removal, deletion, insertion
from .result import Result
from .rise import Rise, rise
from .segmentation import Segmentation, segment
from .smoothgrad import SmoothGrad, smoothgrad
from .ten_crops import ten_crop_saliency

if TYPE_CHECKING:
    from .ascent import (
        DREAMS,
        INVERSIONS,
        PRESETS,
        STYLES,
        Ascent,
        Recipe,
        class_visualization,
        deepdream,
        invert,
        style_transfer,
        unit_visualization,
        visualize,
    )

__all__ = [
    "DREAMS",
    "INVERSIONS",
    "PRESETS",
    "STYLES",
    "Adversarial",
    "Ascent",
    "Attribution",
    "Classification",
    "Correspondence",
    "Example",
    "Examples",
    "Fooling",
    "GradCam",
    "Guess",
    "Infidelity",
    "IntegratedGradients",
    "Invariance",
    "MaxSensitivity",
    "Occlusion",
    "Projections",
    "Randomisation",
    "Recipe",
    "Relevance",
    "Removal",
    "Result",
    "Rise",
    "Segmentation",
    "SensitivityN",
    "SmoothGrad",
    "Tiles",
    "Unit",
    "class_visualization",
    "classify",
    "correspondence",
    "deconvnet",
    "deepdream",
    "deletion",
    "feature_maps",
    "fgsm",
    "filters",
    "fooling_image",
    "grad_cam",
    "gradient_times_input",
    "guided_backprop",
    "guided_grad_cam",
    "infidelity",
    "insertion",
    "integrated_gradients",
    "invariance",
    "invert",
    "lrp",
    "max_sensitivity",
    "occlusion",
    "pgd",
    "randomisation_check",
    "rise",
    "saliency",
    "segment",
    "sensitivity_n",
    "smoothgrad",
    "strongest_examples",
    "style_transfer",
    "ten_crop_saliency",
    "unit_visualization",
    "visualize",
]

_ASCENT = (
    "DREAMS INVERSIONS PRESETS STYLES Ascent Recipe class_visualization deepdream "
    "invert style_transfer unit_visualization visualize"
)


def __getattr__(name: str) -> Any:
    """Pictures that are climbed to need an engine, imported on first use."""
    if name not in _ASCENT.split():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import ascent

    return getattr(ascent, name)
