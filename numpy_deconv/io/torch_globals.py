"""The allow-list for PyTorch's files: which names they may use, and what for.

Rebuilding a tensor gives a :class:`TensorSpec`, which only remembers what the file
says; nothing is checked against the data and no memory is taken until
:mod:`numpy_deconv.io.torch_tensors` does both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .pickle_globals import Foreign, Ignored, Known, Refused
from .raw_arrays import BFLOAT16, BOOL, checked_shape, item_size


@dataclass(frozen=True)
class Element(Known):
    """A dtype or a storage type; ``code`` as in :mod:`numpy_deconv.io.raw_arrays`."""

    code: str = "u1"


@dataclass(frozen=True)
class Storage:
    """A run of elements in the file; a view of one begins ``first`` elements in."""

    key: str
    code: str
    numel: int
    first: int
    length: int

    @property
    def size(self) -> int:
        """Bytes of the whole run in the file."""
        return self.numel * item_size(self.code)


@dataclass(frozen=True)
class TensorSpec:
    """A tensor as the file describes it; offset and strides count elements."""

    storage: Storage
    code: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


_BAD_TENSOR = "is damaged or hostile: it describes a tensor wrongly"


def storage_of(persistent_id: object) -> Storage | Foreign:
    """The storage that a persistent id of either file format stands for.

    ``("storage", type, key, location, numel)``, in old files with a sixth item, which
    is None or ``(view key, first, length)``. The location (``"cuda:0"``) is ignored.
    Old files also hold ``("module", class, source file, source)``: the class's marker.

    Raises :class:`Refused` for anything malformed.
    """
    match persistent_id:
        case ("module", Foreign() as kind, *_):
            return kind
        case ("storage", Element(code=code), str(key), _, int(numel), *view):
            first, length = 0, numel
            match view:
                case [(_, int(first), int(length))]:
                    pass
                case [] | [None]:
                    pass
                case _:
                    raise Refused(_BAD_TENSOR)
            if numel >= 0 and first >= 0 and 0 <= length <= numel - first:
                return Storage(key, code, numel, first, length)
    raise Refused(_BAD_TENSOR)


def _rebuild_tensor(arguments: tuple[Any, ...]) -> TensorSpec:
    match arguments:
        case (Storage() as storage, int(offset), shape, strides):
            return _spec(storage, storage.code, offset, shape, strides)
    raise Refused(_BAD_TENSOR)


def _rebuild_tensor_v2(arguments: tuple[Any, ...]) -> TensorSpec:
    _refuse_lazy_bits(arguments[6:])
    return _rebuild_tensor(arguments[:4])


def _rebuild_tensor_v3(arguments: tuple[Any, ...]) -> TensorSpec:
    _refuse_lazy_bits(arguments[7:])
    match arguments:
        case (
            Storage() as storage,
            int(offset),
            shape,
            strides,
            _,
            _,
            Element() as e,
            *_,
        ):
            return _spec(storage, e.code, offset, shape, strides)
    raise Refused(_BAD_TENSOR)


def _spec(
    storage: Storage, code: str, offset: int, shape: object, strides: object
) -> TensorSpec:
    try:
        sizes = checked_shape(shape)
    except ValueError as error:
        raise Refused(f"is damaged or hostile: a tensor in it {error}") from error
    if not isinstance(strides, tuple | list) or len(strides) != len(sizes):
        raise Refused(_BAD_TENSOR)
    if offset < 0 or any(type(step) is not int or step < 0 for step in strides):
        raise Refused(_BAD_TENSOR)
    return TensorSpec(storage, code, offset, sizes, tuple(strides))


def _refuse_lazy_bits(metadata: tuple[Any, ...]) -> None:
    if any(metadata):
        raise Refused(
            "holds a tensor that is conjugated or negated lazily; save it again after "
            "tensor.resolve_conj().resolve_neg()"
        )


def _rebuild_parameter(arguments: tuple[Any, ...]) -> TensorSpec:
    match arguments:
        case (TensorSpec() as data, *_):
            return data
    raise Refused(_BAD_TENSOR)


def _rebuild_from_type(arguments: tuple[Any, ...]) -> object:
    match arguments:
        # Not itself: a file could nest that deeper than Python's stack.
        case (Known(build=build), Known(), tuple(inner), *_) if (
            build is not None and build is not _rebuild_from_type
        ):
            return build(inner)
        case (Foreign() as function, *_):
            raise function.refuse_call()
        case (_, Foreign() as kind, *_):
            raise kind.refuse_object()
    raise Refused(_BAD_TENSOR)


def _ordered_dict(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    match arguments:
        case ():
            return {}
        case ([*pairs],):
            # As Python 2 wrote it.
            return {key: value for key, value in pairs if isinstance(key, str)}
    raise Refused("is damaged: it holds a malformed OrderedDict")


def _size(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(arguments[0])


def _listed(arguments: tuple[Any, ...]) -> list[Any]:
    match arguments:
        case ():
            return []
        case ([*items],):
            return items
    raise Refused("is damaged: it holds a malformed set")


def _ignored(arguments: tuple[Any, ...]) -> Ignored:
    return Ignored()


_STORAGE_CODES = {
    "Double": "f8",
    "Float": "f4",
    "Half": "f2",
    "BFloat16": BFLOAT16,
    "Long": "i8",
    "Int": "i4",
    "Short": "i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": BOOL,
    "ComplexFloat": "c8",
    "ComplexDouble": "c16",
}
_DTYPE_CODES = {
    "float64": "f8",
    "float32": "f4",
    "float16": "f2",
    "bfloat16": BFLOAT16,
    "int64": "i8",
    "int32": "i4",
    "int16": "i2",
    "int8": "i1",
    "uint64": "u8",
    "uint32": "u4",
    "uint16": "u2",
    "uint8": "u1",
    "bool": BOOL,
    "complex64": "c8",
    "complex128": "c16",
}
_QUANTISED = "holds a quantised tensor; save it again after tensor.dequantize()"
_REFUSALS = {
    "torch._utils._rebuild_qtensor": _QUANTISED,
    **{
        f"torch.{kind}Storage": _QUANTISED
        for kind in ("QInt8", "QUInt8", "QInt32", "QUInt4x2", "QUInt2x4")
    },
    "torch._utils._rebuild_sparse_tensor": (
        "holds a sparse tensor; save it again after tensor.to_dense()"
    ),
    "torch._utils._rebuild_nested_tensor": (
        "holds a nested tensor; save its parts as separate tensors"
    ),
    "torch._utils._rebuild_meta_tensor_no_storage": (
        "holds a tensor on the meta device, which has no values; save a real one"
    ),
    **{
        f"torch.{name}": f"holds a tensor of torch.{name}, for which NumPy has no "
        "dtype; save it again after tensor.float()"
        for name in (
            "float8_e4m3fn",
            "float8_e5m2",
            "float8_e4m3fnuz",
            "float8_e5m2fnuz",
            "float8_e8m0fnu",
            "float4_e2m1fn_x2",
            "complex32",
        )
    },
}
# Met in checkpoints beside the weights: a best score, the options of a run, a device.
_IGNORED = (
    "_codecs.encode",
    "argparse.Namespace",
    "collections.Counter",
    "collections.defaultdict",
    "collections.deque",
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
    "functools.partial",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "torch.device",
)

TORCH_GLOBALS: dict[str, Known] = {
    "collections.OrderedDict": Known(_ordered_dict),
    "__builtin__.set": Known(_listed),
    "builtins.set": Known(_listed),
    "torch.Size": Known(_size),
    "torch.Tensor": Known(),
    "torch.nn.parameter.Parameter": Known(),
    "torch.nn.parameter.Buffer": Known(),
    "torch._utils._rebuild_tensor": Known(_rebuild_tensor),
    "torch._utils._rebuild_tensor_v2": Known(_rebuild_tensor_v2),
    "torch._utils._rebuild_tensor_v3": Known(_rebuild_tensor_v3),
    "torch._utils._rebuild_parameter": Known(_rebuild_parameter),
    "torch._utils._rebuild_parameter_with_state": Known(_rebuild_parameter),
    "torch._tensor._rebuild_from_type_v2": Known(_rebuild_from_type),
    "torch.UntypedStorage": Element(),
    "torch.storage.UntypedStorage": Element(),
    **{f"torch.{kind}Storage": Element(code=c) for kind, c in _STORAGE_CODES.items()},
    **{
        f"torch.cuda.{kind}Storage": Element(code=code)
        for kind, code in _STORAGE_CODES.items()
    },
    **{f"torch.{name}": Element(code=code) for name, code in _DTYPE_CODES.items()},
    **{name: Known(_ignored) for name in _IGNORED},
    **{name: Known(refusal=reason) for name, reason in _REFUSALS.items()},
}
