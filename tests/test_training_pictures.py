"""Batches of pictures: what is seen, in which order, augmented how, loaded when."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from small_training import picture_folder

from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.models import Preprocess
from numpy_deconv.training import Augmentation, Pictures, Place, ahead, read_listing

SEEN = Preprocess((16, 18), (0, 0, 0), (1, 1, 1), interpolation="bicubic")


def pictures(folder: Path, **options: object) -> Pictures:
    listing = read_listing(picture_folder(folder))
    return Pictures(listing, SEEN, **{"batch": 4, **options})  # type: ignore[arg-type]


def test_a_batch_is_what_inference_sees(tmp_path: Path) -> None:
    found = pictures(tmp_path)
    x, labels = found(2, 1)
    numbers = found.order(2)[4:8]
    assert x.shape == (4, 3, 16, 18)
    assert x.dtype == np.float32
    assert (x >= 0).all()
    assert (x <= 1).all()
    for row, number in enumerate(numbers):
        np.testing.assert_array_equal(x[row], SEEN(found.listing.paths[number])[0])
        assert labels[row] == found.listing.labels[number] == number % 3


def test_every_epoch_has_an_order_of_its_own_and_drops_the_rest(tmp_path: Path) -> None:
    found = pictures(tmp_path)
    assert found.steps == 4  # of 18 pictures
    orders = [found.order(epoch).tolist() for epoch in range(3)]
    assert all(sorted(order) == list(range(18)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert orders[1] == pictures(tmp_path).order(1).tolist()
    assert orders[1] != pictures(tmp_path, seed=1).order(1).tolist()


def test_without_shuffling_all_come_in_their_order(tmp_path: Path) -> None:
    found = pictures(tmp_path, shuffled=False)
    batches = [found(0, step) for step in range(found.steps)]
    assert [len(b.labels) for b in batches] == [4, 4, 4, 4, 2]
    labels = np.concatenate([b.labels for b in batches])
    assert labels.tolist() == [n % 3 for n in range(18)]


def test_what_cannot_be_read_is_left_out_and_named(tmp_path: Path) -> None:
    path = picture_folder(tmp_path)
    (tmp_path / "pictures/class 1/4.png").write_bytes(b"no picture")
    (tmp_path / "pictures/class 2/8.png").unlink()
    whole = (tmp_path / "pictures/class 0/3.png").read_bytes()
    (tmp_path / "pictures/class 0/3.png").write_bytes(whole[: len(whole) // 2])
    told = []
    found = Pictures(
        read_listing(path), SEEN, batch=4, progress=lambda *at: told.append(at)
    )
    assert {p.name for p in found.unreadable} == {"3.png", "4.png", "8.png"}
    reasons = " ".join(found.unreadable.values())
    for words in ("not a picture", "does not exist", "truncated"):
        assert words in reasons
    assert len(found.listing) == 15
    assert told[-1] == (18, 18)
    for step in range(found.steps):
        x, labels = found(0, step)
        strongest = x.mean((2, 3)).argmax(1)
        np.testing.assert_array_equal(strongest, labels)  # red, green, blue


def test_none_can_be_read(tmp_path: Path) -> None:
    path = picture_folder(tmp_path)
    with pytest.raises(FileFormatError, match="none of 18 pictures can be read, the"):
        Pictures(read_listing(path, root=tmp_path / "elsewhere"), SEEN)


def test_too_few_for_a_batch(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="18 readable pictures make no batch of 19"):
        pictures(tmp_path, batch=19)
    with pytest.raises(OptionError, match="batch is 0"):
        pictures(tmp_path, batch=0)


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(flip=True),
        Augmentation(crop=0.3),
        Augmentation(colour=0.4),
        Augmentation(flip=True, crop=0.5, colour=0.2),
    ],
)
def test_augmented_views_are_the_seed_s(
    tmp_path: Path, augmentation: Augmentation
) -> None:
    found, again = (pictures(tmp_path, augmentation=augmentation) for _ in range(2))
    plain = pictures(tmp_path)
    np.testing.assert_array_equal(found(0, 0).x, again(0, 0).x)
    views = [np.stack([found.view(n, epoch) for n in range(18)]) for epoch in range(2)]
    assert (views[0] != views[1]).any()
    assert any((found.view(n, 0) != plain.view(n, 0)).any() for n in range(18))


def test_a_mirrored_picture() -> None:
    picture = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    seen = [
        Augmentation(flip=True).recolour(picture, np.random.default_rng(n))
        for n in range(40)
    ]
    mirrored = [np.array_equal(view, picture[:, ::-1]) for view in seen]
    same = [np.array_equal(view, picture) for view in seen]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 8 < sum(mirrored) < 32


def test_boxes_are_of_the_share_and_the_shape_that_was_asked_for() -> None:
    picture = np.zeros((200, 300, 3), np.uint8)
    chance = np.random.default_rng(0)
    shapes = [
        Augmentation(crop=0.2, ratio=1.5).cut(picture, chance).shape for _ in range(300)
    ]
    shares = np.array([h * w / 60000 for h, w, _ in shapes])
    ratios = np.array([w / h for h, w, _ in shapes])
    assert 0.19 < shares.min() < 0.25
    assert 0.85 < shares.max() <= 1
    assert 0.66 < ratios.min() < 0.75
    assert 1.4 < ratios.max() < 1.52
    strip = np.zeros((4, 900, 3), np.uint8)
    assert Augmentation(crop=0.9).cut(strip, chance).shape == strip.shape


def test_colours_keep_their_place() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    view = Augmentation(colour=0.5).recolour(picture, np.random.default_rng(1))
    grey, was = view.mean(2).ravel(), picture.mean(2).ravel()
    assert np.corrcoef(grey, was)[0, 1] > 0.9
    assert (view != picture).any()


def test_wrong_augmentations() -> None:
    for crop in (0, 1.1, -1):
        with pytest.raises(OptionError, match=f"crop is {crop}"):
            Augmentation(crop=crop)
    with pytest.raises(OptionError, match=r"ratio is 0\.5 and colour"):
        Augmentation(ratio=0.5)
    with pytest.raises(OptionError, match="and colour 2, but"):
        Augmentation(colour=2)


def test_batches_come_in_order_from_several_threads() -> None:
    names = set()

    def batch(epoch: int, step: int) -> tuple[int, int]:
        names.add(threading.current_thread().name)
        return epoch, step

    with ahead(batch, Place(1, 2, 4, 3), threads=3) as made:
        assert list(made) == [(1, 2), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3)]
    assert all(name.startswith("batch") for name in names)


def test_no_more_is_loaded_than_was_asked_for() -> None:
    loaded = []

    def batch(epoch: int, step: int) -> int:
        loaded.append(step)
        return step

    with ahead(batch, Place(0, 0, 100, 1), threads=2) as made:
        assert next(made) == 0
        assert next(made) == 1
    assert len(loaded) <= 5
    assert not [t for t in threading.enumerate() if t.name.startswith("batch")]


def test_what_goes_wrong_is_raised_in_its_turn() -> None:
    def batch(epoch: int, step: int) -> int:
        if step == 2:
            raise FileFormatError("gone")
        return step

    with ahead(batch, Place(0, 0, 5, 1)) as made:
        assert [next(made), next(made)] == [0, 1]
        with pytest.raises(FileFormatError, match="gone"):
            next(made)
    with (
        pytest.raises(OptionError, match="threads is 0"),
        ahead(batch, Place(0, 0, 1, 1), threads=0),
    ):
        pass
