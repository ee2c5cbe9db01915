"""The model value: names of classes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from numpy_deconv.errors import OptionError
from numpy_deconv.layers import ReLU
from numpy_deconv.models import IMAGENET, Model
from numpy_deconv.net import Graph, Node

MODEL = Model(
    net=Graph({"relu": Node(ReLU(), ("input",))}),
    preprocess=IMAGENET,
    labels=("tabby, tabby cat", "Egyptian cat", "lynx, catamount"),
    name="cats",
    weights_source="nowhere",
)
NAMELESS = replace(MODEL, labels=())


def test_a_label_is_the_first_synonym() -> None:
    assert [MODEL.label(index) for index in range(3)] == [
        "tabby",
        "Egyptian cat",
        "lynx",
    ]


def test_without_names_a_label_is_the_number() -> None:
    assert NAMELESS.label(281) == "class 281"


@pytest.mark.parametrize("index", [-1, 3])
def test_a_class_that_does_not_exist_is_refused(index: int) -> None:
    message = rf"class {index} does not exist: cats has classes 0 to 2"
    with pytest.raises(OptionError, match=message):
        MODEL.label(index)


def test_without_names_only_negative_classes_are_known_to_be_wrong() -> None:
    with pytest.raises(OptionError, match="class -1 does not exist"):
        NAMELESS.label(-1)


@pytest.mark.parametrize(("name", "index"), [("Catamount", 2), ("1", 1), (" 0 ", 0)])
def test_a_class_is_found_by_name_or_number(name: str, index: int) -> None:
    assert MODEL.class_index(name) == index


def test_a_number_stands_for_itself_without_names() -> None:
    assert NAMELESS.class_index("999") == 999
    with pytest.raises(OptionError, match="cats has no class names: give the number"):
        NAMELESS.class_index("tabby")


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(OptionError, match="class 3 does not exist"):
        MODEL.class_index("3")
    with pytest.raises(OptionError, match=r"no class is called 'tab': did you mean"):
        MODEL.class_index("tab")


@pytest.mark.parametrize("model", [MODEL, NAMELESS])
def test_a_number_of_too_many_digits_is_refused(model: Model) -> None:
    with pytest.raises(OptionError, match=r"class 999999\.\.\. with 5000 digits"):
        model.class_index("9" * 5000)


def test_a_model_is_a_value() -> None:
    with pytest.raises(FrozenInstanceError):
        MODEL.name = "dogs"  # type: ignore[misc]
