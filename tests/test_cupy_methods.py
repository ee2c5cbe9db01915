"""Every method by nothing more than its input being on a device, and its pictures.

The arrays are those of strict_cupy: what met the host's in secret would raise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import small_models
import strict_cupy

from numpy_deconv import Sequential, methods, use_backend
from numpy_deconv.backends.cupy_gpu.stand_in import compiler
from numpy_deconv.layers import Conv, Flatten, GlobalMaxPool, Linear, ReLU
from numpy_deconv.methods import ascent
from numpy_deconv.methods.ascent import (
    PRESETS,
    Adam,
    Blur,
    Channel,
    Clamp,
    ClassScore,
    DecorrelatedColours,
    Direction,
    DropUnhelpful,
    FeatureDistance,
    Fit,
    GramDistance,
    Jitter,
    LayerEnergy,
    Momentum,
    Neuron,
    Pad,
    Power,
    RMSprop,
    Rotate,
    Scale,
    Spectrum,
    Squash,
    TotalVariation,
    Wander,
)
from numpy_deconv.rules_composites import COMPOSITES

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler")

NET, MODEL = small_models.small_net(), small_models.small_model()
X = small_models.small_batch(2)
PIXELS = MODEL.preprocess.encode(
    np.random.default_rng(2).integers(0, 256, (2, 20, 24, 3), np.uint8)
)
WEIGHTS = np.random.default_rng(4).normal(size=(2, 6, 6))
TINY = Sequential(
    {
        "conv": Conv(WEIGHTS[0, :, :3, None, None], padding=0),
        "relu": ReLU(),
        "pool": GlobalMaxPool(),
        "flat": Flatten(),
        "fc": Linear(WEIGHTS[1, :3]),
    }
)
SCORE = ClassScore(1)
MIRRORED = Pad(2, mode="reflect")
TURNED = Rotate((-4, 9), between=True, edge="symmetric")
Method = Callable[[Any, Any], Any]


@pytest.fixture(autouse=True)
def cupy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """CuPy's look-alike, and the backend that computes on its arrays."""
    yield strict_cupy.installed(monkeypatch)


def climbed(*objectives: Any, **changes: Any) -> Method:
    objective = sum(objectives[1:], objectives[0]) if objectives else SCORE
    changes = {"steps": 3, "preset": "simonyan", **changes}
    return lambda n, x: methods.visualize(n, x[:1], objective, **changes)


