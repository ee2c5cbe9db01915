"""System 1: AlexNet for five classes on 227x227, and its deconvnet.

Compared with the deconvnet that tutorials build of torch's ``MaxUnpool2d`` and
``conv_transpose2d`` (whose biases they should leave out).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run

from numpy_deconv import load_model
from numpy_deconv.methods import deconvnet
from numpy_deconv.models import Model, sample_picture

torch = pytest.importorskip("torch")
functional = torch.nn.functional

# As the tutorial's Sequential numbers them.
CONVOLUTIONS = {0: "conv1", 3: "conv2", 6: "conv3", 8: "conv4", 10: "conv5"}
GEOMETRY = {0: (4, 0), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}
POOLS = (2, 5, 12)
SHAPES = {
    "conv1": (96, 55, 55),
    "pool1": (96, 27, 27),
    "conv2": (256, 27, 27),
    "pool2": (256, 13, 13),
    "conv3": (384, 13, 13),
    "conv4": (384, 13, 13),
    "conv5": (256, 13, 13),
    "pool5": (256, 6, 6),
    "fc8": (5,),
}


class AlexNet(torch.nn.Module):  # type: ignore[misc, name-defined]
    """The tutorial's network; its classifier's numbers depend on where dropout is."""

    def __init__(self, *, dropout_first: bool = False) -> None:
        super().__init__()
        nn = torch.nn
        features: list[Any] = []
        sizes = ((3, 96, 11), (96, 256, 5), (256, 384, 3), (384, 384, 3), (384, 256, 3))
        for (a, b, k), (stride, padding) in zip(sizes, GEOMETRY.values(), strict=True):
            features += [nn.Conv2d(a, b, k, stride, padding), nn.ReLU()]
            if len(features) in POOLS:
                features.append(nn.MaxPool2d(3, 2))
        drop = [nn.Dropout()]
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            *drop * dropout_first,
            *(nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(4096, 4096), nn.ReLU()),
            nn.Linear(4096, 5),
        )


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Any]]:
    """A checkpoint of a training run, and its network."""
    torch.manual_seed(0)
    net = AlexNet().bfloat16()
    path = tmp_path_factory.mktemp("alexnet") / "best.pth.tar"
    saved = {"epoch": 7, "state_dict": torch.nn.DataParallel(net).state_dict()}
    torch.save(saved, path)
    yield path, net.float()
    path.unlink()


@pytest.fixture(scope="module")
def model(checkpoint: tuple[Path, Any]) -> Model:
    return load_model(checkpoint[0])


@pytest.fixture(scope="module")
def picture(model: Model) -> Any:
    return model.preprocess(sample_picture("cat"))


def torch_projection(net: Any, x: Any, layer: int) -> tuple[Any, float, int]:
    """Pixels, activation and map of the strongest activation of the strongest map."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # with more, which of two overlapping windows wins varies
    try:
        value, places = torch.from_numpy(x), {}
        sizes = {}
        with torch.no_grad():
            for number, module in enumerate(net.features[: layer + 1]):
                sizes[number] = value.shape[2:]
                if number in POOLS:
                    value, places[number] = functional.max_pool2d(
                        value, 3, 2, return_indices=True
                    )
                else:
                    value = module(value)
            strongest = int(value.argmax())
            signal = torch.zeros_like(value)
            signal.view(-1)[strongest] = value.view(-1)[strongest]
            for number in range(layer, -1, -1):
                if number in GEOMETRY:
                    stride, padding = GEOMETRY[number]
                    weight = net.features[number].weight
                    signal = functional.conv_transpose2d(
                        signal, weight, None, stride, padding
                    )
                elif number in POOLS:
                    signal = functional.max_unpool2d(
                        signal, places[number], 3, 2, output_size=sizes[number]
                    )
                else:
                    signal = signal.relu()
        number = strongest // value[0, 0].numel()
        return signal.numpy(), float(value.view(-1)[strongest]), number
    finally:
        torch.set_num_threads(threads)


def test_the_tutorial_s_shapes(model: Model, picture: Any) -> None:
    assert model.name == "alexnet_227"
    tape = model.net.run(picture)
    assert tape["input"].shape == (1, 3, 227, 227)
    assert {name: tape[name].shape[1:] for name in SHAPES} == SHAPES


@pytest.mark.parametrize(("number", "layer"), CONVOLUTIONS.items())
def test_projections_equal_a_deconvnet_of_torch(
    checkpoint: tuple[Path, Any], model: Model, picture: Any, number: int, layer: str
) -> None:
    found = deconvnet(model, picture, layer, overlap="assign")
    wanted, value, strongest = torch_projection(checkpoint[1], picture, number)
    (unit,) = found.units
    assert unit.map == strongest
    assert unit.value == pytest.approx(value, rel=1e-4)
    assert found.pixels.shape == (1, 3, 227, 227)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found.pixels, wanted, atol=1e-4 * scale, rtol=0)
    drawn = found.drawn()
    assert (drawn.min(), drawn.max()) == (0, 255)


def test_summing_overlaps_is_another_picture(model: Model, picture: Any) -> None:
    summed = deconvnet(model, picture, "conv5").pixels
    assigned = deconvnet(model, picture, "conv5", overlap="assign").pixels
    difference = np.linalg.norm(summed - assigned) / np.linalg.norm(summed)
    assert difference > 0.1


def test_a_classifier_that_is_numbered_otherwise(
    checkpoint: tuple[Path, Any], model: Model, picture: Any, tmp_path: Path
) -> None:
    other = AlexNet(dropout_first=True)
    mine = checkpoint[1].state_dict().values()
    state = dict(zip(other.state_dict(), mine, strict=True))
    path = tmp_path / "other.pth"
    torch.save({key: value.bfloat16() for key, value in state.items()}, path)
    assert "classifier.6.weight" in state
    # Not torchvision's AlexNet either, whose keys these are.
    assert "alexnet_227:FILE" in run("classify", "--model", path, status=1)
    found = load_model(f"alexnet_227:{path}")
    np.testing.assert_array_equal(found.net(picture), model.net(picture))


def test_the_command(checkpoint: tuple[Path, Any], tmp_path: Path) -> None:
    words = ("--model", checkpoint[0], "--layer", "conv5", "--overlap", "assign")
    output = run("project", *words, "--out", tmp_path / "out")
    assert output.count("wrote") == 1
    assert "cat-conv5-map" in output
