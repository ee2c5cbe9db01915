"""Where frameworks disagree on what a function means, and which of them is asked.

Each flag is one row of the catalogue of edge cases; a profile is a framework's set of
them. ``Semantics(nan="drop")`` is PyTorch's meaning but for one flag,
``replace(SEMANTICS["onnx"], tie="any")`` varies a profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from ..errors import OptionError


@dataclass(frozen=True, slots=True)
class Semantics:
    """What a pooling, an unpooling or a normalisation is taken to mean.

    ``ceil_rule``
        "drop" a last window that would start in the end padding, or "keep" it.
    ``nan``
        NaN in a maximum: "propagate", "drop" (the maximum of the others), "any".
    ``nan_index``
        Switch of a window with several NaN: "any" of them, "first" or "last".
    ``tie``
        Switch among equal maxima: "first" in row-major order, "last", "any".
    ``index_base``
        What a switch counts: samples of the "plane", of the whole "array" ``(N, C,
        ...)`` (ONNX), of channels-last samples "nhwc" without and "bnhwc" with the
        batch (TensorFlow), or taps of the "window" (Chainer).
    ``storage_order``
        "row" or "column" order of the plane in a switch (ONNX's attribute).
    ``pad_limit``
        Pool padding in numbers up to "half" the window, or "none".
    ``empty_window``
        A maximum over padding only: an "error", or "-inf".
    ``divisor``
        avg_pool's: what ``ceil_mode`` lets hang over is "clipped" away, or the whole
        "window" counts.
    ``lp_clipped``
        "rescale" a clipped window's p-norm (PyTorch), or leave the "norm".
    ``duplicates``
        Values that unpool to one place: the "last" wins, or "any" of them may.
    ``unpool_grad``
        "winner": only the value that stayed has a gradient; "all": each value gets
        that of its place (PyTorch).
    ``lrn_alpha``
        alpha divided by the size ("mean"), or times the plain "sum" (TensorFlow).
    ``lrn_centre``
        An even size has its odd channel "before" (PyTorch) or "after" (ONNX).
    ``output_padding``
        Of conv_transpose: below the "stride or dilation", or below the "stride".
    ``negative_padding``
        An "error", or "crop" (JAX).
    ``momentum``
        In training, the weight of the "new" batch in the running statistics (PyTorch),
        or of the "old" ones (ONNX, TensorFlow).
    ``running_var``
        In training, the "sample"'s variance is kept (PyTorch), or the "population"'s.
    ``batch_norm_eps``
        Default eps of batch_norm.
    ``strict_sign``
        The sign of a zero counts.
    ``strict_padding``
        Padding times an infinite weight is NaN; otherwise such results are not judged.
    """

    ceil_rule: str = "drop"
    nan: str = "propagate"
    nan_index: str = "any"
    tie: str = "first"
    index_base: str = "plane"
    storage_order: str = "row"
    pad_limit: str = "half"
    empty_window: str = "error"
    divisor: str = "clipped"
    lp_clipped: str = "rescale"
    duplicates: str = "last"
    unpool_grad: str = "all"
    lrn_alpha: str = "mean"
    lrn_centre: str = "before"
    output_padding: str = "stride or dilation"
    negative_padding: str = "error"
    momentum: str = "new"
    running_var: str = "sample"
    batch_norm_eps: float = 1e-5
    strict_sign: bool = False
    strict_padding: bool = False

    def __post_init__(self) -> None:
        for flag, values in VALUES.items():
            given = getattr(self, flag)
            if given not in values:
                raise OptionError(f"{flag}={given!r} is not known: use one of {values}")


VALUES: Mapping[str, tuple[str, ...]] = {
    "ceil_rule": ("drop", "keep"),
    "nan": ("propagate", "drop", "any"),
    "nan_index": ("any", "first", "last"),
    "tie": ("first", "last", "any"),
    "index_base": ("plane", "array", "nhwc", "bnhwc", "window"),
    "storage_order": ("row", "column"),
    "pad_limit": ("half", "none"),
    "empty_window": ("error", "-inf"),
    "divisor": ("clipped", "window"),
    "lp_clipped": ("rescale", "norm"),
    "duplicates": ("last", "any"),
    "unpool_grad": ("all", "winner"),
    "lrn_alpha": ("mean", "sum"),
    "lrn_centre": ("before", "after"),
    "output_padding": ("stride or dilation", "stride"),
    "negative_padding": ("error", "crop"),
    "momentum": ("new", "old"),
    "running_var": ("sample", "population"),
}

SEMANTICS: Mapping[str, Semantics] = {
    "torch": Semantics(),
    "numpy_deconv": Semantics(nan_index="first", unpool_grad="winner"),
    "onnx": Semantics(
        nan="any",
        index_base="array",
        pad_limit="none",
        lp_clipped="norm",
        unpool_grad="winner",
        lrn_centre="after",
        output_padding="stride",
        momentum="old",
        running_var="population",
    ),
    "tf": Semantics(
        nan="any",
        tie="any",
        index_base="nhwc",
        pad_limit="none",
        duplicates="any",
        lrn_alpha="sum",
        momentum="old",
        batch_norm_eps=1e-3,
    ),
    "jax": Semantics(
        pad_limit="none",
        empty_window="-inf",
        divisor="window",
        negative_padding="crop",
    ),
    "tosa": Semantics(tie="any", pad_limit="none"),
}


def semantics_of(value: Semantics | str) -> Semantics:
    """``value``, or the profile of that name."""
    if isinstance(value, Semantics):
        return value
    if value not in SEMANTICS:
        raise OptionError(
            f"semantics={value!r} is not known: use one of {tuple(SEMANTICS)}, or a "
            f"Semantics with flags {', '.join(f.name for f in fields(Semantics))}"
        )
    return SEMANTICS[value]