METHODS: dict[str, Method] = {
    "adversarial fgsm": lambda n, x: methods.fgsm(n, x),
    "pgd": lambda n, x: methods.pgd(n, x, 2, steps=3, epsilon=0.1),
    "pgd l2": lambda n, x: methods.pgd(n, x, norm="l2", steps=3, epsilon=0.1),
    "class_visualization": lambda n, x: methods.class_visualization(
        n, x[:1], 1, steps=3, every=2
    ),
    "classify": lambda n, x: methods.classify(n, x),
    "correspondence": lambda n, x: methods.correspondence(
        n, x, {"eye": ((2, 7), (3, 9))}, ["relu1", "relu2"], draws=2
    ),
    "deconvnet": lambda n, x: methods.deconvnet(n, x, "relu2", top=3),
    "deconvnet all": lambda n, x: methods.deconvnet(n, x, "relu1", maps="all"),
    "deconvnet unit": lambda n, x: methods.deconvnet(n, x, "conv2", unit=(1, 2, 3)),
    "deepdream": lambda n, x: methods.deepdream(
        n, x[:1], "relu1", octaves=2, scale=1.2, steps=2, every=1
    ),
    "deletion": lambda n, x: methods.deletion(n, x, methods.saliency(n, x), steps=4),
    "insertion": lambda n, x: methods.insertion(n, x, methods.saliency(n, x), steps=4),
    "feature_maps": lambda n, x: methods.feature_maps(n, x[:1], "relu1"),
    "filters": lambda n, x: methods.filters(n, "conv1"),
    "fooling_image": lambda n, x: methods.fooling_image(n, x[:1], 1, steps=4),
    "grad_cam": lambda n, x: methods.grad_cam(n, x, layer="relu1"),
    "guided_grad_cam": lambda n, x: methods.guided_grad_cam(n, x, layer="relu1"),
    "gradient_times_input": lambda n, x: methods.gradient_times_input(n, x),
    "guided_backprop": lambda n, x: methods.guided_backprop(n, x),
    "guided unit": lambda n, x: methods.guided_backprop(
        n, x, layer="relu2", unit=(1, 2, 3)
    ),
    "infidelity": lambda n, x: methods.infidelity(
        n, x, methods.gradient_times_input(n, x), samples=4, normalize=True
    ),
    "sensitivity_n": lambda n, x: methods.sensitivity_n(
        n, x, methods.gradient_times_input(n, x), sizes=[3, 9], samples=5
    ),
    "max_sensitivity": lambda n, x: methods.max_sensitivity(
        methods.saliency, n, x, samples=2
    ),
    "integrated_gradients": lambda n, x: methods.integrated_gradients(n, x, steps=5),
    "ig exact": lambda n, x: methods.integrated_gradients(
        TINY, x[:, :, :2, :2], exact=True, baseline=[0.1, 0.2, 0.3]
    ),
    "ig from a picture": lambda n, x: methods.integrated_gradients(
        n, x, steps=2, baseline=x[:1] * 0.5, quadrature="midpoint"
    ),
    "invariance shift": lambda n, x: methods.invariance(n, x, "relu2", amounts=[1, 3]),
    "invariance rotate": lambda n, x: methods.invariance(
        n, x, "relu2", transform="rotate", amounts=[10]
    ),
    "invariance scale": lambda n, x: methods.invariance(
        n, x, "relu2", transform="scale", amounts=[1.2]
    ),
    "invert": lambda n, x: methods.invert(n, x[:1], "relu1", steps=3),
    **{
        f"lrp {name}": lambda n, x, name=name: methods.lrp(  # type: ignore[misc]
            n, x, composite=name, low=-5.0, high=5.0
        )
        for name in COMPOSITES
    },
    "occlusion": lambda n, x: methods.occlusion(n, x, size=6, stride=5, layer="relu2"),
    "randomisation_check": lambda n, x: methods.randomisation_check(
        methods.saliency, n, x, stages=2
    ),
    "rise": lambda n, x: methods.rise(n, x, masks=5, cells=3),
    "saliency": lambda n, x: methods.saliency(n, x, [1, 2]),
    "smoothgrad": lambda n, x: methods.smoothgrad(n, x, samples=3),
    "smoothgrad variance": lambda n, x: methods.smoothgrad(
        n, x, samples=3, statistic="variance"
    ),
    "strongest_examples": lambda n, x: methods.strongest_examples(
        n, x, "relu2", maps=[1, 4], top=2
    ),
    "style_transfer": lambda n, x: methods.style_transfer(
        n, x[:1], x[1:], steps=3, content_layer="relu2", style_layers=["relu1"],
        style_weights=[3.0],
    ),
    "ten_crop_saliency": lambda n, x: methods.ten_crop_saliency(
        n, x, size=x.shape[2:]
    ),
    "unit_visualization": lambda n, x: methods.unit_visualization(
        n, x[:1], "relu2", (3, 1, 2), steps=3
    ),
    "visualize": climbed(),
    "noise": lambda n, x: methods.visualize(
        n, None, SCORE, steps=2, preset="cs231n", size=x.shape[1:]
    ),
    **{f"preset {p}": climbed(preset=p, steps=2) for p in PRESETS},
    "objectives": climbed(
        SCORE, -0.5 * Channel("relu1", 2), Neuron("relu2", 3) / 2,
        Direction("relu2", np.arange(10.0), 2), LayerEnergy("conv1") / 100,
    ),
    "distances": lambda n, x: methods.visualize(
        n, x[:1], -FeatureDistance("relu1", n.run(x[1:])["relu1"])
        - GramDistance("conv2", ascent.gram(n.run(x[1:])["conv2"])), steps=2,
    ),
    "parametrised": climbed(
        parametrisation=(Spectrum(), DecorrelatedColours(), Squash()), edits=(),
        optimiser=Adam(0.05), units="unit",
    ),
    "transforms": climbed(
        transforms=(MIRRORED, Jitter(2), Scale((1.1,)), TURNED, Fit())
    ),
    "fines": climbed(
        regularisers=(Power(0.01), TotalVariation(0.1, beta=1.5),
                      TotalVariation(0.1, separate=True, beta=1)),
    ),
    "edits": climbed(
        edits=(Blur(0.7), Clamp(-1, 1), DropUnhelpful(20), Wander(TURNED)),
        optimiser=Momentum(0.1),
    ),
    "rmsprop": climbed(optimiser=RMSprop(0.1)),
    "lbfgs": climbed(optimiser=ascent.LBFGS(0.5), steps=4),
}  # fmt: skip
ONLY_HOST = {"segment"}  # GrabCut is OpenCV's, and works on the 8-bit picture


