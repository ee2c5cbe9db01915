"""The way of a batch of windows: what is asked of layers, and how often."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cropped_units import compare, some_units

from numpy_deconv import Sequential, Tape
from numpy_deconv.layers import Conv, Layer, MaxPool, ReLU
from numpy_deconv.net import route
from numpy_deconv.net.cropped import project_units
from numpy_deconv.rules import DECONVNET, GRADIENT, Rule, Rules


def conv(kind: type[Conv], filters: int, channels: int) -> Conv:
    rng = np.random.default_rng([filters, channels])
    return kind(rng.normal(size=(filters, channels, 3, 3)), padding=1)


def tape_of(kind: type[Conv] = Conv, batch: int = 2) -> Tape:
    net = Sequential(
        {
            "conv1": conv(kind, 4, 2),
            "relu1": ReLU(),
            "pool1": MaxPool(2),
            "conv2": conv(kind, 6, 4),
            "relu2": ReLU(),
        }
    )
    return net.run(np.random.default_rng(0).normal(size=(batch, 2, 24, 20)))


def project_all(tape: Tape) -> None:
    units = np.argwhere(tape["conv2"][:, :1] > -np.inf)
    list(project_units(tape, units, np.ones(len(units)), start="conv2"))


def check(tape: Tape, count: int, rules: Rules) -> None:
    """Twice, as what was remembered is there for the second time."""
    rng = np.random.default_rng(1)
    for _ in range(2):
        units = some_units(tape.shape("conv2"), rng, count)
        compare(tape, units, rng.normal(size=len(units)), start="conv2", rules=rules)


def test_a_convolution_is_asked_once_for_all_boxes_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[Any, ...]] = []
    crop = Conv.crop

    def counted(self: Conv, saved: Any, inputs: Any, output: Any) -> Any:
        calls.append((self.weight.shape, inputs[0].shape, len(output)))
        return crop(self, saved, inputs, output)

    monkeypatch.setattr(Conv, "crop", counted)
    tape = tape_of()
    project_all(tape)
    assert calls
    assert len(calls) < 60  # of 240 units
    before = len(calls)
    project_all(tape)
    assert len(calls) == before


@pytest.mark.parametrize("rules", [GRADIENT, DECONVNET], ids=["gradient", "deconvnet"])
def test_what_is_remembered_is_bounded_and_the_numbers_stay(
    rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "REMEMBERED", 2)
    check(tape_of(), 40, rules)


def test_a_batch_is_as_large_as_its_numbers_are() -> None:
    """What is remembered of the way of float32 is not that of float64."""
    net = Sequential({"pool1": MaxPool(2), "relu1": ReLU()})
    x = np.random.default_rng(0).normal(size=(1, 2, 40, 40))
    units = np.argwhere(x[:, :, :20, :20] > -np.inf)
    seen = []
    for dtype in (np.float32, np.float64, np.float32):
        tape = net.run(x.astype(dtype))
        given = tape, units, np.ones(len(units))
        found = project_units(*given, start="relu1", rules=DECONVNET, memory=1 << 16)
        seen.append(max(len(part.units) for part in found))
    assert seen[0] == seen[2]
    assert seen[0] // 2 == seen[1]


def test_a_rule_is_given_what_was_saved_of_as_many_boxes() -> None:
    met = []

    def checked(layer: Any, saved: Any, gy: Any) -> Any:
        met.append((saved.shape[0], len(gy)))
        return layer.vjp(saved, gy)

    rules = GRADIENT.replace({Conv: Rule("checked", checked, local=True)})
    tape = tape_of()
    for count in (1, 3, 7):
        units = np.array([(0, n % 6, 3, 4) for n in range(count)])
        list(project_units(tape, units, np.ones(count), start="conv2", rules=rules))
    assert {given for given, _ in met} == {1, 3, 7}
    assert all(given == came for given, came in met)


class Own(Conv):
    """A way back of its own: the gradient's double."""

    def vjp(self, saved: Any, gy: Any) -> tuple[Any, ...]:
        return tuple(2 * each for each in super().vjp(saved, gy))


class OwnCrop(Conv):
    def crop(self, saved: Any, inputs: Any, output: Any) -> Any:
        return super().crop(saved, inputs, output)


class OwnWindows(Conv):
    def on_windows(self, inputs: Any, output: Any) -> Conv:
        return super().on_windows(inputs, output)


class OwnReads(Conv):
    def reads(self, at: Any, sizes: Any, size: Any) -> Any:
        return [Conv.window(self, sizes[0]).reads(at, sizes[0])]


class Named(Conv):
    def describe(self) -> str:
        return "a convolution"


@pytest.mark.parametrize("kind", [Own, OwnCrop, OwnWindows, OwnReads, Named])
def test_nothing_is_remembered_of_what_was_written_anew(kind: type[Conv]) -> None:
    assert Conv.crops_alike
    assert not Layer.crops_alike
    assert kind.crops_alike == (kind is Named)
    check(tape_of(kind), 20, GRADIENT)
