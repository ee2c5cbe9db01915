"""Pictures as batches: read once, shuffled anew each epoch, augmented one by one.

Which pictures are in a batch, and what becomes of them, depends on the seed, the epoch
and the step only, so that batches can be made ahead, in any order, and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import FileFormatError, NumpyDeconvError, OptionError
from ..io.images import read_image, resize
from .augmentation import Augmentation
from .listing import Listing

if TYPE_CHECKING:
    from ..methods.result import Progress
    from ..models.preprocess import Preprocess

Array = np.ndarray[Any, Any]

KEPT_BYTES = 2 << 30
"""Views are kept in memory up to so much; others are read again each time."""
WHOLE = Augmentation()


class Batch(NamedTuple):
    """``x (N, 3, H, W)`` float32 and ``labels (N,)`` int64."""

    x: Array
    labels: Array


class Pictures:
    """The pictures of a listing that can be read, as batches for a net.

    Each is seen as ``preprocess`` says, after ``augmentation``. Every one is read once
    to begin with, by several threads, and ``unreadable`` says what is wrong with the
    others; views that no random box is cut out of stay in memory. A last batch that is
    not full is dropped, unless ``shuffled`` is False, when all come in their order.

    Raises FileFormatError if none can be read, OptionError if they make no batch.
    """

    def __init__(
        self,
        listing: Listing,
        preprocess: Preprocess,
        *,
        batch: int = 32,
        seed: int = 0,
        augmentation: Augmentation = WHOLE,
        shuffled: bool = True,
        threads: int = 2,
        progress: Progress | None = None,
    ):
        if batch < 1:
            raise OptionError(f"batch is {batch}, but must be 1 or more")
        self.preprocess, self.augmentation = preprocess, augmentation
        self.batch, self.seed, self.shuffled = batch, seed, shuffled
        self.unreadable: Mapping[Path, str] = {}
        self._views: dict[int, Array] = {}
        self.listing = listing
        height, width = preprocess.size
        fitting = len(listing) * height * width * 3 <= KEPT_BYTES
        keep = fitting and augmentation.crop is None
        readable = self._read_all(keep, threads, progress)
        self.listing = replace(
            listing,
            paths=tuple(listing.paths[n] for n in readable),
            labels=tuple(listing.labels[n] for n in readable),
        )
        self._views = {
            new: self._views[old] for new, old in enumerate(readable) if keep
        }
        self._labels = np.array(self.listing.labels, np.int64)
        if not readable:
            path, reason = next(iter(self.unreadable.items()))
            raise FileFormatError(
                f"none of {len(listing)} pictures can be read, the first because "
                f"{reason}: look where the paths begin ({path.parent})"
            )
        if shuffled and len(readable) < batch:
            raise OptionError(
                f"{len(readable)} readable pictures make no batch of {batch}: ask for "
                "a smaller batch"
            )

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        count = len(self.listing)
        return count // self.batch if self.shuffled else -(-count // self.batch)

    def order(self, epoch: int) -> Array:
        """The numbers of the pictures in the order of an epoch."""
        if not self.shuffled:
            return np.arange(len(self.listing))
        return np.random.default_rng((self.seed, epoch)).permutation(len(self.listing))

    def __call__(self, epoch: int, step: int) -> Batch:
        """One batch.

        Raises FileFormatError if a picture can be read no more.
        """
        first = step * self.batch
        numbers = self.order(epoch)[first : first + self.batch]
        views = [self.view(int(number), epoch) for number in numbers]
        x = self.preprocess.encode(np.stack(views))
        return Batch(x, self._labels[numbers])

    def view(self, number: int, epoch: int) -> Array:
        """One picture ``(H, W, 3)``, uint8, as it is seen in an epoch."""
        rng = np.random.default_rng((self.seed, epoch, number))
        seen = self._views.get(number)
        if seen is None:
            seen = self._read(self.listing.paths[number], rng)
        return self.augmentation.recolour(seen, rng)

    def _read(self, path: Path, rng: np.random.Generator | None) -> Array:
        if rng is None or self.augmentation.crop is None:
            return self.preprocess.view(path)
        box = self.augmentation.cut(read_image(path), rng)
        name, size = self.preprocess.interpolation, self.preprocess.size
        return resize(np.ascontiguousarray(box), size, filter=name)

    def _read_all(
        self, keep: bool, threads: int, progress: Progress | None
    ) -> list[int]:
        """The numbers of the pictures that can be read; notes what the others lack."""

        def attempt(path: Path) -> Array | str:
            try:
                return self._read(path, None)
            except NumpyDeconvError as error:
                return str(error)

        readable, unreadable = [], {}
        paths = self.listing.paths
        with ThreadPoolExecutor(threads) as pool:
            try:
                for number, found in enumerate(pool.map(attempt, paths)):
                    if isinstance(found, str):
                        unreadable[paths[number]] = found
                    else:
                        readable.append(number)
                        if keep:
                            self._views[number] = found
                    if progress is not None:
                        progress(number + 1, len(paths))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self.unreadable = unreadable
        return readable