def test_no_method_is_left_out() -> None:
    public = {
        n for n in methods.__all__ if callable(getattr(methods, n)) and n.islower()
    }
    named = " ".join(METHODS)
    assert {n for n in public if n not in named} == ONLY_HOST


@pytest.mark.parametrize("method", METHODS)
def test_a_method_needs_no_more_than_its_input_there(cupy: Any, method: str) -> None:
    there, here = (METHODS[method](NET, each) for each in (cupy.asarray(X), X))
    close(there.pixels, here.pixels)
    if hasattr(here, "drawn"):
        levels = np.abs(there.drawn().astype(int) - here.drawn())
        assert levels.max() <= 1 or levels.mean() < 0.02
    if hasattr(here, "history"):
        np.testing.assert_allclose(there.history, here.history, rtol=1e-6)


WITH_A_MODEL = (
    *("adversarial fgsm", "pgd", "class_visualization", "fooling_image", "deepdream"),
    *("invert", "style_transfer", "lrp epsilon_gamma_box", "occlusion", "noise"),
    *("preset lucid", "preset tf_keras_vis", "preset yosinski1", "rise", "saliency"),
)


@pytest.mark.parametrize("method", WITH_A_MODEL)
def test_a_model_s_pictures_need_no_more_either(cupy: Any, method: str) -> None:
    there, here = (METHODS[method](MODEL, x) for x in (cupy.asarray(PIXELS), PIXELS))
    close(there.pixels, here.pixels, 2e-3)
    levels = np.abs(there.drawn().astype(int) - here.drawn())
    assert levels.mean() < 2


def test_a_selected_backend_reads_pictures_there() -> None:
    picture = np.zeros((20, 24, 3), np.uint8)
    with use_backend("cupy"):
        x = MODEL.preprocess(picture)
        made = methods.class_visualization(MODEL, None, 1, steps=1)
    assert type(x) is type(made.pixels) is strict_cupy.ndarray
    assert made.settings["backend"] == "cupy"


def test_segmentation_starts_from_there(cupy: Any) -> None:
    pytest.importorskip("cv2")
    x = cupy.asarray(PIXELS[:1])
    there, here = methods.segment(MODEL, x), methods.segment(MODEL, PIXELS[:1])
    close(there.pixels, here.pixels)


def close(there: Any, here: Any, most: float = 1e-6) -> None:
    got = there.get() if type(there) is sys.modules["cupy"].ndarray else there
    if isinstance(here, list):
        for mine, want in zip(got, here, strict=True):
            close(mine, want, most)
        return
    here = np.asarray(here, float)
    finite = np.isfinite(here)
    np.testing.assert_array_equal(np.isfinite(np.asarray(got, float)), finite)
    apart = np.linalg.norm((got - here)[finite])
    assert apart <= most * np.linalg.norm(here[finite]) + 1e-9, apart
