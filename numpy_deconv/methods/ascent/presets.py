"""Published settings of gradient ascent, as data; each names its source."""

from __future__ import annotations

from dataclasses import replace

from .edits import (
    Blur,
    ClipToPixels,
    Decay,
    DropSmall,
    DropUnhelpful,
    Wander,
)
from .optimisers import Adam, Descent, RMSprop
from .parametrisations import DecorrelatedColours, Spectrum, Squash
from .recipe import Recipe
from .regularisers import L1, L2, TotalVariation
from .transforms import Fit, Jitter, Pad, Roll, Rotate, Scale

CS231N = Recipe(
    steps=100,
    optimiser=Descent(25),
    transforms=(Roll(16),),
    regularisers=(L2(1e-3),),
    edits=(ClipToPixels(), Blur(0.5, every=10)),
    source="Stanford cs231n, assignment 3, class visualization",
)

CAFFE = Recipe(
    steps=500,
    optimiser=Descent(100),
    spread=10,
    units="centred",
    stretched=True,
    source="Yosinski et al. 2015, table 1; doc/running-optimize-image.md of its "
    "deep-visualization-toolbox, line ",
)
"""What the four of Yosinski's have in common: levels around the mean, as Caffe's."""

SCALES = tuple(1 + (i - 5) / 50 for i in range(11))
ANGLES = (*range(-10, 11), *(0,) * 5)

PRESETS = {
    "cs231n": CS231N,
    "cs231n_tensorflow": replace(
        CS231N,
        steps=200,
        start="uniform",
        source="Stanford cs231n, assignment 3, TensorFlow version",
    ),
    "simonyan": Recipe(
        steps=200,
        optimiser=Descent(1),
        start="zero",
        regularisers=(L2(1e-3),),
        edits=(ClipToPixels(),),
        source="Simonyan et al. 2013, section 2",
    ),
    "yosinski1": replace(
        CAFFE,
        optimiser=Descent(2, "progress", limit=100),
        edits=(Blur(0.5, every=4), DropSmall(50), ClipToPixels()),
        source=CAFFE.source + "1",
    ),
    "yosinski2": replace(
        CAFFE,
        steps=750,
        edits=(Decay(0.3), DropSmall(20), ClipToPixels()),
        source=CAFFE.source + "2",
    ),
    "yosinski3": replace(
        CAFFE,
        steps=1000,
        edits=(Decay(1e-4), Blur(1, every=4), ClipToPixels()),
        source=CAFFE.source + "3",
    ),
    "yosinski4": replace(
        CAFFE,
        steps=1000,
        optimiser=Descent(2, "progress", limit=1e8),
        edits=(Blur(0.5, every=4), DropUnhelpful(90), ClipToPixels()),
        source=CAFFE.source + "4",
    ),
    "lucid": Recipe(
        steps=512,
        optimiser=Adam(0.05),
        spread=0.01,
        units="unit",
        parametrisation=(Spectrum(), DecorrelatedColours(), Squash()),
        transforms=(
            Pad(12, value=0.5),
            Jitter(8),
            Scale(SCALES),
            Rotate(ANGLES),
            Jitter(4),
            Fit(),
        ),
        redirected=17,
        source="Lucid's optvis.render_vis (Olah et al. 2017); the last resizing, for "
        "nets that take one size only, as Lucent's",
    ),
    "tf_keras_vis": Recipe(
        steps=200,
        optimiser=RMSprop(1.0, decay=0.999, eps=1e-7),
        start="uniform",
        units="levels",
        regularisers=(
            TotalVariation(1.0, mean=True, beta=1, separate=True),
            L1(0.3, mean=True),
        ),
        edits=(
            Wander(Roll(4, both_ways=True)),
            Wander(Rotate((-1, 1), between=True, edge="symmetric")),
        ),
        source="tf-keras-vis, ActivationMaximization",
    ),
}
