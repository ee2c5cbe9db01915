"""From pictures to network input and back."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.models.preprocess import IMAGENET, Preprocess

PLAIN = Preprocess(size=(4, 6), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
VARIANTS = {
    "imagenet": IMAGENET,
    "bgr": replace(IMAGENET, channels="BGR"),
    "bytes": replace(
        PLAIN, mean=(127.0, 126.0, 125.0), std=(128.0, 64.0, 32.0), value_range=(0, 255)
    ),
    "symmetric": replace(PLAIN, value_range=(-1.0, 1.0)),
}


def pictures(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(params=VARIANTS.values(), ids=list(VARIANTS))
def preprocess(request: pytest.FixtureRequest) -> Preprocess:
    variant: Preprocess = request.param
    return variant


def test_input_is_the_definition_channel_by_channel(preprocess: Preprocess) -> None:
    shown = pictures(2, 5, 7, 3)
    x = preprocess.encode(shown)
    assert x.shape == (2, 3, 5, 7)
    assert x.dtype == np.float32
    low, high = preprocess.value_range
    for plane in range(3):
        colour = plane if preprocess.channels == "RGB" else 2 - plane
        value = low + shown[..., colour] / 255 * (high - low)
        expected = (value - preprocess.mean[colour]) / preprocess.std[colour]
        np.testing.assert_allclose(x[:, plane], expected, rtol=1e-5, atol=1e-5)


def test_inverse_returns_every_pixel_exactly(preprocess: Preprocess) -> None:
    shown = np.stack([np.arange(256), np.arange(256)[::-1], np.full(256, 9)], axis=-1)
    shown = shown.reshape(1, 16, 16, 3).astype(np.uint8)
    np.testing.assert_array_equal(preprocess.inverse(preprocess.encode(shown)), shown)


def test_bounds_are_black_and_white(preprocess: Preprocess) -> None:
    low, high = preprocess.bounds
    black = preprocess.encode(np.zeros((1, 1, 1, 3), np.uint8))
    white = preprocess.encode(np.full((1, 1, 1, 3), 255, np.uint8))
    np.testing.assert_allclose(low, black, rtol=1e-6)
    np.testing.assert_allclose(high, white, rtol=1e-6)


def test_clip_moves_what_is_outside_to_the_bounds(preprocess: Preprocess) -> None:
    low, high = preprocess.bounds
    x = np.concatenate([low - 1, (low + high) / 2, high + 1], axis=3)
    expected = np.concatenate([low, (low + high) / 2, high], axis=3)
    np.testing.assert_array_equal(preprocess.clip(x), expected)
    assert preprocess.clip(x.astype(np.float64)).dtype == np.float64


def test_inverse_clips_and_rounds() -> None:
    x = np.array([-0.5, 0.4 / 255, 0.6 / 255, 1.5]).reshape(1, 1, 2, 2)
    shown = PLAIN.inverse(np.repeat(x, 3, axis=1))
    np.testing.assert_array_equal(shown[0, ..., 0], [[0, 0], [1, 255]])


def test_without_resize_short_the_whole_picture_is_stretched() -> None:
    ramp = np.repeat(np.arange(0, 240, 10, dtype=np.uint8), 3).reshape(1, 24, 3)
    view = PLAIN.view(np.repeat(ramp, 8, axis=0))
    assert view.shape == (4, 6, 3)
    assert view[0, 0, 0] < 30 < 200 < view[0, -1, 0]
    assert (np.diff(view[0, :, 0].astype(int)) > 0).all()


@pytest.mark.parametrize("shape", [(40, 80), (80, 40), (40, 40)])
def test_with_resize_short_the_centre_is_cut_out(shape: tuple[int, int]) -> None:
    # A white square in the middle of black: the cut-out is centred and to scale.
    picture = np.zeros((*shape, 3), np.uint8)
    top, left = shape[0] // 2 - 10, shape[1] // 2 - 10
    picture[top : top + 20, left : left + 20] = 255
    view = replace(PLAIN, size=(60, 60), resize_short=80).view(picture)
    assert view.shape == (60, 60, 3)
    white = np.argwhere(view[..., 0] > 127)
    np.testing.assert_array_equal(white.min(axis=0), [10, 10])
    np.testing.assert_array_equal(white.max(axis=0), [49, 49])


@pytest.mark.parametrize("shape", [(427, 640), (333, 251), (224, 224), (20, 31)])
def test_the_view_is_pillows_resize_and_torchvisions_sizes(
    shape: tuple[int, int],
) -> None:
    picture = pictures(*shape, 3)
    height, width = (int(256 * side / min(shape)) for side in shape)
    resized = Image.fromarray(picture).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    top, left = round((height - 224) / 2), round((width - 224) / 2)
    wanted = np.asarray(resized)[top : top + 224, left : left + 224]
    np.testing.assert_array_equal(IMAGENET.view(picture), wanted)


@pytest.mark.parametrize("shape", [(1, 60_000), (60_000, 1), (3, 9000)])
def test_a_long_strip_does_not_fill_the_memory(shape: tuple[int, int]) -> None:
    strip = np.broadcast_to(np.uint8(200), (*shape, 3)).copy()
    tracemalloc.start()
    view = IMAGENET.view(strip)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(view, np.full((224, 224, 3), 200))
    assert peak < 20e6


def test_path_picture_and_array_give_the_same_input(tmp_path: Path) -> None:
    array = pictures(30, 50, 3)
    image = Image.fromarray(array)
    image.save(tmp_path / "picture.png")
    x = IMAGENET(array)
    assert x.shape == (1, 3, 224, 224)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(IMAGENET(image), x)
    np.testing.assert_array_equal(IMAGENET(tmp_path / "picture.png"), x)
    np.testing.assert_array_equal(IMAGENET(str(tmp_path / "picture.png")), x)
    np.testing.assert_array_equal(IMAGENET.encode(IMAGENET.view(array)[None]), x)


def test_the_picture_is_not_written_to() -> None:
    array = pictures(30, 50, 3)
    before = array.copy()
    array.flags.writeable = False
    PLAIN(array)
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (0, 4)}, r"size is \(0, 4\), but must be \(height, width\)"),
        ({"size": (4,)}, "but must be"),
        ({"std": (1.0, 0.0, 1.0)}, "std greater than 0"),
        ({"std": (1.0, float("nan"), 1.0)}, "std greater than 0"),
        ({"mean": (1.0, 0.0)}, "must be three numbers each"),
        ({"resize_short": 5}, r"resize_short is 5, too small to cut \(4, 6\) out"),
        ({"channels": "rgb"}, "channels is 'rgb', but must be"),
        ({"value_range": (1.0, 1.0)}, "but must be \\(low, high\\)"),
    ],
)
def test_options_that_make_no_picture_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        replace(PLAIN, **options)


@pytest.mark.parametrize(
    "wrong",
    [pictures(4, 6, 3), pictures(1, 4, 6, 4), np.zeros((1, 4, 6, 3), np.float32)],
)
def test_encode_refuses_what_is_not_a_batch_of_pictures(
    wrong: np.ndarray[Any, Any],
) -> None:
    with pytest.raises(ShapeError, match=r"pictures are .* of .*, but must be"):
        PLAIN.encode(wrong)


def test_inverse_refuses_what_is_not_network_input() -> None:
    with pytest.raises(ShapeError, match=r"x is \(3, 4, 6\), but must be \(N, 3, H, W"):
        PLAIN.inverse(np.zeros((3, 4, 6)))
    with pytest.raises(OptionError, match="x holds NaN, which is no pixel"):
        PLAIN.inverse(np.full((1, 3, 4, 6), np.nan))
