"""PyTorch's ``.pt`` and ``.pth`` files, read without torch and without running them."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..errors import FileFormatError
from .atomic import PathLike
from .pickle_globals import Refused
from .regular_file import open_regular_file
from .state_dict import find_state_dict
from .torch_legacy import open_legacy
from .torch_modules import tensors_of
from .torch_tensors import materialise
from .torch_zip import SIGNATURE, open_zip
from .weight_file import WeightFile

_TAR_SIGNATURE = (257, b"ustar")


def read_torch_file(path: PathLike) -> dict[str, NDArray[Any]]:
    """Every tensor of a saved state dict by its key, in the order of the file.

    Reads what ``torch.save`` writes today (a zip file) and wrote before 1.6. The
    state dict may lie under a usual key of a checkpoint
    (:data:`~numpy_deconv.io.state_dict.WRAPPERS`, the first that is there), or be that
    of a whole model; what is no tensor is left out, and a usual prefix
    (:data:`~numpy_deconv.io.state_dict.PREFIXES`) that all keys share is taken off.
    bfloat16 comes back as float32, exactly; the device is ignored; tied weights are
    one array.

    Nothing in the file is run: see :mod:`numpy_deconv.io.restricted_pickle`.

    Raises :class:`FileFormatError` if the file is damaged, would call anything that
    plain weights do not need, or holds no state dict.

    Example::

        weights = read_torch_file("alexnet.pth")
        weights["features.0.weight"].shape  # (64, 3, 11, 11)
    """
    return dict(read_torch_checkpoint(path).arrays)


def read_torch_checkpoint(path: PathLike) -> WeightFile:
    """:func:`read_torch_file`, and in words what else the checkpoint holds."""
    file, size = open_regular_file(path)
    with file:
        try:
            start = file.read(_TAR_SIGNATURE[0] + len(_TAR_SIGNATURE[1]))
            if start[_TAR_SIGNATURE[0] :] == _TAR_SIGNATURE[1]:
                raise Refused(
                    "is in the tar format of PyTorch before 0.1.10; load it in an old "
                    "PyTorch and save its state dict again"
                )
            file.seek(0)
            is_zip = start.startswith(SIGNATURE)
            checkpoint = open_zip(file, size) if is_zip else open_legacy(file, size)
            found = find_state_dict(checkpoint.saved, tensors_of)
            arrays = materialise(found.weights, checkpoint, size)
        except (Refused, EOFError, OSError) as error:
            raise FileFormatError(f"{path} {error}") from error
    return WeightFile(arrays, "torch", found.left_out)
