"""PyTorch's ``.pt`` and ``.pth`` files, read without torch and without running them."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..errors import FileFormatError
from .atomic import PathLike
from .pickle_globals import Refused
from .regular_file import open_regular_file
from .torch_globals import TensorSpec
from .torch_legacy import open_legacy
from .torch_tensors import materialise
from .torch_zip import SIGNATURE, open_zip

# Under which keys training scripts keep the weights, most specific first.
WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "weights",
    "params",
    "state_dict_ema",
    "model_ema",
    "ema",
)
# What nn.DataParallel and torch.compile put before every key.
PREFIXES = ("module.", "_orig_mod.")

_TAR_SIGNATURE = (257, b"ustar")


def read_torch_file(path: PathLike) -> dict[str, NDArray[Any]]:
    """Every tensor of a saved state dict by its key, in the order of the file.

    Reads what ``torch.save`` writes today (a zip file) and wrote before 1.6. The
    state dict may lie under a usual key of a checkpoint (:data:`WRAPPERS`, the first
    that is there); what is no tensor is left out, and a prefix of :data:`PREFIXES`
    that all keys share is taken off. bfloat16 comes back as float32, exactly; the
    device is ignored; tied weights are one array.

    Nothing in the file is run: see :mod:`numpy_deconv.io.restricted_pickle`.

    Raises :class:`FileFormatError` if the file is damaged, names anything that plain
    weights do not need, holds a whole model, or holds no state dict.

    Example::

        weights = read_torch_file("alexnet.pth")
        weights["features.0.weight"].shape  # (64, 3, 11, 11)
    """
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
            tensors = _without_prefix(_find_state_dict(checkpoint.saved))
            return materialise(tensors, checkpoint, size)
        except (Refused, EOFError, OSError) as error:
            raise FileFormatError(f"{path} {error}") from error


def _find_state_dict(saved: object) -> dict[str, TensorSpec]:
    if isinstance(saved, TensorSpec):
        raise Refused(
            "holds a single tensor; save a dict from names to tensors, such as "
            "model.state_dict()"
        )
    if not isinstance(saved, dict):
        raise Refused(
            f"holds one {type(saved).__name__}; save a dict from names to tensors, "
            "such as model.state_dict()"
        )
    # The wrappers first: a checkpoint may have a tensor (a best score) beside them.
    for wrapper in WRAPPERS:
        inner = saved.get(wrapper)
        if isinstance(inner, dict) and _tensors(inner):
            return _tensors(inner)
    tensors = _tensors(saved)
    if not tensors:
        keys = ", ".join(ascii(key)[:40] for key in list(saved)[:8])
        raise Refused(
            f"holds no tensor at its top level or under a usual key; it has: "
            f"{keys or 'nothing'}"
        )
    return tensors


def _tensors(entries: dict[Any, Any]) -> dict[str, TensorSpec]:
    return {
        key: value
        for key, value in entries.items()
        if isinstance(key, str) and isinstance(value, TensorSpec)
    }


def _without_prefix(tensors: dict[str, TensorSpec]) -> dict[str, TensorSpec]:
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): spec for key, spec in tensors.items()}
    return tensors
