"""Strongest examples of maps over many pictures: found, projected, kept, taken up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import noise
from small_models import small_batch, small_model, small_net

from numpy_deconv.errors import FileFormatError, NetError, OptionError
from numpy_deconv.methods import deconvnet, strongest_examples
from numpy_deconv.rules import GRADIENT

COUNT = 23


def pictures(count: int = COUNT, channels: int = 3) -> Any:
    rng = np.random.default_rng(11)
    return rng.normal(size=(count, channels, 20, 24))


@pytest.mark.parametrize("memory", [None, 1])
def test_the_strongest_of_each_picture(memory: int | None) -> None:
    net, x = small_net(), pictures()
    got = strongest_examples(net, x, "relu2", top=4, memory=memory)
    activation = net.run(x)["relu2"]
    best = activation.max(axis=(2, 3))
    for number in range(10):
        rows = got.of_map(number)
        each = [got.examples[row] for row in rows]
        order = np.argsort(-best[:, number], kind="stable")[:4]
        assert [e.picture for e in each] == order.tolist()
        np.testing.assert_allclose([e.value for e in each], best[order, number])
        for example in each:
            plane = activation[example.picture, number]
            assert example.position == np.unravel_index(plane.argmax(), plane.shape)


def test_projections_are_the_deconvnet_s() -> None:
    net, x = small_net(), pictures()
    got = strongest_examples(net, x, "relu2", maps=[7, 2], top=3)
    assert [e.map for e in got.examples] == [7, 7, 7, 2, 2, 2]
    for example, window, patch in zip(
        got.examples, got.pixels, got.patches, strict=True
    ):
        one = x[example.picture][None]
        unit = (example.map, *example.position)
        (rows, columns) = example.box
        inside = (slice(None), slice(*rows), slice(*columns))
        whole = deconvnet(net, one, "relu2", unit=unit).pixels[0]
        at = tuple(
            slice(full - (b - a), full) if a == 0 else slice(0, b - a)
            for (a, b), full in zip(example.box, window.shape[1:], strict=True)
        )
        np.testing.assert_allclose(window[:, *at], whole[inside], atol=1e-12)
        np.testing.assert_array_equal(patch[:, *at], one[0][inside])
        rest = window.copy()
        rest[:, *at] = 0
        assert not rest.any()


def test_equal_activations_leave_the_earlier_picture() -> None:
    net, x = small_net(), small_batch().repeat(5, axis=0)
    got = strongest_examples(net, x, "relu1", maps=0, top=2)
    assert [e.picture for e in got.examples] == [0, 1]


def test_fewer_pictures_than_asked_for() -> None:
    got = strongest_examples(small_net(), pictures(2), "relu1", maps=[1], top=9)
    assert len(got.examples) == 2


def test_other_rules() -> None:
    net, x = small_net(), pictures(3)
    got = strongest_examples(net, x, "conv2", maps=1, top=1, rules=GRADIENT)
    (example,) = got.examples
    one = x[example.picture][None]
    unit = (1, *example.position)
    want = deconvnet(net, one, "conv2", unit=unit, rules=GRADIENT).pixels
    np.testing.assert_allclose(got.pixels.sum(), want.sum(), atol=1e-12)
    assert got.settings["rules"] == "gradient"


def test_paths_are_read_and_bad_ones_skipped(tmp_path: Path) -> None:
    model = small_model()
    files = [noise(tmp_path / f"{n}.png", seed=n) for n in range(6)]
    files[2].write_bytes(b"no picture")
    files[0].unlink()
    got = strongest_examples(model, files, "relu2", top=2)
    assert [number for number, _ in got.skipped] == [0, 2]
    assert "no picture" not in got.skipped[1][1]
    assert {e.picture for e in got.examples} <= {1, 3, 4, 5}
    assert got.settings["skipped"] == 2
    assert got.image().size == (got.drawn().shape[1], got.drawn().shape[0])
    why = r"none of the 2 pictures can be read: .*0\.png does not exist"
    with pytest.raises(OptionError, match=why):
        strongest_examples(model, [files[0], files[2]], "relu2")


def test_a_search_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    net, x, state = small_net(), pictures(), tmp_path / "search.npz"

    def stop(done: int, total: int) -> None:
        assert total == COUNT
        if done == 5:
            raise KeyboardInterrupt

    options: dict[str, Any] = {"top": 3, "memory": 1, "state": state}
    part = strongest_examples(net, x, "relu2", progress=stop, **options)
    assert part.settings["interrupted_at"] == 5
    assert max(e.picture for e in part.examples) < 5
    seen: list[int] = []
    got = strongest_examples(
        net, x, "relu2", progress=lambda done, _: seen.append(done), **options
    )
    assert seen == list(range(6, COUNT + 1))
    want = strongest_examples(net, x, "relu2", top=3)
    assert got.examples == want.examples
    np.testing.assert_allclose(got.pixels, want.pixels, atol=1e-12)
    again = strongest_examples(net, x, "relu2", progress=stop, **options)
    assert again.examples == want.examples


@pytest.mark.parametrize("change", ["layer", "top", "net", "count"])
def test_another_search_is_not_taken_up(tmp_path: Path, change: str) -> None:
    state = tmp_path / "search.npz"
    strongest_examples(small_net(), pictures(), "relu2", top=3, state=state)
    net = small_net(bias=False) if change == "net" else small_net()
    x = pictures(COUNT - 1) if change == "count" else pictures()
    layer = "conv2" if change == "layer" else "relu2"
    top = 4 if change == "top" else 3
    with pytest.raises(OptionError, match="holds a search of another net, layer, top"):
        strongest_examples(net, x, layer, top=top, state=state)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    state = tmp_path / "search.npz"
    state.write_bytes(b"nothing")
    with pytest.raises(FileFormatError):
        strongest_examples(small_net(), pictures(2), "relu2", state=state)


@pytest.mark.parametrize("channels", [1, 2])
def test_any_number_of_channels(channels: int) -> None:
    net, x = small_net(channels=channels), pictures(3, channels)
    got = strongest_examples(net, x, "relu1", maps=[0, 1], top=2)
    assert got.pixels.shape[1] == channels
    assert got.drawn().shape[2] == 3


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"top": 0}, OptionError, "top must be a whole number of at least 1, got 0"),
        ({"maps": [10]}, OptionError, "maps of 'relu2' are numbers from 0 to 9"),
        ({"maps": []}, OptionError, "maps of 'relu2' are numbers from 0 to 9"),
        ({"layer": "relu9"}, NetError, "there is no layer 'relu9'"),
    ],
)
def test_wrong_options(options: Any, error: Any, message: str) -> None:
    layer = options.pop("layer", "relu2")
    with pytest.raises(error, match=message):
        strongest_examples(small_net(), pictures(2), layer, **options)


def test_nan_is_told() -> None:
    x = pictures(3)
    x[1, 0, 4, 4] = np.nan
    with pytest.raises(NetError, match="picture 1 or one after it are NaN"):
        strongest_examples(small_net(), x, "relu2", memory=1)
