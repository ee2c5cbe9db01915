"""Recipes: published settings as data, short names for what is changed most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from small_models import small_model

from numpy_deconv.methods import PRESETS, Recipe, class_visualization
from numpy_deconv.methods.ascent import (
    L2,
    Adam,
    Blur,
    ClipToPixels,
    Descent,
    Roll,
    TotalVariation,
)
from numpy_deconv.methods.ascent.recipe import changed


def test_published_settings() -> None:
    cs231n = PRESETS["cs231n"]
    assert cs231n == Recipe(
        steps=100,
        optimiser=Descent(25),
        transforms=(Roll(16),),
        regularisers=(L2(1e-3),),
        edits=(ClipToPixels(), Blur(0.5, every=10)),
        source=cs231n.source,
    )
    assert PRESETS["cs231n_tensorflow"].steps == 200
    assert [PRESETS[f"yosinski{k}"].steps for k in range(1, 5)] == [
        500,
        750,
        1000,
        1000,
    ]
    assert PRESETS["lucid"].optimiser == Adam(0.05)
    assert all(preset.source for preset in PRESETS.values())
    settings = class_visualization(small_model(), None, 0, steps=1).settings
    assert settings["learning_rate"] == 25
    assert settings["transforms"] == ["Roll(pixels=16, both_ways=False)"]
    assert settings["steps"] == 1


def test_contrast_is_stretched_where_the_source_stretches_it() -> None:
    model = small_model()
    dull = class_visualization(model, None, 1, preset="yosinski3", steps=3, every=2)
    levels = model.preprocess.inverse(dull.pixels)[0].astype(float)
    drawn = dull.drawn()
    assert (drawn.min(), drawn.max()) == (0, 255)
    expected = 255 * (levels - levels.min()) / (levels.max() - levels.min())
    assert np.abs(drawn - expected).max() < 10  # levels are rounded, and then stretched
    ((_, early),) = dull.drawn_steps()
    assert (early.min(), early.max()) == (0, 255)
    plain = class_visualization(
        model, None, 1, preset="yosinski3", steps=3, stretched=False
    )
    np.testing.assert_array_equal(plain.drawn(), levels)


def test_a_shorter_climb_lowers_its_rates_earlier() -> None:
    recipe = replace(PRESETS["cs231n"], steps=200, rates=((101, 0.5), (181, 0.1)))
    assert changed(recipe, {"steps": 20}).rates == ((11, 0.5), (19, 0.1))
    assert changed(recipe, {"steps": 400}).rates == ((201, 0.5), (361, 0.1))
    assert changed(recipe, {"steps": 20, "rates": ((2, 3.0),)}).rates == ((2, 3.0),)
    assert changed(recipe, {"l2": 1}).rates == recipe.rates


def test_short_names() -> None:
    before = PRESETS["cs231n"]
    assert changed(before, {}) == before
    assert changed(before, {"steps": None}) == before
    after = changed(before, {"l2": 0.5, "jitter": 2, "blur_sigma": 2, "blur_every": 3})
    assert after.regularisers == (L2(0.5),)
    assert after.transforms == (Roll(2),)
    assert after.edits == (ClipToPixels(), Blur(2, every=3))
    none = changed(before, {"l2": 0, "jitter": 0, "blur_every": 0})
    assert (none.regularisers, none.transforms) == ((), ())
    assert none.edits == (ClipToPixels(),)
    assert changed(before, {"normalize": True}).optimiser == Descent(25, "l2")
    own = (TotalVariation(1.0),)
    assert changed(before, {"regularisers": own, "l2": 1}).regularisers == (*own, L2(1))
    assert changed(PRESETS["lucid"], {"learning_rate": 1}).optimiser == Adam(1)
