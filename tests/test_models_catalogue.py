"""Which architecture arrays belong to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.models import ARCHITECTURES, find_architecture, identify


def empty_weights(name: str, classes: int) -> dict[str, np.ndarray[Any, Any]]:
    """Arrays of the right shapes that take no memory."""
    shapes = ARCHITECTURES[name].parameters(classes)
    return {key: np.broadcast_to(np.float32(0), shape) for key, shape in shapes.items()}


@pytest.mark.parametrize("classes", [1000, 12])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_recognised(name: str, classes: int) -> None:
    assert identify(empty_weights(name, classes)).name == name


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_batch_counters_do_not_hide_an_architecture(name: str) -> None:
    weights = empty_weights(name, 10) | {"bn1.num_batches_tracked": np.array(3)}
    assert identify(weights).name == name


def test_the_nearest_is_named_with_every_difference() -> None:
    weights = empty_weights("vgg16", 1000)
    weights["features.0.weight"] = np.zeros((64, 1, 3, 3))
    weights["fc.bias"] = weights.pop("classifier.6.bias")
    with pytest.raises(FileFormatError) as caught:
        identify(weights)
    assert str(caught.value).splitlines() == [
        "these weights fit no known architecture; the nearest is vgg16 "
        "(30 of its 32 parameters fit):",
        "  missing: classifier.6.bias",
        "  not part of it: fc.bias",
        "  wrong shape: features.0.weight is (64, 1, 3, 3), needs (64, 3, 3, 3)",
    ]


def test_foreign_weights_show_how_they_begin() -> None:
    weights = {f"encoder.{index}.weight": np.zeros(1) for index in range(100)}
    message = (
        r"fit no known architecture: they begin with encoder\.0\.weight, .*alexnet"
    )
    with pytest.raises(FileFormatError, match=message) as caught:
        identify(weights)
    assert "encoder.7.weight" in str(caught.value)
    assert "encoder.8.weight" not in str(caught.value)


def test_no_weights_at_all_are_refused() -> None:
    with pytest.raises(FileFormatError, match="there are no arrays in these weights"):
        identify({})


def test_an_architecture_is_found_by_name() -> None:
    assert find_architecture("vgg19_bn") is ARCHITECTURES["vgg19_bn"]
    with pytest.raises(
        OptionError, match=r"'vg16': did you mean 'vgg16'\? \(known: emoji"
    ):
        find_architecture("vg16")
    with pytest.raises(OptionError, match=r"called 'inception_v3' \(known: .*zfnet"):
        find_architecture("inception_v3")
