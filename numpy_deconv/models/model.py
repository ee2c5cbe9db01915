"""A net together with everything needed to show it a picture and name what it says."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import OptionError
from ..io.atomic import PathLike
from ..net import Graph
from . import labels as class_names
from .preprocess import Preprocess
from .saving import save_model

MOST_DIGITS = 18
"""Of a class number; Python refuses to read a number of more than 4300 digits."""


@dataclass(frozen=True, slots=True)
class Model:
    """A value: net, preprocessing, class names, and where the weights came from.

    ``labels`` is empty when the class names are not known. ``assumed`` says what a file
    left open and was filled in.

    Example::

        model = load_model("efficientnet_lite0")
        logits = model.net(model.preprocess("cat.jpg"))
        model.label(int(logits.argmax()))  # "tabby"
    """

    net: Graph
    preprocess: Preprocess
    labels: tuple[str, ...]
    name: str
    weights_source: str
    assumed: tuple[str, ...] = ()

    def label(self, index: int) -> str:
        """The class's first name, or ``"class 7"`` where names are not known.

        Raises:
            OptionError: if there is no such class.
        """
        if index < 0 or (self.labels and index >= len(self.labels)):
            count = len(self.labels)
            raise OptionError(
                f"class {index} does not exist: {self.name} has "
                + (f"classes 0 to {count - 1}" if count else "no negative classes")
            )
        return (
            class_names.short(self.labels[index]) if self.labels else f"class {index}"
        )

    def save(self, path: PathLike) -> None:
        """Write the model so that ``path`` holds all of it or is left as it was.

        ``.onnx`` has the net with everything that :func:`load_model` needs to make this
        model of it again, for any batch and pictures of this size; ``.safetensors`` and
        ``.npz`` have the weights by their state-dict names.

        Raises:
            OutputError: for another suffix, or if the file cannot be written.
            OptionError: naming the layers that ONNX has no operators for.

        Example::

            load_model("vgg16.pth").save("vgg16.onnx")
        """
        save_model(path, self)

    def class_index(self, name: str) -> int:
        """The index of the class of that name; a number in digits is itself.

        Raises:
            OptionError: if no class has the name, naming the nearest ones.
        """
        digits = name.strip()
        if digits.isdecimal():
            if len(digits) > MOST_DIGITS:
                raise OptionError(
                    f"class {digits[:6]}... with {len(digits)} digits does not exist: "
                    f"write a number of at most {MOST_DIGITS} digits"
                )
            index = int(digits)
            self.label(index)
            return index
        if not self.labels:
            raise OptionError(
                f"{self.name} has no class names: give the number instead of {name!r}"
            )
        return class_names.find(self.labels, name)
